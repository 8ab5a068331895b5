"""The ports of one call in a world: each call of the outside world may go wrong, by plan."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import attrs

from clpcore import api
from clpcore.testing import effects
from clpcore.testing.faults import Fault, Manner, Plan
from clpcore.testing.world import Command, Request, World

_T = TypeVar("_T")
_A = TypeVar("_A")

_FOREVER: Final = 1e6  # seconds: longer than any deadline
_ENOUGH: Final = 1_000  # calls of a driver that goes on when its ports refuse


class Enough(BaseException):
    """Ends a driver that swallows everything; no driver catches it by accident."""


@attrs.frozen
class Port:
    """One call of the outside world that a driver made: through which port, and about what."""

    name: str
    about: str

    def __str__(self) -> str:
        """Give it as a sentence names it."""
        return f"{self.name} {self.about}".rstrip()


class WorldPorts(api.Ports):
    """The ports of one call in a world, which fail by plan."""

    def __init__(self, world: World, call: api.Call, plan: Plan) -> None:
        self._world = world
        self._call = call
        self._plan = plan
        self._over = False
        self._refused = 0
        self.cancel = asyncio.Event()
        self.made: list[Port] = []
        self.shown: list[str] = []

    def revoke(self) -> None:
        """Refuse everything from now on, as the runtime does when a call is over."""
        self._over = True

    # -- how calls go wrong

    def _fault(self, port: str, about: str) -> Fault | None:
        if self._over:
            self._refused += 1
            if self._refused > _ENOUGH:
                raise Enough
            raise api.Failed("this call is over: its deadline has passed")
        self.made.append(Port(port, about))
        return self._plan.of(len(self.made) - 1, port)

    def _do(self, act: Callable[[], _A]) -> _A:
        with effects.allowed():
            return act()

    async def _wait(
        self,
        port: str,
        about: str,
        act: Callable[[], _A],
        timeout: int | None = None,  # noqa: ASYNC109 - milliseconds
    ) -> _A:
        """Do *act*, or go wrong; other tasks get their turn before the answer is used."""
        fault = self._fault(port, about)
        if fault is None:
            answer = self._do(act)
            await asyncio.sleep(0)
            return answer
        if fault.manner in {Manner.CANCELLED, Manner.HANGS} and fault.done:
            self._do(act)
        if fault.manner is Manner.CANCELLED:
            self.cancel.set()
            await asyncio.get_running_loop().create_future()
        if fault.manner is Manner.HANGS:
            await asyncio.sleep(_FOREVER if timeout is None else timeout / 1_000)
            silence: _A = _silent(port, about, timeout)
            return silence
        return self._wrong(fault, about, act)

    def _now(self, port: str, about: str, act: Callable[[], _A]) -> _A:
        fault = self._fault(port, about)
        return self._do(act) if fault is None else self._wrong(fault, about, act)

    def _wrong(self, fault: Fault, about: str, act: Callable[[], _A]) -> _A:
        answer = self._do(act) if fault.done else None
        if fault.manner is Manner.FAILS:
            raise fault.error(about)
        changed: _A = fault.change(answer)
        return changed

    # -- the contract

    @property
    def places(self) -> api.Places:
        call = self._call
        about = f"{call.group}/{call.resource}" if call.resource else f"monitor/{call.monitor}"
        scripts = f"monitor/{call.monitor}" if call.monitor else about
        return api.Places(
            scripts=f"/etc/clpcore/scripts/{scripts}",
            run=f"/run/clpcore/resources/{about}",
            state=f"/var/lib/clpcore/resources/{about}",
            log=f"/var/log/clpcore/{about}",
        )

    def now(self) -> int:
        return self._world.clock

    async def sleep(self, ms: int) -> None:
        await self._wait("sleep", f"{ms} ms", lambda: None)
        await asyncio.sleep(ms / 1_000)

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: int | None = None,  # noqa: ASYNC109 - milliseconds
        log: str | None = None,
    ) -> api.Completed:
        command = self._command(argv, env)
        about = " ".join(command.argv)
        done = await self._wait("run", about, lambda: self._world.run(command), timeout)
        if log is not None:
            self._world.files[log] = self._world.files.get(log, "") + done.output
        return done

    async def keep(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        log: str | None = None,
        inherit: Sequence[int] = (),
    ) -> api.Process:
        command = self._command(argv, env, kept=name)
        for fd in inherit:
            os.fstat(fd)  # a descriptor that is closed already is a bug
        about = f"{name}: {' '.join(command.argv)}"
        return await self._wait("keep", about, lambda: self._world.keep(name, command, inherit))

    def _command(
        self, argv: Sequence[str], env: Mapping[str, str] | None, kept: str = ""
    ) -> Command:
        if isinstance(argv, str):
            raise TypeError(f"argv is a list of words, and {argv!r} is one text")
        self.shown += argv
        return Command(argv=tuple(argv), env=dict(env or {}), kept=kept)

    async def kept(self, name: str) -> api.Process | None:
        kept = self._world.kept
        return await self._wait("kept", name, lambda: kept[name].process if name in kept else None)

    async def end(self, name: str, *, grace: int) -> None:
        await self._wait("end", name, lambda: self._world.kill(name))

    async def connect(self, host: str, port: int, *, timeout: int) -> api.Reach:  # noqa: ASYNC109
        about = f"{host}:{port}"
        reach = await self._wait("connect", about, lambda: self._world.connect(host, port), timeout)
        if reach is api.Reach.SILENT and self._world.reach.get((host, port)) is reach:
            await asyncio.sleep(timeout / 1_000)
        return reach

    async def http(
        self,
        method: str,
        url: str,
        *,
        timeout: int,  # noqa: ASYNC109 - milliseconds
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        ca_file: str = "",
        proxy: str = "",
    ) -> api.HttpAnswer:
        asked = Request(method=method, url=url, headers=dict(headers or {}), body=body)
        about = f"{method} {url.partition('?')[0]}"
        return await self._wait("http", about, lambda: self._world.http(asked), timeout)

    async def outside(self, function: Callable[..., _T], *args: object) -> _T:
        name = getattr(function, "__qualname__", repr(function))
        answer: _T = await self._wait("outside", name, lambda: self._world.call(function, args))
        return answer

    async def outside_async(
        self, function: Callable[..., Coroutine[Any, Any, _T]], *args: object
    ) -> _T:
        name = getattr(function, "__qualname__", repr(function))
        act = cast("Callable[[], _T]", lambda: self._world.call(function, args))
        return await self._wait("outside_async", name, act)

    def listen(self, host: str, port: int) -> int:
        return self._now("listen", f"{host}:{port}", lambda: self._world.listen(host, port))

    def read(self, path: str) -> str | None:
        return self._now("read", path, lambda: self._world.read(path))

    def write(self, path: str, text: str) -> None:
        self._now("write", path, lambda: self._world.files.__setitem__(path, text))

    def remove(self, path: str) -> None:
        self._now("remove", path, lambda: self._world.files.pop(path, None) and None)

    def tell(self, text: str) -> None:
        self.shown.append(text)


def _silent(port: str, about: str, timeout: int | None) -> Any:
    """Give, or raise, what a port does when nothing came in time."""
    if port == "connect":
        return api.Reach.SILENT
    raise api.Failed(f"{about} had not answered after {(timeout or 0) / 1_000:g} s")
