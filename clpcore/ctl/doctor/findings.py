"""What a check gives: findings, each with its severity, and what to do."""

from __future__ import annotations

import attrs

from clpcore.api.doctor import Finding, Severity
from clpcore.ctl.words import said

__all__ = ["Blind", "Finding", "Severity", "error", "needs_remedy", "ok", "unknown", "warning"]


class Blind(Exception):
    """Something could not be looked at; says why, and how it could be."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


def error(what: str, value: str, remedy: str) -> Finding:
    """Give what does harm now, or will when it matters."""
    return Finding(Severity.ERROR, what, value, remedy)


def warning(what: str, value: str, remedy: str) -> Finding:
    """Give what may do harm."""
    return Finding(Severity.WARNING, what, value, remedy)


def unknown(what: str, value: str, remedy: str) -> Finding:
    """Give what could not be looked at, and why."""
    return Finding(Severity.UNKNOWN, what, value, remedy)


def ok(what: str, value: str) -> Finding:
    """Give what is as it should be."""
    return Finding(Severity.OK, what, value)


def needs_remedy(found: Finding) -> Finding:
    """Give it with a next step, if it is not well and names none."""
    if found.remedy or found.severity is Severity.OK:
        return found
    return attrs.evolve(found, remedy=said("look at it by hand"))
