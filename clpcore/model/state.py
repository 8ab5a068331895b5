"""What one server knows and is doing: the value that ``decide.step`` turns."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs

from clpcore.model.actions import Action
from clpcore.model.guards import LocalFence, LocalNp, Readiness, Session, Tenure
from clpcore.model.hooks import HookPoint
from clpcore.model.ids import Incarnation
from clpcore.model.kept import BootKept, Kept
from clpcore.model.ownership import EvidenceKind, Version, Wanted
from clpcore.model.peer import Beat, GroupReport, MonitorReport, Reply
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.states import Event, FinalAction, Phase, Presence, Shown


class Doing(enum.Enum):
    """The one operation that a resource has in flight."""

    PROBE = "probe"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"


class Goal(enum.Enum):
    """Where this server brings a group's resources."""

    NONE = "none"  # nowhere: leave them as they are
    UP = "up"
    DOWN = "down"


@attrs.frozen(kw_only=True)
class LocalResource:
    """A resource on this server. *failure* tells why it failed, *stuck* that a stop failed.

    *hook*: of what it is doing, this script runs now, and not the driver.
    """

    presence: Presence = Presence.UNKNOWN
    doing: Doing | None = None
    hook: HookPoint | None = None
    action: int = 0
    tries: int = 0  # failed activations in a row
    stops: int = 0  # failed deactivations in a row
    failure: str = ""
    stuck: bool = False
    probed_at: int | None = None  # when a driver last said how it is, whatever it said


class Matter(enum.Enum):
    """What a call is about that is neither a resource's nor a monitor's look."""

    REST = "rest"  # the monitor that ends what it kept running
    NP = "np"  # the name is that of the NP resolution
    CHECK = "check"  # of a forced stop: "entry/victim"
    FENCE = "fence"  # the victim
    SESSION = "session"
    TENURE = "tenure"  # the group


@attrs.frozen
class Underway:
    """A call that was not answered yet: of resource *name*, or without a group of a monitor.

    *until*: when its outcome counts as lost. *paused*: how many ms of it this server did not run.
    *matter*: it is no call of a resource or monitor, but about *name* of this.
    """

    group: str
    name: str
    until: int
    paused: int = 0
    matter: Matter | None = None


@attrs.frozen(kw_only=True)
class Claim:
    """A record of mine that others must still acknowledge. *need* is who has not yet."""

    version: Version
    need: tuple[str, ...]
    since: int
    sent_at: int


@attrs.frozen(kw_only=True)
class LocalGroup:
    """A group on this server.

    Attributes:
        goal: where its resources go.
        event: why.
        epoch: under which this server holds it; 0: it does not.
        confirmed: the hold was acknowledged since the agent's start; only then is more activated.
        bounce: resources that must be down once before they may come up again (a reactivation).
        parked: resources that an operator stopped one by one: they stay down.
        heir: who takes it when it is down.
        stay_stopped: the release writes that the operator wants it stopped.
        blocked: the release writes that both sides were active with equal epochs.
        lost: a higher epoch was seen: stop, release nothing, and wait for its record.
        avoid: whom the release asks to avoid.
        halted: why it is left as it is, half up: the final action was "none".
        note: what it waits for; shown.
        stop_wait_since: since when its stop may have to wait for that of other groups.
        stop_by: the right to run is lost: when what still runs is killed.
        killed: it was; what is left then, the machine is reset for.

    """

    goal: Goal = Goal.NONE
    event: Event = Event.START
    epoch: int = 0
    confirmed: bool = False
    bounce: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    heir: str = ""
    stay_stopped: bool = False
    blocked: bool = False
    lost: bool = False
    avoid: tuple[str, ...] = ()
    halted: Because | None = None
    note: Because | None = None
    stop_wait_since: int | None = None
    stop_by: int | None = None
    killed: bool = False


@attrs.frozen(kw_only=True)
class LocalMonitor:
    """A monitor on this server; *state* is what operators see.

    *hook*: what is in flight is this script and no look; a rung of the ladder waits for it.
    *keeps*: looks may have left something running, as nobody knows after the agent's start;
    *resting*: the call that ends it, and no look meanwhile.
    """

    state: Shown = Shown.OFFLINE
    detail: str = ""
    errors: int = 0
    next_at: int | None = None
    action: int = 0
    hook: HookPoint | None = None
    again: bool = False  # look again at once when the look in flight is over
    dummy: bool = False
    normal_since: int | None = None
    keeps: bool = True
    resting: int = 0


class PeerState(enum.Enum):
    """How another server is seen."""

    UNSEEN = "unseen"  # not since this agent's start
    UP = "up"
    SILENT = "silent"
    LEFT = "left"


