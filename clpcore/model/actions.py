"""What ``decide.step`` asks the runtime to try. Every action that is answered names its id."""

from __future__ import annotations

import attrs

from clpcore.model.hooks import HookPoint
from clpcore.model.peer import Letter
from clpcore.model.reasons import Because
from clpcore.model.states import Event, FinalAction, Role


@attrs.frozen(kw_only=True)
class Call:
    """Why and where a driver is called.

    *home*: the first server of the group's startup servers; *previous*: where the group was
    before, empty if unknown. The runtime adds, when the call begins, *deadline*: milliseconds of
    ``Ports.now()``, and *priority*: the place of *server* among the startup servers, 1 is the best,
    0 is none. *victim*: the server that a fence is about.
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
    victim: str = ""


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
class Hook:
    """Run the operator's script of *at*, of the call's monitor or else of its resource."""

    id: int
    call: Call
    at: HookPoint
    timeout: int


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


Driven = Probe | Activate | Deactivate | Observe | Hook
Action = Driven | Send | Answer | StopSelf | Left | RaiseBoot
