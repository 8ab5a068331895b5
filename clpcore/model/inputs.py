"""What ``decide.step`` takes. *now* is milliseconds of one clock that counts suspended time."""

from __future__ import annotations

import attrs

from clpcore.model import arbitration
from clpcore.model.ids import Incarnation
from clpcore.model.peer import Beat, Letter
from clpcore.model.requests import Request
from clpcore.model.states import Answer, Health, Power, Presence, Verdict


@attrs.frozen
class Tick:
    """Time has passed; the runtime sends one at ``wake_at`` and every heartbeat interval."""

    now: int


@attrs.frozen(kw_only=True)
class HeardBeat:
    """A heartbeat of *sender* came over *link*, authenticated."""

    now: int
    sender: str
    incarnation: Incarnation
    link: str
    beat: Beat


@attrs.frozen(kw_only=True)
class GotLetter:
    """A letter of *sender* came, authenticated."""

    now: int
    sender: str
    incarnation: Incarnation
    letter: Letter


@attrs.frozen
class Observation:
    """One look of a monitor.

    Attributes:
        health: how the target is.
        sentence: what was seen, of which thing: one line for the operator.
        certain: it is a proof that no second look can change (a process has ended), so that retries
            are not waited for.

    """

    health: Health
    sentence: str = ""
    certain: bool = False


@attrs.frozen(kw_only=True)
class Outcome:
    """How an action ended.

    With a probe comes *presence*; with a look, also at a forced stop, *observation*; with NP
    resolution *answer*; with a forced stop *power*; from the arbiter *record*, or *kept* of a
    session.
    """

    verdict: Verdict
    detail: str = ""
    presence: Presence | None = None
    observation: Observation | None = None
    answer: Answer | None = None
    power: Power | None = None
    record: arbitration.Record | None = None
    kept: bool | None = None


@attrs.frozen(kw_only=True)
class Done:
    """The answer to the action with this id. Comes once; a late one is data, not a race."""

    now: int
    action: int
    outcome: Outcome


@attrs.frozen(kw_only=True)
class ProcessEnded:
    """A process that a resource keeps running has ended (seen through its pidfd)."""

    now: int
    group: str
    resource: str
    process: str
    pid: int


@attrs.frozen
class Asked:
    """An operator asks, through this server's control socket."""

    now: int
    request: Request


@attrs.frozen
class Leave:
    """The service manager stops this agent: leave cleanly, then ``Left`` comes out."""

    now: int


@attrs.frozen
class Armed:
    """The watchdog of this machine is armed: from now on it vouches for what a lease allows."""

    now: int


Input = Tick | HeardBeat | GotLetter | Done | ProcessEnded | Asked | Leave | Armed
