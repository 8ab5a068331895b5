"""How sending fails, as far as it matters for what comes next."""

from __future__ import annotations


class Unsent(Exception):
    """Nothing can be sent now; the same messages are tried again until they can."""


class Refused(Exception):
    """These messages were not taken, others may be: they are given up after some tries."""
