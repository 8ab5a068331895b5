"""What agent, template and workers say to each other: one line of JSON each.

Between agent and worker, a stream socket carries Ask and Ping one way, Hello, Said and Pong the
other. Between agent and template, a sequenced-packet socket carries Fork with the worker's end of
a new socket pair, and Forked with the worker's pidfd, NotForked and Ended.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from clpcore import api
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
    HOOK = "hook"

    @property
    def changes(self) -> bool:
        """Tell whether it changes the resource."""
        return self in {Do.ACTIVATE, Do.DEACTIVATE}

    @property
    def kind(self) -> api.Kind:
        """Give what kind of driver has the method."""
        return api.Kind.MONITOR if self is Do.OBSERVE else api.Kind.RESOURCE


@attrs.frozen(kw_only=True)
class Ask:
    """Call a driver; *settings* is JSON, with values as files have them. *at*: which HOOK."""

    id: int
    do: Do
    type: str
    call: api.Call
    settings: str
    at: HookPoint | None = None


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


ToWorker = Ask | Ping
FromWorker = Hello | Said | Pong
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
    ask = Ask(id=0, do=Do.PROBE, type="", call=call, settings="{}")
    outcome = Outcome(
        verdict=Verdict.OK,
        presence=api.Presence.ACTIVE,
        observation=api.Observation(api.Health.NORMAL),
    )
    said = Said(id=0, outcome=outcome, kept=(api.Process("", 0, 0),))
    values.from_json(line(ask).decode(), ToWorker)
    values.from_json(line(said).decode(), FromWorker)
