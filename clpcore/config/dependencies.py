"""What is activated before what: as a resource says, or by type; an address comes last."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping

from clpcore.api import Capability
from clpcore.config.driven import Given
from clpcore.config.reading import Reading
from clpcore.config.wording import meant

Names = tuple[str, ...]


def resolve(reading: Reading, group: Mapping[str, Given]) -> dict[str, Names]:
    """Give what each resource of one group depends on, by name, in the order of the files."""
    depends = {
        name: _said(reading, group, name) if "depends_on" in given.core else _by_type(group, name)
        for name, given in group.items()
    }
    _refuse_cycle(reading, group, depends)
    for name, others in depends.items():
        _warn_of_addresses(reading, group, name, others)
    return depends


def _said(reading: Reading, group: Mapping[str, Given], name: str) -> Names:
    path = (*group[name].path, "depends_on")
    found: list[str] = []
    for index, other in enumerate(group[name].core["depends_on"]):
        here = (*path, index)
        if other == name:
            reading.error(here, f"{name} cannot depend on itself.", "Take it off the list.")
        elif other not in group:
            others = [resource for resource in group if resource != name]
            what = f"There is no resource {other} in this group."
            reading.error(here, what, meant(other, others))
        else:
            found.append(other)
    return tuple(dict.fromkeys(found))


def _by_type(group: Mapping[str, Given], name: str) -> Names:
    spec = group[name].spec
    after = spec.activates_after if spec else ()
    return tuple(
        other
        for other, given in group.items()
        if other != name
        and (given.type in after or ("*" in after and not given.has(Capability.ADDRESS)))
    )


def _refuse_cycle(
    reading: Reading, group: Mapping[str, Given], depends: Mapping[str, Names]
) -> None:
    try:
        graphlib.TopologicalSorter(depends).prepare()
    except graphlib.CycleError as error:
        cycle: list[str] = error.args[1]
        by_type = [name for name in cycle[:-1] if "depends_on" not in group[name].core]
        what = f"The resources wait for each other: {' before '.join(cycle)}."
        remedy = "Take one of them off a depends_on."
        if by_type:
            remedy = f"{by_type[0]} depends by type: give it a depends_on of its own."
        said = next((name for name in cycle if name not in by_type), cycle[0])
        reading.error((*group[said].path, "depends_on"), what, remedy)


def _warn_of_addresses(
    reading: Reading, group: Mapping[str, Given], name: str, others: Names
) -> None:
    if group[name].has(Capability.ADDRESS) or "depends_on" not in group[name].core:
        return
    for other in others:
        if group[other].has(Capability.ADDRESS):
            index = group[name].core["depends_on"].index(other)
            what = f"Clients reach {other} before {name} is active, and after it has stopped."
            remedy = f"Leave {other} out: an address is activated last and deactivated first."
            reading.warn((*group[name].path, "depends_on", index), what, remedy)
