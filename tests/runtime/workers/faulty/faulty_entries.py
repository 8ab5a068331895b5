"""Drivers of NP resolution, forced stop, arbiter and heartbeat: their settings say what they do."""

from __future__ import annotations

import asyncio
import os
import time

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    does: str = api.setting("What every method does.", default="answer")
    victim: str = api.setting("Its name out there.", default="nobody")
    note: str = api.setting("A file that is written at every call.", default="")


@attrs.frozen
class Entry:
    config: Config

    async def _do(self, method: str, ports: api.Ports) -> None:
        if self.config.note:
            seen = ports.read(self.config.note) or ""
            ports.write(self.config.note, f"{seen}{method} {os.getpid()}\n")
        match self.config.does:
            case "fail":
                raise api.Failed(f"{method}: the moon is wrong")
            case "block":
                time.sleep(600)  # noqa: ASYNC251 - the vice
            case "doze":
                await asyncio.sleep(600)
            case "leave":
                os._exit(3)
            case "leave_once" if ports.read(f"{ports.places.run}/left") is None:
                ports.write(f"{ports.places.run}/left", "")
                os._exit(3)
            case "linger":
                await ports.run(["sleep", "600"])


class Np(Entry):
    async def ask(self, _call: api.Call, ports: api.Ports) -> object:
        await self._do("ask", ports)
        return True if self.config.does == "lie" else api.Answer.SILENT


class Fence(Entry):
    async def can_fence(self, call: api.Call, ports: api.Ports) -> object:
        await self._do("can_fence", ports)
        sentence = f"{call.victim} is {self.config.victim}"
        return None if self.config.does == "lie" else api.Observation(api.Health.NORMAL, sentence)

    async def fence(self, _call: api.Call, ports: api.Ports) -> object:
        await self._do("fence", ports)
        return "off" if self.config.does == "lie" else api.Power.OFF


class Arbiter(Entry):
    async def read(self, call: api.Call, ports: api.Ports) -> object:
        await self._do("read", ports)
        return 1 if self.config.does == "lie" else api.Record(epoch=1, evidence=(call.group,))

    async def claim(self, _call: api.Call, ports: api.Ports, me: api.Holder) -> object:
        await self._do("claim", ports)
        return api.Record(epoch=me.epoch, holder=me)

    async def renew(self, _call: api.Call, ports: api.Ports, session: api.Session) -> object:
        await self._do("renew", ports)
        return 1 if self.config.does == "lie" else session.held == {"g": 4}

    async def amend(self, _call: api.Call, ports: api.Ports, record: api.Record) -> object:
        await self._do("amend", ports)
        return record

    async def release(self, _call: api.Call, ports: api.Ports, me: api.Holder) -> object:
        await self._do("release", ports)
        return api.Record(epoch=me.epoch)

    async def disclaim(self, _call: api.Call, ports: api.Ports, me: api.Holder) -> object:
        await self._do("disclaim", ports)
        return api.Record(epoch=me.epoch + 1)


@attrs.frozen(kw_only=True)
class PathConfig:
    does: str = api.setting("What the path does.", default="echo")


@attrs.define
class Link:
    """Whatever is sent comes back, with the name of the server that it was for."""

    does: str
    _frames: asyncio.Queue[bytes] = attrs.field(factory=asyncio.Queue)

    async def send(self, server: str, frame: bytes) -> None:
        if self.does == "fail" and frame == b"fail":
            raise api.Failed("the moon is in the way")
        if frame == b"block":
            time.sleep(600)  # noqa: ASYNC251 - the vice
        if frame == b"leave":
            os._exit(3)
        if self.does == "slow":
            await asyncio.sleep(0.3)
        self._frames.put_nowait(server.encode() + b"|" + frame)

    async def receive(self) -> bytes:
        return await self._frames.get()

    async def close(self) -> None:
        pass


@attrs.frozen
class Paths:
    config: PathConfig

    async def open(self, _call: api.Call, _ports: api.Ports) -> Link:
        if self.config.does == "shut":
            raise api.Failed("there is no moon")
        return Link(self.config.does)


_SPECS = (
    (api.Kind.PARTITION, "faultynp", Config, Np),
    (api.Kind.FENCE, "faultyfence", Config, Fence),
    (api.Kind.ARBITER, "faultyarbiter", Config, Arbiter),
    (api.Kind.HEARTBEAT, "faultyhb", PathConfig, Paths),
)


@api.hookimpl
def clp_register(register: api.Register) -> None:
    for kind, name, config, make in _SPECS:
        register.add(
            api.DriverSpec(
                kind=kind,
                name=name,
                api=api.API,
                summary="Every vice.",
                config=config,
                make=make,  # type: ignore[arg-type]  # they lie, too
            )
        )
