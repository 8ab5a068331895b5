"""What to do next about a forced stop, from what Azure has answered so far: pure.

The request causes, the read-back proves. Asked again after any doubt: to power off what is powered
off already is nothing to Azure. Times are milliseconds of one clock.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

OFF: Final = frozenset({"stopped", "deallocated"})
_GOING: Final = frozenset({"stopping", "deallocating"})
_PAUSE: Final = 1_000  # between two reads, and after a doubt: Azure throttles who asks more often
_LONGEST_PAUSE: Final = 5_000  # whatever Azure would like: somebody's service is down meanwhile
_FIRST: Final = 50  # until an operation is first followed
_SHARE: Final = 20  # an operation is followed after each such part of the time that it took so far
_DEAF: Final = 10_000  # after a request that nothing came of
_STUCK: Final = 30_000  # after one of which something came


class Do(enum.Enum):
    """What can be asked of Azure; of what is due, the first comes first."""

    READ = "read"  # the machine and its power
    REQUEST = "request"  # that it is powered off
    FOLLOW = "follow"  # how far the request is: a hint when to read, and no more


@attrs.frozen(kw_only=True)
class Course:
    """How far a forced stop is.

    Attributes:
        sure: the machine is known to be the one that is meant: nothing is requested before.
        read_at: when to read.
        request_at: when to request; None: it was taken, and there is no doubt.
        follow_at: when to follow the request; None: there is nothing to follow.
        requests: how many Azure has taken.
        taken_at: when it took the last of them.
        power: as last read; empty: not yet, or Azure did not say.
        trouble: what went wrong last.

    """

    sure: bool
    read_at: int
    request_at: int | None
    follow_at: int | None = None
    requests: int = 0
    taken_at: int = 0
    power: str = ""
    trouble: str = ""

    @property
    def is_over(self) -> bool:
        """Tell whether the machine that is meant was read as off."""
        return self.sure and self.power in OFF


def begin(now: int, *, sure: bool) -> Course:
    """Give the course of a forced stop that begins *now*: it reads, then requests."""
    return Course(sure=sure, read_at=now, request_at=now)


def following(course: Course, now: int) -> tuple[Do, int]:
    """Give what comes next, and the time to do it."""
    times = {Do.READ: course.read_at, Do.FOLLOW: course.follow_at}
    if course.sure:
        times[Do.REQUEST] = course.request_at
    plan = [(max(at, now), list(Do).index(do), do) for do, at in times.items() if at is not None]
    at, _, do = min(plan)
    return do, at


def was_read(course: Course, now: int, power: str) -> Course:
    """Go on after a read of the machine that is meant."""
    course = attrs.evolve(course, sure=True, power=power, read_at=now + _PAUSE)
    patience = _STUCK if power in _GOING else _DEAF
    if course.request_at is None and now - course.taken_at >= patience:
        trouble = f"Azure took the request, and the power is still read as {power or 'unknown'}"
        return attrs.evolve(course, request_at=now, trouble=trouble)
    return course


def was_not_read(course: Course, now: int, trouble: str, wait: int = 0) -> Course:
    """Go on after a read that failed; *wait*: for how long Azure wants to be left alone."""
    return attrs.evolve(course, read_at=now + _pause(wait), trouble=trouble)


def was_taken(course: Course, now: int, *, can_be_followed: bool) -> Course:
    """Go on after a request that Azure has accepted, which proves nothing."""
    return attrs.evolve(
        course,
        requests=course.requests + 1,
        taken_at=now,
        request_at=None,
        follow_at=now + _FIRST if can_be_followed else None,
    )


def was_not_taken(course: Course, now: int, trouble: str, wait: int = 0) -> Course:
    """Go on after a request that failed, or of which nobody knows whether it was taken."""
    return attrs.evolve(course, request_at=now + _pause(wait), trouble=trouble)


def goes_on(course: Course, now: int) -> Course:
    """Go on after a look at the operation, which has not ended."""
    pace = max(_FIRST, min((now - course.taken_at) // _SHARE, _PAUSE))
    return attrs.evolve(course, follow_at=now + pace)


def has_ended(course: Course, now: int) -> Course:
    """Go on after the operation's end, good or bad: read at once; ask again if it is not off."""
    return attrs.evolve(course, follow_at=None, read_at=now, request_at=now + _PAUSE)


def was_lost(course: Course) -> Course:
    """Go on when the operation cannot be followed: reading tells, too."""
    return attrs.evolve(course, follow_at=None)


def _pause(wait: int) -> int:
    return max(_PAUSE, min(wait, _LONGEST_PAUSE))
