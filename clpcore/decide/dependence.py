"""What goes up or down with a resource: all that needs it, or all that it needs."""

from __future__ import annotations

from collections.abc import Mapping

from clpcore.model.members import Group


def with_dependents(group: Group, name: str) -> tuple[str, ...]:
    """Give *name* and everything that needs it, directly or not, in file order."""
    return _closed(group, name, group.dependents)


def with_needed(group: Group, name: str) -> tuple[str, ...]:
    """Give *name* and everything that it needs, directly or not, in file order."""
    return _closed(group, name, {each.name: each.depends_on for each in group.resources})


def _closed(group: Group, name: str, onward: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    found, todo = {name}, [name]
    while todo:
        new = [each for each in onward[todo.pop()] if each not in found]
        found.update(new)
        todo.extend(new)
    return tuple(each for each in group.by_name if each in found)
