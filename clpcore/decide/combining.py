"""``mtw``: what several monitors say together on one server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clpcore.decide.turn import Turn
from clpcore.model.inputs import Observation
from clpcore.model.members import Monitor
from clpcore.model.states import Health, Shown

_LOOKED: Final = frozenset({Shown.NORMAL, Shown.CAUTION, Shown.ERROR})


def combined(settings: Mapping[str, Any], states: Mapping[str, Shown]) -> Observation | None:
    """Judge monitors by how many of them are in error; None: none of them looks here now.

    One that does not look is neither in error nor normal: where its error would tip the scales, it
    makes a warning.

    Args:
        settings: those of the monitor of type ``mtw``.
        states: of this server's monitors, by name.

    """
    names = tuple(settings["monitors"])
    looked = [name for name in names if states.get(name) in _LOOKED]
    if not looked:
        return None
    errors = [name for name in looked if states[name] is Shown.ERROR]
    unseen = len(names) - len(looked)
    said = f"{len(errors)} of {len(names)} in error"
    said += f": {', '.join(errors)}" if errors else ""
    said += f"; {unseen} not looked at" if unseen else ""
    return Observation(_health(settings, len(names), len(errors), unseen), said)


def _health(settings: Mapping[str, Any], every: int, errors: int, unseen: int) -> Health:
    error = settings.get("error_threshold", 0) or every
    warning = settings.get("warning_threshold", 0) or error
    if errors >= error:
        return Health.ERROR
    if errors >= warning or (errors and errors + unseen >= error):
        return Health.WARNING
    return Health.NORMAL


def look(turn: Turn, monitor: Monitor) -> Observation | None:
    """Judge the states that *monitor* counts on this server, as they are now; None as above."""
    states = {name: each.state for name, each in turn.monitors.items()}
    return combined(monitor.settings_for(turn.me), states)


def tell(turn: Turn, monitor: str) -> None:
    """Let those that count *monitor*, whose state has changed, look at once."""
    for name in turn.config.counted_by.get(monitor, ()):
        if turn.monitors[name].next_at is not None:
            turn.monitors.change(name, next_at=turn.now)
            turn.stir(turn.config.monitor_by_name[name].group)
