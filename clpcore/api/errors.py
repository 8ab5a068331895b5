"""The errors that a driver raises, chosen by what the core will do about them."""

from __future__ import annotations


class DriverError(Exception):
    """The call did not reach its goal; the text goes to the operator.

    It names the thing, the value and the next step, and no secret. Raise one of its subclasses. Any
    other exception is shown as a bug of the driver, and counts as ``Failed``.
    """


class Failed(DriverError):
    """It did not work now; the core tries again by policy."""


class Misconfigured(DriverError):
    """It cannot work with this configuration; the core tells it and does not try again here."""


class NotInstalled(DriverError):
    """Something is missing on this server; another server may do."""
