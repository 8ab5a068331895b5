"""One server: what its disk holds, what its boot remembers, its agent, and what really runs."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from clpcore.model.actions import (
    Activate,
    Deactivate,
    Driven,
    Left,
    Probe,
    RaiseBoot,
    Send,
)
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Input
from clpcore.model.kept import BootKept, Kept
from clpcore.model.peer import Bye
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import Presence

Key = tuple[str, str]  # group, resource
MakeInput = Callable[[int], Input]  # from the server's own clock


@attrs.frozen
class Life:
    """One life of a server; *over*: it was left cleanly, or given up."""

    boot: Boot
    start: int
    over: bool = False


@attrs.define(eq=False)
class Agent:
    """A running agent. *paused_until* is virtual time; what comes before waits in *backlog*."""

    state: ClusterState
    paused_until: int = 0
    late_until: int = 0  # virtual time of the end of its last pause
    backlog: list[MakeInput] = attrs.field(factory=list)
    wake: int | None = None
    calls: dict[int, Driven] = attrs.field(factory=dict)
    last_action: int = 0
    last_beat: int = 0
    beats_soon: bool = False
    silences: dict[str, int] = attrs.field(factory=dict)  # of NP resolution, in a row
    unheard: dict[str, int] = attrs.field(factory=dict)  # those while nobody was heard

    def busy_with(self, action: Driven) -> bool:
        """Tell whether a call of this resource, or a look of this monitor, is in flight."""
        return any(_subject(action) == _subject(call) for call in self.calls.values())


def _subject(action: Driven) -> tuple[str, ...]:
    call = action.call
    return call.group, call.resource, call.monitor, call.entry, call.victim


@attrs.define(eq=False)
class Machine:
    """A server. Disk: *kept* and *stored*; /run: *run* and *remembered*; the rest ends with it."""

    name: str
    kept: Kept = Kept()
    stored: Life | None = None
    run: BootKept = BootKept()
    remembered: Life | None = None
    on: bool = False
    boots: int = 0  # how often it was switched on; names the boot id
    zero: int = 0  # virtual time at which its clock began
    truth: dict[Key, Presence] = attrs.field(factory=dict)
    by_hand: set[Key] = attrs.field(factory=set)
    unkillable: set[Key] = attrs.field(factory=set)  # what no signal takes down
    agent: Agent | None = None
    watched: bool = True  # it has a watchdog
    bites_at: int | None = None  # virtual time at which the watchdog resets it
    frozen_until: int = 0  # virtual time
    thaws: list[Callable[[], None]] = attrs.field(factory=list)  # what ends when it thaws
    fuse: int | None = None  # how many more actions before the machine dies
    fused: bool = True  # the machine dies of the fuse; else its agent alone
    wall: int = 0  # by how many ms its wall clock is ahead
    lossy: bool = False  # a power cut takes what the disk was not told to sync
    synced: Kept = Kept()  # what a power cut leaves on a lossy disk

    @property
    def boot_id(self) -> str:
        """Give the kernel's name of the boot, the only one that no lost journal makes twice."""
        return f"{self.name}-{self.boots}"

    @property
    def repeats_a_number(self) -> bool:
        """Tell whether an earlier life may have had this one's number, and nothing runs here.

        The journal that counts lives was lost: a word about that number may mean the earlier one.
        """
        repeats = self.stored is not None and self.stored.boot.counter < self.boots
        return repeats and not any(self.serves(group) for group, _ in self.truth)

    def switch_on(self, now: int) -> None:
        """Begin a new boot, with nothing running and /run empty."""
        self.on, self.boots, self.zero = True, self.boots + 1, now
        self.run, self.remembered, self.fuse = BootKept(), None, None
        self.bites_at, self.frozen_until = None, 0
        self.truth = dict.fromkeys(self.truth, Presence.INACTIVE)
        self.by_hand.clear()
        self.unkillable.clear()

    def switch_off(self) -> None:
        """End everything that runs, and /run with it."""
        self.on, self.agent, self.fuse = False, None, None
        self.run, self.remembered = BootKept(), None
        if self.lossy:
            self.kept = self.synced

    def thaw(self, now: int) -> None:
        """Let what was frozen on the way come to its end."""
        if self.frozen_until <= now:
            ends, self.thaws = self.thaws, []
            for end in ends:
                end()

    def begin_life(self) -> Incarnation:
        """Give the incarnation of an agent that starts now; as the runtime does it."""
        last = max(
            (life for life in (self.stored, self.remembered) if life),
            key=lambda life: (life.boot.counter, life.start, life.over),
            default=None,
        )
        if last is None:
            life = Life(Boot(1, self.boot_id), 1)
        elif last.boot.id == self.boot_id and not last.over:
            life = Life(last.boot, last.start + 1)
        else:
            life = Life(Boot(last.boot.counter + 1, self.boot_id), 1)
        if self.remembered is not None and self.remembered.boot.counter != life.boot.counter:
            self.run = BootKept(left=self.run.left, suspended=self.run.suspended)
        self.stored = self.remembered = life
        return Incarnation(life.boot, life.start)

    def write(self, decision: Decision) -> None:
        """Journal a decision, as the runtime does before it runs any of its actions.

        Only actions wait for the disk; what a decision without any has changed may not be there.
        """
        self.kept, self.run = decision.state.kept, decision.state.run
        if decision.actions:
            self.synced = self.kept
        for action in decision.actions:
            match action:
                case Left(stay=False):
                    self._end_life()
                    self.run = BootKept(suspended=self.run.suspended)
                case Left() | Send(letter=Bye()):
                    self._end_life()
                case RaiseBoot(counter):
                    self._end_life(counter)

    def _end_life(self, above: int = 0) -> None:
        """Let the next agent begin a new life, numbered above *above*."""
        if self.stored is not None:
            boot = Boot(max(self.stored.boot.counter, above), self.stored.boot.id)
            self.stored = self.remembered = Life(boot, self.stored.start, over=True)

    def now_is(self, key: Key, presence: Presence) -> None:
        """Note what a driver has made of a resource: it is the cluster's work now."""
        self.truth[key] = presence
        self.by_hand.discard(key)

    def kill_group(self, group: str) -> None:
        """End every process of *group*, and every call of it that is in flight."""
        for key in self.truth:
            if key[0] == group and key not in self.unkillable:
                self.truth[key] = Presence.INACTIVE
        if self.agent is not None:
            for number, call in tuple(self.agent.calls.items()):
                if call.call.group == group and call.call.resource:
                    del self.agent.calls[number]

    def serves(self, group: str) -> bool:
        """Tell whether anything of *group* may be running that the cluster has started here."""
        return self.on and any(
            presence is not Presence.INACTIVE and key[0] == group and key not in self.by_hand
            for key, presence in self.truth.items()
        )


def is_operation(action: object) -> bool:
    """Tell whether it is one of the operations of which a resource has one in flight."""
    return isinstance(action, Probe | Activate | Deactivate)
