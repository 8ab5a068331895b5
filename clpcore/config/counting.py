"""Monitors that count the errors of others: those are there, and look where they are counted."""

from __future__ import annotations

from clpcore.config.reading import Reading
from clpcore.config.wording import listed, meant
from clpcore.model.members import COUNTING, Monitor


def check(reading: Reading, monitors: tuple[Monitor, ...], servers: tuple[str, ...]) -> None:
    """Add what is wrong with the lists of those among *monitors* that count others."""
    by_name = {monitor.name: monitor for monitor in monitors}
    for monitor in monitors:
        path = ("monitor", monitor.name, "monitors")
        names = monitor.settings.get("monitors")
        if monitor.type != COUNTING or not isinstance(names, list) or reading.is_wrong(path):
            continue
        looks_on = monitor.servers or servers
        for index, name in enumerate(names):
            if wrong := _wrong(monitor, name, by_name, looks_on):
                reading.error((*path, index), *wrong)


def _wrong(
    monitor: Monitor, name: str, by_name: dict[str, Monitor], looks_on: tuple[str, ...]
) -> tuple[str, str] | None:
    if name == monitor.name:
        return "It cannot count itself.", "Take it off the list."
    if name not in by_name:
        known = (each.name for each in by_name.values() if each.type != COUNTING)
        return f"There is no monitor {name}.", meant(name, known)
    if by_name[name].type == COUNTING:
        return f"{name} counts others itself.", "Name what it counts."
    blind = [server for server in looks_on if not by_name[name].looks_on(server)]
    if blind:
        what = f"{name} does not look on {listed(blind)}, where {monitor.name} counts it."
        both = [server for server in looks_on if server not in blind]
        how = f"servers = {list(both)}".replace("'", '"') if both else "other servers"
        return what, f"Give {monitor.name} {how}, or let {name} look there as well."
    return None
