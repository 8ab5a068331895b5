"""The world as one value: servers, what is on its way between them, the arbiter, and the clock.

There is one clock for all, in ms; a server's clock does not begin anew with a boot, as nothing that
outlives a boot holds a time of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clpcore.model import arbitration
from clpcore.model.actions import Driven
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Outcome
from clpcore.model.kept import BootKept, Kept
from clpcore.model.peer import Beat, Letter
from clpcore.model.state import ClusterState
from clpcore.simulate.arbiter import Lease
from clpcore.simulate.exhaustive.canonical import Shape

Resources = tuple[tuple[str, str], ...]  # group, resource: in the order of the configuration


@attrs.frozen
class Life:
    """What the disk says of the newest life; *over*: it was left cleanly."""

    boot: Boot
    start: int
    over: bool = False


@attrs.frozen(kw_only=True)
class Server:
    """One server.

    Attributes:
        name: its name.
        on: its machine has power.
        life: the newest one; of an agent that is down, the one to follow.
        kept: its journal.
        run: what its /run holds.
        state: of its agent; None: it is down.
        up: resources of which anything may be running.
        hung_until: the agent gets nothing before it is let go on, at this time at the latest.
        frozen: the whole machine does not run, the watchdog included.
        hung_at: since when.
        bites_at: when the watchdog resets the machine; None: it is not needed.
        shape: of all that, but for what is known of time.

    """

    name: str
    on: bool = True
    life: Life
    kept: Kept = Kept()
    run: BootKept = BootKept()
    state: ClusterState | None = None
    up: frozenset[tuple[str, str]] = frozenset()
    hung_until: int | None = None
    frozen: bool = False
    hung_at: int | None = None
    bites_at: int | None = None
    shape: Shape | None = attrs.field(default=None, eq=False)

    @property
    def awake(self) -> bool:
        """Tell whether its agent takes what comes."""
        return self.state is not None and self.hung_until is None

    def serves(self, group: str) -> bool:
        """Tell whether anything of *group* may be running here."""
        return any(each == group for each, _ in self.up)


@attrs.frozen(kw_only=True)
class Mail:
    """A letter or a heartbeat on its way; *until*: older than that it is lost."""

    sender: str
    incarnation: Incarnation
    to: str
    letter: Letter | Beat
    until: int
    shape: Shape | None = attrs.field(default=None, eq=False)

    @property
    def at(self) -> str:
        """Give whom it reaches."""
        return self.to


@attrs.frozen(kw_only=True)
class Pending:
    """A call that has begun.

    Attributes:
        server: where.
        incarnation: of the agent that called.
        action: what it asked for.
        until: then it stalls.
        outcome: it is carried out, and the answer is on its way.
        lost: nothing came of it and nothing will.

    """

    server: str
    incarnation: Incarnation
    action: Driven
    until: int
    outcome: Outcome | None = None
    lost: bool = False
    shape: Shape | None = attrs.field(default=None, eq=False)

    @property
    def at(self) -> str:
        """Give whom its answer reaches."""
        return self.server


@attrs.frozen(kw_only=True)
class Blow:
    """A forced stop of *victim* that was accepted, and comes when it comes."""

    victim: str
    until: int
    shape: Shape | None = attrs.field(default=None, eq=False)

    @property
    def at(self) -> str:
        """Give whom it reaches."""
        return self.victim


Item = Mail | Pending | Blow


@attrs.frozen(kw_only=True)
class World:
    """All there is, at one moment.

    Attributes:
        now: ms.
        beat_at: when all servers send their next heartbeat.
        servers: in the order of the configuration.
        flight: what happens next, in this order, without any time passing.
        held: what happens some time, or never.
        cuts: directed paths (from, to) on which nothing comes through.
        records: of the arbiter, by group.
        leases: of the arbiter, by server.
        served: by group, the newest epoch that was activated, by whom, in which boot.
        asked: how many operators' requests there were.

    """

    now: int
    beat_at: int
    servers: tuple[Server, ...]
    flight: tuple[Item, ...] = ()
    held: tuple[Item, ...] = ()
    cuts: frozenset[tuple[str, str]] = frozenset()
    records: Mapping[str, arbitration.Record] = attrs.field(factory=dict)
    leases: Mapping[str, Lease] = attrs.field(factory=dict)
    served: Mapping[str, tuple[int, str, int]] = attrs.field(factory=dict)
    asked: int = 0

    def server(self, name: str) -> Server:
        """Give a server by its name."""
        return next(each for each in self.servers if each.name == name)

    def head(self) -> int | None:
        """Give the place in ``flight`` of what happens next; None: time passes first."""
        for place, item in enumerate(self.flight):
            if not self.waits(item):
                return place
        return None

    def waits(self, item: Item) -> bool:
        """Tell whether it has arrived where nobody can take it yet."""
        at = self.server(item.at)
        if isinstance(item, Blow):
            return False
        if isinstance(item, Pending) and not at.frozen and item.outcome is None:
            return False
        return at.hung_until is not None
