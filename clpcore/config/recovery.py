"""What a monitor recovers: its target, another resource or group, all groups, or the server."""

from __future__ import annotations

from collections.abc import Mapping

from clpcore.config.driven import Given
from clpcore.config.reading import Reading
from clpcore.config.wording import listed, meant
from clpcore.model.members import ALL_GROUPS, LOCAL_SERVER, Group, Resource
from clpcore.model.states import FinalAction

_WORDS = (ALL_GROUPS, LOCAL_SERVER)


def target(
    reading: Reading, given: Given, groups: Mapping[str, Group], watched: Resource | None
) -> str:
    """Give what is recovered; *watched* is the monitor's target, or None."""
    said: str | None = given.core.get("recovery_target")
    if said is None:
        said = watched.name if watched else LOCAL_SERVER
    elif watched is not None and said not in _WORDS:
        _check_of_group(reading, given, groups[watched.group], said)
    elif said not in _WORDS and not reading.is_wrong((*given.path, "target")):
        _check_anywhere(reading, given, groups, said)
    if said == LOCAL_SERVER:
        _check_of_server(reading, given)
    return said


def _check_of_group(reading: Reading, given: Given, group: Group, said: str) -> None:
    if said not in {group.name, *group.by_name}:
        what = f"{said} is neither {group.name} nor one of its resources."
        remedy = meant(said, (group.name, *group.by_name, *_WORDS))
        reading.error((*given.path, "recovery_target"), what, remedy)


def _check_anywhere(reading: Reading, given: Given, groups: Mapping[str, Group], said: str) -> None:
    path = (*given.path, "recovery_target")
    homes = [group.name for group in groups.values() if said in group.by_name]
    if said in groups or len(homes) == 1:
        return
    if homes:
        what = f"There is a resource {said} in each of {listed(homes)}."
        reading.error(path, what, f"Name a group, {listed(homes, 'or')}.")
    else:
        known = (*groups, *(name for group in groups.values() for name in group.by_name), *_WORDS)
        reading.error(path, f"There is no group or resource {said}.", meant(said, known))


def _check_of_server(reading: Reading, given: Given) -> None:
    """The server cannot be reactivated, nor can it fail over: only the last rung is left."""
    if given.core.get("final_action") is FinalAction.STOP_GROUP:
        what = f"The recovery target is the {LOCAL_SERVER}: there is no group to stop."
        remedy = f'Name a group as recovery_target, or "{ALL_GROUPS}".'
        reading.error((*given.path, "final_action"), what, remedy)
    for key in ("max_reactivations", "max_failovers"):
        if given.core.get(key) and reading.document.at((*given.path, key)) is not None:
            what = f"The recovery target is the {LOCAL_SERVER}: it has only the final action."
            remedy = f'Leave {key} out, or name a group as recovery_target, or "{ALL_GROUPS}".'
            reading.warn((*given.path, key), what, remedy)