@attrs.frozen(kw_only=True)
class Peer:
    """Another server as seen from here.

    *evidence*: why its boots up to *incarnation* may be treated as running nothing.
    *lost*: on which paths it is missed while it is heard on another one.
    *told*: the version of each group's record that it said it holds, since this agent's start.
    """

    state: PeerState = PeerState.UNSEEN
    incarnation: Incarnation | None = None
    links: Mapping[str, int] = attrs.field(factory=dict)  # link -> last heard
    lost: tuple[str, ...] = ()
    since: int = 0  # of the state
    beat: Beat | None = None
    evidence: EvidenceKind | None = None
    told: Mapping[str, Version] = attrs.field(factory=dict)
    groups: Mapping[str, GroupReport] = attrs.field(factory=dict)
    monitors: Mapping[str, MonitorReport] = attrs.field(factory=dict)
    report: int = 0
    asked_whole_at: int | None = None  # since when its whole report is on its way

    @property
    def up(self) -> bool:
        """Tell whether it is heard."""
        return self.state is PeerState.UP

    @property
    def there(self) -> bool:
        """Tell whether its agent can be spoken to, as a member or offline."""
        return self.up or (self.state is PeerState.LEFT and bool(self.links))

    @property
    def phase(self) -> Phase:
        """Give its phase as last heard."""
        return self.beat.phase if self.beat else Phase.OFFLINE

    @property
    def member(self) -> bool:
        """Tell whether it is heard and online."""
        return self.up and self.phase is Phase.ONLINE


@attrs.frozen(kw_only=True)
class Nomination:
    """The leader's last word about a group: to whom, when, having seen which epoch."""

    server: str
    epoch: int
    at: int


@attrs.frozen(kw_only=True)
class Operation:
    """An operator's request that is not yet answered.

    Attributes:
        request: what was asked.
        at: since when.
        group: which group it is about.
        target: where the group shall be; empty: nowhere.
        epoch: of the group's record when it began.
        waits: whose word is awaited, with the incarnation that was asked.
        sent_at: when it was last asked for.
        failed: why the group could not be activated on the target.
        recalls: an order to stop the group where it was may still be on its way.

    """

    request: Request
    at: int
    group: str = ""
    target: str = ""
    epoch: int = 0
    waits: Mapping[str, Incarnation | None] = attrs.field(factory=dict)
    sent_at: int = 0
    failed: Because | None = None
    recalls: bool = False


@attrs.frozen(kw_only=True)
class Freeze:
    """A freeze of this server is announced: others are told *since* then, and *until* then."""

    since: int
    until: int


@attrs.frozen(kw_only=True)
class Ending:
    """This server is going: *how*, and why; *stay*: the agent stays, Offline."""

    how: FinalAction | None
    because: Because | None
    stay: bool
    cluster: bool  # the whole cluster stops: groups do not move


@attrs.frozen(kw_only=True)
class ClusterState:
    """Everything that one server knows. Only ``decide`` reads its inside."""

    me: str
    incarnation: Incarnation
    now: int
    wall: int  # wall-clock ms minus now, fixed at start
    phase: Phase
    since: int  # of the phase
    alone: bool = False  # an operator said: start without the others
    kept: Kept
    run: BootKept
    peers: Mapping[str, Peer]
    resources: Mapping[tuple[str, str], LocalResource]
    groups: Mapping[str, LocalGroup]
    monitors: Mapping[str, LocalMonitor]
    claims: Mapping[str, Claim] = attrs.field(factory=dict)
    running: Mapping[int, Underway] = attrs.field(factory=dict)
    nominated: Mapping[str, Nomination] = attrs.field(factory=dict)
    operations: Mapping[str, Operation] = attrs.field(factory=dict)
    answered: Mapping[str, Reply] = attrs.field(factory=dict)  # by request, to other servers
    reported: Mapping[str, GroupReport] = attrs.field(factory=dict)
    reported_monitors: Mapping[str, MonitorReport] = attrs.field(factory=dict)
    report: int = 0
    nps: Mapping[str, LocalNp] = attrs.field(factory=dict)
    cut_off: Because | None = None  # nobody answers, and the others are silent
    fences: Mapping[str, LocalFence] = attrs.field(factory=dict)  # by victim
    readiness: Mapping[str, Readiness] = attrs.field(factory=dict)  # by "entry/victim"
    session: Session = Session()
    armed: bool = False  # the watchdog, since this agent's start
    tenures: Mapping[str, Tenure] = attrs.field(factory=dict)
    failback: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)  # who came online since
    cold: Mapping[str, Wanted] = attrs.field(factory=dict)  # what a cold start makes of a group
    waiting: Mapping[str, int] = attrs.field(factory=dict)  # to start after others, since when
    due: Mapping[str, int] = attrs.field(factory=dict)  # when to look at a group; "": at servers
    wake_at: int | None = None
    verification: bool = False
    freeze: Freeze | None = None
    ending: Ending | None = None
    last_action: int = 0
    challenged_at: int | None = None


@attrs.frozen(kw_only=True)
class Decision:
    """What a step gives: the new state, what to try, why, and when to tick at the latest."""

    state: ClusterState
    actions: tuple[Action, ...]
    because: tuple[Because, ...]
    wake_at: int | None
