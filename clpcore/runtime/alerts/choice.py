"""Which messages an alert sends: what it says itself, else what the product sends to its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clpcore import messages
from clpcore.messages.catalogue import Entry
from clpcore.model.alerts import Alert
from clpcore.model.reasons import Severity
from clpcore.runtime.store.wanted import Wanted

# The product's defaults (its list of messages, columns mail and alert log) for equal numbers; from
# 500 the numbers are ours, and their errors are what somebody should be told.
_MAILED: Final = frozenset({"nm2", "nm10", "rc32", "rc42", "rc92", "rm7", "rm9", "rm57"})
_OURS: Final = 500
_TOLD_MODULES: Final = frozenset({"nm", "pm", "rc", "rm"})
_NOT_LOGGED: Final = frozenset({"rc30", "rc31", "rc40", "rc41"})


def _is_mailed(entry: Entry) -> bool:
    is_ours = entry.module in _TOLD_MODULES and entry.event >= _OURS
    return entry.key in _MAILED or (is_ours and entry.severity is Severity.ERROR)


_DEFAULTS: Final[dict[str, Callable[[Entry], bool]]] = {
    "syslog": lambda _: True,
    "file": lambda entry: entry.key not in _NOT_LOGGED,
    "mail": _is_mailed,
    "command": _is_mailed,
    "webhook": _is_mailed,
}


def wanted(alert: Alert) -> Wanted:
    """Give what to read of the journal."""
    chosen = filter(_rule(alert), messages.entries().values())
    return Wanted(keys=frozenset(entry.key for entry in chosen))


def _rule(alert: Alert) -> Callable[[Entry], bool]:
    if not (alert.ids or alert.modules or alert.severities):
        return _DEFAULTS[alert.type]

    def takes(entry: Entry) -> bool:
        by_class = bool(alert.modules or alert.severities)
        if alert.modules and entry.module not in alert.modules:
            by_class = False
        if alert.severities and entry.severity.value not in alert.severities:
            by_class = False
        return by_class or entry.key in alert.ids

    return takes
