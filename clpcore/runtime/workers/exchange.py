"""What agent, template and workers say to each other: one line of JSON each.

Between agent and worker, a stream socket carries Ask, Void and Ping one way, Hello, Said and Pong
the other. A worker that was made for a heartbeat path gets Open and Carry in place of Ask, and
answers Opened, Frame and Shut. Between agent and template, a sequenced-packet socket carries Fork
with the worker's end of a new socket pair, and Forked with the worker's pidfd, NotForked and Ended.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from clpcore import api
from clpcore.model import arbitration
from clpcore.model.hooks import HookPoint
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.wire import values

LONGEST: Final = 1 << 20  # bytes of one line; a driver's sentence is no book


class Do(enum.Enum):
    """The method that is called."""

    PROBE = "probe"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    OBSERVE = "observe"
    REST = "rest"
    HOOK = "hook"
    ASK = "ask"
    CAN_FENCE = "can_fence"
    FENCE = "fence"
    ARBITRATE = "arbitrate"  # which method, the question tells

    @property
    def changes(self) -> bool:
        """Tell whether it changes a resource or a machine, and may take its time for that."""
        return self in {Do.ACTIVATE, Do.DEACTIVATE, Do.FENCE}

    @property
    def kind(self) -> api.Kind:
        """Give what kind of driver has the method."""
        return _KINDS.get(self, api.Kind.RESOURCE)

    @property
    def keeps(self) -> bool:
        """Tell whether the answer says what its resource keeps running."""
        return self in {Do.PROBE, Do.ACTIVATE, Do.DEACTIVATE}


_KINDS: Final = {
    Do.OBSERVE: api.Kind.MONITOR,
    Do.REST: api.Kind.MONITOR,
    Do.ASK: api.Kind.PARTITION,
    Do.CAN_FENCE: api.Kind.FENCE,
    Do.FENCE: api.Kind.FENCE,
    Do.ARBITRATE: api.Kind.ARBITER,
}


@attrs.frozen(kw_only=True)
class Ask:
    """Call a driver; *settings* is JSON, with values as files have them.

    *at*: which HOOK. *question*: what to ARBITRATE.
    """

    id: int
    do: Do
    type: str
    call: api.Call
    settings: str
    at: HookPoint | None = None
    question: arbitration.Question | None = None

    @property
    def method(self) -> str:
        """Give the name of the method that is called."""
        return self.do.value if self.question is None else type(self.question).__name__.lower()

    def serves(self, group: str) -> bool:
        """Tell whether it is for running *group* here, and not only a look, or about its record."""
        own = self.do in {Do.ACTIVATE, Do.DEACTIVATE, Do.OBSERVE, Do.HOOK}
        return own and self.call.group == group


@attrs.frozen
class Void:
    """The call of this id is over, as if its deadline had passed: nobody wants it any more."""

    id: int


@attrs.frozen(kw_only=True)
class Open:
    """Open the heartbeat path ``call.entry`` to the *others*; *settings* as in Ask."""

    type: str
    call: api.Call
    settings: str
    others: tuple[str, ...]


@attrs.frozen
class Carry:
    """Send this frame, in base 64, to every other server; a newer one takes its place."""

    frame: str


@attrs.frozen
class Ping:
    """Are you there? Pong answers."""


@attrs.frozen
class Hello:
    """The worker serves; or it cannot, because its plugin was *refused*."""

    refused: str = ""


@attrs.frozen(kw_only=True)
class Said:
    """The answer to the Ask of this id, and how the worker is.

    *tainted*: the driver swallowed its cancellation and still runs. *kept*: the living processes
    that the resource keeps. *memory* in bytes, *files* that are open; *exhausted*: there are none
    left to find that out.
    """

    id: int
    outcome: Outcome
    tainted: bool = False
    kept: tuple[api.Process, ...] = ()
    memory: int = 0
    files: int = 0
    exhausted: bool = False


@attrs.frozen
class Pong:
    """I am here."""


@attrs.frozen
class Opened:
    """The heartbeat path is open."""


@attrs.frozen
class Frame:
    """A frame, in base 64, came over the heartbeat path."""

    frame: str


@attrs.frozen
class Shut:
    """The heartbeat path does not work; says why. The worker ends."""

    why: str


@attrs.frozen
class Fork:
    """Fork a worker for *plugin*, below *root*; *id* names it from now on."""

    id: int
    plugin: str
    root: str


@attrs.frozen
class Forked:
    """The worker lives; its pidfd comes with this."""

    id: int
    pid: int


@attrs.frozen
class NotForked:
    """There is no such worker."""

    id: int
    reason: str


@attrs.frozen
class Ended:
    """The worker has ended; *code* is its exit code, or minus the number of a signal."""

    id: int
    code: int


ToWorker = Ask | Void | Ping | Open | Carry
FromWorker = Hello | Said | Pong | Opened | Frame | Shut
FromTemplate = Forked | NotForked | Ended


def line(message: ToWorker | FromWorker) -> bytes:
    """Give the line of a message between agent and worker."""
    kind = ToWorker if isinstance(message, ToWorker) else FromWorker
    return values.to_json(message, kind).encode() + b"\n"


def warm_up() -> None:
    """Let the converter make the code for these messages now, and once for all workers."""
    call = api.Call(
        event=api.Event.START,
        role=api.Role.ACTIVE,
        epoch=0,
        server="",
        home="",
        previous="",
        group="",
        resource="",
    )
    me = api.Holder("", api.Boot(0), 0)
    question = arbitration.Claim(me)
    ask = Ask(id=0, do=Do.PROBE, type="", call=call, settings="{}", question=question)
    outcome = Outcome(
        verdict=Verdict.OK,
        presence=api.Presence.ACTIVE,
        observation=api.Observation(api.Health.NORMAL),
        record=api.Record(holder=me, suspects=(me,)),
    )
    said = Said(id=0, outcome=outcome, kept=(api.Process("", 0, 0),))
    values.from_json(line(ask).decode(), ToWorker)
    values.from_json(line(said).decode(), FromWorker)
