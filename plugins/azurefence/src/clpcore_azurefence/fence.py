"""``azure``: powers the virtual machine of a silent server off, and reads that it is off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import attrs

from clpcore import api
from clpcore_azurefence import asking, course, identity, readiness
from clpcore_azurefence.course import Course, Do
from clpcore_azurefence.identity import Kin, Machine, Meant
from clpcore_azurefence.readiness import Seen
from clpcore_azurefence.settings import Config
from clpcore_lib_azure import Silent, Throttled, metadata

_T = TypeVar("_T")

_MARGIN: Final = 300  # ms before the deadline: what came of it must be told in time
_LATE: Final = 200  # ms after which a question that should have ended is given up
_LEAST: Final = 500  # ms in which Azure may answer at all
_METADATA: Final = 1_000  # ms: it is on the same host


@attrs.define
class AzureFence:
    """Stops one server; what it has learnt of the machine, it keeps for when it matters.

    Attributes:
        _known_as: the vm_id of the machine that was found to be the victim; empty: none was.
        _sure: the last look has found it under its name.
        _awaited: a forced stop was asked for, and neither was the machine read as off since, nor
            found well: whoever has its name now may be another one, and is not taken for it.

    """

    config: Config
    _own: metadata.Own | None = attrs.field(default=None, init=False, repr=False)
    _own_trouble: str = attrs.field(default="", init=False, repr=False)
    _known_as: str = attrs.field(default="", init=False, repr=False)
    _sure: bool = attrs.field(default=False, init=False, repr=False)
    _awaited: bool = attrs.field(default=False, init=False, repr=False)

    async def can_fence(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """See that it signs in, that the machine is the victim's, and that it may be stopped."""
        seen = readiness.Seen(name=self.config.machine(call.victim), victim=call.victim)
        for look in (self._see_machine, self._see_role, self._see_budget):
            try:
                seen = await look(call, ports, seen)
            except api.DriverError as error:
                return readiness.judge(attrs.evolve(seen, error=error))
        verdict = readiness.judge(seen)
        if verdict.health is api.Health.NORMAL:  # a stop that is still wanted begins anew on this
            self._awaited = False
        return verdict

    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        """Ask Azure to cut the victim's power until it is read as off, or the time is over.

        An end without knowledge is a ``Failed`` and not ``Power.UNKNOWN``: it tells more.

        Raises:
            Failed: not known to be off at the deadline; says what Azure answered last.
            Misconfigured: it cannot work: the role, the sign-in, or no such machine.

        """
        if self._own is None and not self._own_trouble:
            await self._find_own(call, ports)
        began = ports.now()
        now = course.begin(began, sure=self._sure)
        operation: Any = None
        while not now.is_over:
            do, at = course.following(now, ports.now())
            # A last question cut short would only hide what the ones before have brought.
            if at >= _end(call) - (_LEAST if now.trouble else 0):
                raise api.Failed(self._untold(call, now))
            if at > ports.now():
                await ports.sleep(at - ports.now())
            match do:
                case Do.READ:
                    now = await self._go_on_reading(call, ports, now)
                case Do.REQUEST:
                    now, operation = await self._go_on_asking(call, ports, now)
                case Do.FOLLOW:
                    now = await self._go_on_following(call, ports, now, operation)
        self._awaited = False
        took = (ports.now() - began) / 1_000
        ports.tell(f"{self._about(call)} is {now.power}; {now.requests} requests, {took:.1f} s")
        return api.Power.OFF

    # -- steps of a look

    async def _see_machine(self, call: api.Call, ports: api.Ports, seen: Seen) -> Seen:
        await self._find_own(call, ports)
        before = self._known_as
        machine = await self._read(call, ports)
        return attrs.evolve(seen, machine=machine, known_as=before, blind=self._own_trouble)

    async def _see_role(self, call: api.Call, ports: api.Ports, seen: Seen) -> Seen:
        lacking = await self._ask(call, ports, asking.lacking, seen.name)
        return attrs.evolve(seen, lacking=lacking)

    async def _see_budget(self, call: api.Call, ports: api.Ports, seen: Seen) -> Seen:
        return attrs.evolve(seen, budget=await self._ask(call, ports, asking.budget, seen.name))

    # -- steps of a forced stop

    async def _go_on_reading(self, call: api.Call, ports: api.Ports, now: Course) -> Course:
        self._awaited = True  # each time: a look that begins before may end meanwhile
        try:
            found = await self._read(call, ports)
        except api.DriverError as error:
            trouble, wait = _told(error, now)
            return course.was_not_read(now, ports.now(), trouble, wait)
        return course.was_read(now, ports.now(), found.power)

    async def _go_on_asking(
        self, call: api.Call, ports: api.Ports, now: Course
    ) -> tuple[Course, Any]:
        name = self.config.machine(call.victim)
        try:
            operation = await self._ask(call, ports, asking.request, name)
        except api.DriverError as error:
            trouble, wait = _told(error, now)
            return course.was_not_taken(now, ports.now(), trouble, wait), None
        followed = operation is not None
        return course.was_taken(now, ports.now(), can_be_followed=followed), operation

    async def _go_on_following(
        self, call: api.Call, ports: api.Ports, now: Course, operation: object
    ) -> Course:
        try:
            ended = await self._ask(call, ports, asking.has_ended, operation)
        except api.DriverError as error:
            ports.tell(f"{self._about(call)}: {error}")
            return course.was_lost(now)
        step = course.has_ended if ended else course.goes_on
        return step(now, ports.now())

    # -- parts

    async def _read(self, call: api.Call, ports: api.Ports) -> Machine:
        """Read the machine; raises Misconfigured where it is a stranger, or may be one."""
        found = await self._ask(call, ports, asking.read, self.config.machine(call.victim))
        meant = Meant(
            server=call.victim,
            subscription_id=self.config.subscription_id,
            own=self._own,
            known_as=self._known_as,
            awaited=self._awaited,
        )
        kin, why = identity.tell(meant, found)
        self._sure = kin is Kin.SAME
        if not self._sure:
            # It is not the victim any more; that another one has its name says nothing of it.
            self._known_as = self._known_as if meant.is_new(found) else ""
            raise Unproven(f"{why}. Until then nobody stops it by force")
        self._known_as = found.vm_id or self._known_as
        return found

    async def _find_own(self, call: api.Call, ports: api.Ports) -> None:
        """Learn which machine this is; without that, names alone tell strangers."""
        try:
            self._own = await self._within(_METADATA, call, ports, metadata.own)
            self._own_trouble = ""
        except api.DriverError as error:
            self._own_trouble = str(error)

    async def _ask(
        self,
        call: api.Call,
        ports: api.Ports,
        question: Callable[..., Coroutine[Any, Any, _T]],
        about: object,
    ) -> _T:
        """Ask ``question(config, about, timeout)``; raises as ``_within``."""
        timeout = self.config.request_timeout
        return await self._within(timeout, call, ports, question, self.config, about)

    async def _within(
        self,
        timeout: int,  # noqa: ASYNC109 - milliseconds
        call: api.Call,
        ports: api.Ports,
        question: Callable[..., Coroutine[Any, Any, _T]],
        *about: object,
    ) -> _T:
        """Ask ``question(*about, timeout)``, within the call's deadline.

        Raises:
            Silent: nothing came in time, or there is no time left to ask.
            DriverError: what *question* raises.

        """
        timeout = min(timeout, _end(call) - ports.now())
        if timeout <= 0:
            raise Silent(f"{self._about(call)}: there is no time left to ask before the deadline")
        try:
            async with asyncio.timeout((timeout + _LATE) / 1_000):
                return await ports.outside_async(question, *about, timeout)
        except TimeoutError:
            text = f"{self._about(call)}: no answer within {timeout / 1_000:g} s"
            raise Silent(f"{text}. Look at the network of this server") from None
        except OSError as error:
            text = f"{self._about(call)}: cannot be asked ({error})"
            raise Silent(f"{text}. Look at the network of this server") from error

    def _about(self, call: api.Call) -> str:
        return f"VM {self.config.machine(call.victim)} in {self.config.resource_group}"

    def _untold(self, call: api.Call, now: Course) -> str:
        said = [f"{self._about(call)} is not known to be off"]
        said += [f"Azure has taken {now.requests} requests"] if now.requests else []
        said += [f"its power was last read as {now.power}"] if now.power else []
        return "; ".join(said) + f". {now.trouble or 'There was no time left for another look'}"


class Unproven(api.Misconfigured):
    """The machine is not proven to be the victim's: no time will make it so."""


def _end(call: api.Call) -> int:
    return call.deadline - _MARGIN


def _told(error: api.DriverError, now: Course) -> tuple[str, int]:
    """Give what went wrong and how long Azure wants to be left alone; raise what ends it at once.

    After a request that was taken, nothing does but a stranger: the machine may be off any moment.
    """
    if isinstance(error, Unproven) or (isinstance(error, api.Misconfigured) and not now.requests):
        raise error
    return str(error), error.wait if isinstance(error, Throttled) else 0
