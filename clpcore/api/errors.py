"""The errors that a driver raises, chosen by what the core will do about them."""

from __future__ import annotations


class DriverError(Exception):
    """The call did not reach its goal; the text goes to the operator."""


class Failed(DriverError):
    """It did not work now; the core tries again by policy."""


class Misconfigured(DriverError):
    """It cannot work with this configuration; the core tells and does not retry."""


class NotInstalled(DriverError):
    """Something is missing on this server; another server may do."""
