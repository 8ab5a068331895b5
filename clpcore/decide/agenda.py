"""Which groups a turn has to look at."""

from __future__ import annotations

from collections.abc import Mapping

from clpcore.model.config import ClusterConfig, Group

DUE_AT_ONCE = 64  # groups: a step shall be short, and timers can wait a moment


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
        """Give the groups to look at now, in file order; what happens next stirs anew."""
        if self._sweeping:
            groups = self._config.groups
            self._due.clear()
        else:
            groups = self._stirred_or_due()
        self._sweeping = False
        self._stirred.clear()
        return groups

    def _stirred_or_due(self) -> tuple[Group, ...]:
        self._stirred.update(self._take_due())
        by_name, place = self._config.group_by_name, self._config.place_of_group
        names = sorted(self._stirred & by_name.keys(), key=place.__getitem__)
        for name in ("", *names):
            self._due.pop(name, None)
        return tuple(by_name[name] for name in names)

    def _take_due(self) -> list[str]:
        """Give what is due, not too much at once: the rest is due in a millisecond."""
        due = sorted(group for group, at in self._due.items() if at <= self._now)
        for group in due[DUE_AT_ONCE:]:
            self._due[group] = self._now + 1
        return due[:DUE_AT_ONCE]
