"""Which groups a turn has to look at."""

from __future__ import annotations

from collections.abc import Mapping

from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group

AT_ONCE = 64  # groups: a step shall be short, and all else can wait a moment


class Agenda:
    """The groups in which something may have changed, and when to look at which.

    These are the groups that were written (``stir``), those that are due (``wake``), and all of
    them when something changed that concerns them all (``sweep``).
    """

    def __init__(self, config: ClusterConfig, due: Mapping[str, int], now: int) -> None:
        self._config = config
        self._now = now
        self._due = dict(due)
        self._stirred: set[str] = set()
        self.looked_at: set[str] = set()  # in this turn
        self._sweeping = not due  # of a state that has just begun, or in which nothing moves

    def stir(self, group: str) -> None:
        """Look at *group*."""
        self._stirred.add(group)

    def sweep(self) -> None:
        """Look at every group."""
        self._sweeping = True

    def wake(self, at: int, group: str = "") -> None:
        """Look at *group* at *at* at the latest; without a group, only at the servers."""
        if at < self._due.get(group, at + 1):
            self._due[group] = at

    @property
    def rests(self) -> bool:
        """Tell whether nothing has changed since ``restless`` was last asked."""
        return not self._stirred and not self._sweeping

    @property
    def due(self) -> Mapping[str, int]:
        """Give when each group, and under "" the servers, must be looked at."""
        return self._due

    def restless(self) -> tuple[Group, ...]:
        """Give the groups to look at now, in file order; what happens next stirs anew.

        They are not too many, what was written first: the rest is due in a millisecond.
        """
        by_name, place = self._config.group_by_name, self._config.place_of_group
        stirred = sorted(self._stirred & by_name.keys(), key=place.__getitem__)
        due = [name for name in self._due_now() if name not in self._stirred]
        self._sweeping = False
        self._stirred.clear()
        names = [*stirred, *due]
        for name in names[AT_ONCE:]:
            self._due[name] = self._now + 1
        now = sorted(names[:AT_ONCE], key=place.__getitem__)
        for name in ("", *now):
            self._due.pop(name, None)
        self.looked_at.update(now)
        return tuple(by_name[name] for name in now)

    def _due_now(self) -> list[str]:
        """Give what is due, in file order."""
        if self._sweeping:
            return list(self._config.group_by_name)
        place = self._config.place_of_group
        due = [name for name, at in self._due.items() if at <= self._now and name in place]
        return sorted(due, key=place.__getitem__)
