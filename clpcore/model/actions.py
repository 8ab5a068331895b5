"""What ``decide.step`` asks the runtime to try. Every action that is answered names its id."""

from __future__ import annotations

import attrs

from clpcore.model import arbitration
from clpcore.model.hooks import HookPoint
from clpcore.model.peer import Letter
from clpcore.model.reasons import Because
from clpcore.model.states import Event, FinalAction, Role


@attrs.frozen(kw_only=True)
class Call:
    """Why and where a driver is called.

    Attributes:
        event: why.
        role: on which side a monitor looks.
        epoch: of the group's ownership; a stale server knows a lower one. 0: it holds no right.
        server: this server's name.
        home: the first of the group's startup servers.
        previous: where the group was before, empty if unknown.
        group: its name, empty for a monitor of the server itself.
        resource: its name; for a monitor, its target's.
        monitor: its name, empty when a resource is called.
        deadline: milliseconds of ``Ports.now()``; the runtime adds it when the call begins.
        priority: the place of *server* among the startup servers, 1 is the best, 0 is none; the
            runtime adds it, too.
        entry: the name of the NP resolution, forced stop or arbiter; empty for all others.
        victim: the server that a fence is about.
        lost: the right to serve the group is lost: another server may have it, or take it next.

    """

    event: Event
    role: Role
    epoch: int
    server: str
    home: str
    previous: str
    group: str
    resource: str
    monitor: str = ""
    deadline: int = 0
    priority: int = 0
    entry: str = ""
    victim: str = ""
    lost: bool = False


@attrs.frozen(kw_only=True)
class Probe:
    """Ask the resource's presence."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Activate:
    """Bring the resource to ACTIVE."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Deactivate:
    """Bring the resource to INACTIVE."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Observe:
    """Let the monitor ``call.monitor`` look once."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Rest:
    """Let the monitor ``call.monitor`` end what it keeps running: it stops looking here."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Hook:
    """Run the operator's script of *at*, of the call's monitor or else of its resource."""

    id: int
    call: Call
    at: HookPoint
    timeout: int


@attrs.frozen(kw_only=True)
class AskNp:
    """Ask the NP resolution ``call.entry`` once."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class CanFence:
    """Look whether ``call.entry`` could stop ``call.victim``, changing nothing."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Fence:
    """Stop ``call.victim`` by force through ``call.entry``, and read back whether it has."""

    id: int
    call: Call
    timeout: int


@attrs.frozen(kw_only=True)
class Arbitrate:
    """Ask the arbiter ``call.entry``, about ``call.group``."""

    id: int
    call: Call
    timeout: int
    ask: arbitration.Question


@attrs.frozen(kw_only=True)
class Kill:
    """SIGKILL every process of *group* here: the right to run it is lost, and it does not stop.

    No answer comes for it.
    """

    group: str


@attrs.frozen(kw_only=True)
class Send:
    """Send a letter; no answer comes for it."""

    to: str
    letter: Letter


@attrs.frozen(kw_only=True)
class Answer:
    """Tell the operator how the request ended; no answer comes for it."""

    request: str
    ok: bool
    because: tuple[Because, ...]


@attrs.frozen(kw_only=True)
class StopSelf:
    """Stop this machine through the power port; no answer comes for it."""

    how: FinalAction
    because: Because


@attrs.frozen
class Left:
    """The clean leave is complete: the agent may exit, or stay offline when *stay*."""

    stay: bool


@attrs.frozen
class RaiseBoot:
    """Peers know this server with boot *counter* or more: start again above it."""

    counter: int


Driven = (
    Probe | Activate | Deactivate | Observe | Rest | Hook | AskNp | CanFence | Fence | Arbitrate
)
Action = Driven | Kill | Send | Answer | StopSelf | Left | RaiseBoot
