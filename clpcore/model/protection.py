"""What keeps a group from running twice: NP resolution, forced stop, arbiter and its lease."""

from __future__ import annotations

import enum
from typing import Final

import attrs

from clpcore.model.driven import Driven
from clpcore.model.fields import setting

MAJORITY: Final = "majoritynp"  # the type that the core answers itself: it only counts
_DRIFT_PER_MILLE: Final = 1  # by how much two clocks may run apart (rho of ownership.md 6)


class Policy(enum.Enum):
    """What a takeover rests on; it follows from the configuration (ownership.md 7)."""

    COHORT = "cohort"  # no arbiter: every other member's word, or proof that it has stopped
    FENCE = "fence"  # an arbiter's token, then a confirmed forced stop
    LEASE = "lease"  # an arbiter's token, once the former holder's lease has lapsed
    BOTH = "both"  # all of it


class OnFenceFailure(enum.Enum):
    """What follows when a forced stop could not be confirmed."""

    BLOCK = "block"  # wait for a proof, or for an operator's word
    LEASE = "lease"  # the lapsed lease of a boot whose watchdog was armed is proof enough
    FAILOVER = "failover"  # take over without proof: THE GROUP CAN RUN TWICE


@attrs.frozen(kw_only=True)
class NpResolution(Driven):
    """A way to find out who is cut off: ``[np.NAME]``."""

    interval: int = setting(
        "Between two questions while all is well.", default=5_000, unit="ms", example="5", low=10
    )
    timeout: int = setting(
        "Deadline of one question.", default=3_000, unit="ms", example="3", low=10
    )
    tries: int = setting(
        "Questions in a row without an answer that mean silence.", default=3, low=1
    )
    servers: tuple[str, ...] = setting("Servers that ask; empty: all.", default=())

    @property
    def time(self) -> int:
        """Give the longest time, in ms, that it takes to tell silence.

        A question that was asked just before the silence began counts as a try, and proves nothing
        without one that was asked after it.
        """
        return max(self.tries, 2) * self.timeout

    def asks_on(self, server: str) -> bool:
        """Tell whether *server* is one of those that ask."""
        return not self.servers or server in self.servers


@attrs.frozen(kw_only=True)
class Fencing(Driven):
    """A way to stop a silent server by force: ``[fencing.NAME]``.

    Several make levels: the next one is tried when one has used up its tries.
    """

    timeout: int = setting(
        "Deadline of one try: the request, and reading the power state back.",
        default=60_000,
        unit="ms",
        example="60",
        low=10,
    )
    tries: int = setting("Tries before the next level, or giving up.", default=3, low=1)
    retry_interval: int = setting(
        "Between two tries.", default=5_000, unit="ms", example="5", low=0
    )
    check_interval: int = setting(
        "Between two looks whether a forced stop would work.",
        default=3_600_000,
        unit="ms",
        example="3600",
        low=100,
    )
    check_timeout: int = setting(
        "Deadline of such a look.", default=60_000, unit="ms", example="60", low=10
    )
    servers: tuple[str, ...] = setting("Servers that it can stop; empty: all.", default=())

    def stops(self, server: str) -> bool:
        """Tell whether it can stop *server*."""
        return not self.servers or server in self.servers


@attrs.frozen(kw_only=True)
class Arbiter(Driven):
    """The compare-and-set store that all servers reach: ``[arbiter.NAME]``; one at most."""

    lease: int = setting(
        "How long a server may serve on one renewal; 0: no lease, a forced stop alone proves.",
        default=60_000,
        unit="ms",
        example="60",
        low=0,
    )
    renewal: int = setting(
        "Between two renewals of the lease.", default=5_000, unit="ms", example="5", low=10
    )
    timeout: int = setting(
        "Deadline of one request to it.", default=2_000, unit="ms", example="2", low=10
    )
    watchdog: int = setting(
        "After how long without a sign of life the watchdog resets the machine.",
        default=15_000,
        unit="ms",
        example="15",
        low=10,
    )
    reset: int = setting(
        "How long the reset of a machine takes to stop everything on it.",
        default=2_000,
        unit="ms",
        example="2",
        low=0,
    )
    freeze: int = setting(
        "The longest freeze of a whole machine that is expected; the watchdog may not count it.",
        default=30_000,
        unit="ms",
        example="30",
        low=0,
    )

    @property
    def counted(self) -> int:
        """Give how long after its sending a renewal holds, by the server's own clock (T1)."""
        return self.lease * (1_000 - 2 * _DRIFT_PER_MILLE) // 1_000

    def margin(self, stop_budget: int) -> int:
        """Give how long before the end of its lease a server begins to stop (T2).

        A quarter of the budget is for what has to be killed.
        """
        return self.freeze + max(stop_budget + stop_budget // 4, self.watchdog) + self.reset

    def endured_freeze(self, stop_budget: int) -> int:
        """Give the longest freeze after which a server need not stop what it serves, in ms.

        The last renewal before it may be an interval old, and its successor on its way. A watchdog
        that counts the freeze was fed half of its time before.
        """
        left = self.counted - self.margin(stop_budget) - self.renewal - self.timeout
        return max(0, min(left, self.watchdog // 2))
