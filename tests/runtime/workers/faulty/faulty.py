"""A driver with every vice: its settings say what each of its methods does."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import attrs

from clpcore import api

HELD: list[object] = []

Vice = Callable[[api.Ports], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Config:
    probe: str = api.setting("What probe does.", default="tell")
    activate: str = api.setting("What activate does.", default="set")
    deactivate: str = api.setting("What deactivate does.", default="unset")
    argv: tuple[str, ...] = api.setting("A command.", default=())


@attrs.frozen(kw_only=True)
class WatchConfig:
    observe: str = api.setting("What observe does.", default="look")


@attrs.frozen
class Faulty:
    config: Config

    def _state(self, ports: api.Ports) -> str:
        return f"{ports.places.run}/state"

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        if self.config.probe == "nap_and_tell":
            await ports.sleep(2_000)
        elif self.config.probe != "tell":
            return await self._do(self.config.probe, call, ports)  # type: ignore[return-value]
        set_ = ports.read(self._state(ports)) is not None
        return api.Presence.ACTIVE if set_ else api.Presence.INACTIVE

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        for vice in self.config.activate.split(","):
            await self._do(vice, call, ports)

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        for vice in self.config.deactivate.split(","):
            await self._do(vice, call, ports)

    async def _do(self, vice: str, call: api.Call, ports: api.Ports) -> object:
        match vice:
            case "set":
                ports.write(self._state(ports), f"{call.priority}")
            case "unset":
                ports.remove(self._state(ports))
            case "run":
                await ports.run(self.config.argv)
            case "log":
                await ports.run(self.config.argv, log=f"{ports.places.log}/it.log")
            case "background":
                HELD.append(asyncio.ensure_future(self._do("log", call, ports)))
                await asyncio.sleep(0.3)
            case "keep":
                await ports.keep("app", self.config.argv)
            case "end":
                await ports.end("app", grace=1_000)
            case _:
                return await VICES[vice](ports)
        return None


@attrs.frozen
class Watcher:
    config: WatchConfig

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        if self.config.observe == "look":
            return api.Observation(api.Health.NORMAL, f"{call.role.value} {ports.places.run}")
        await VICES[self.config.observe](ports)
        return api.Observation(api.Health.NORMAL)

    async def rest(self, call: api.Call, ports: api.Ports) -> None:
        await ports.end("app", grace=0)


async def block(_ports: api.Ports) -> None:
    time.sleep(600)  # noqa: ASYNC251 - the vice


async def doze(_ports: api.Ports) -> None:
    await asyncio.sleep(600)


async def nap(_ports: api.Ports) -> None:
    await asyncio.sleep(0.3)


async def keep(ports: api.Ports) -> None:
    await ports.keep("app", ["sleep", "600"])


async def run_then_keep(ports: api.Ports) -> None:
    await ports.run(["sh", "-c", "echo pid=$$; sleep 600"], log=f"{ports.places.log}/it.log")
    await keep(ports)


async def hang_outside(ports: api.Ports) -> None:
    await ports.outside(time.sleep, 600)


async def swallow(ports: api.Ports) -> None:
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            ports.tell("no")


async def tidy_up(ports: api.Ports) -> None:
    """Take time when the call is over, as a careful driver does."""
    await ports.keep("app", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    try:
        await asyncio.sleep(600)
    finally:
        await ports.end("app", grace=10_000)


async def swallow_then_write(ports: api.Ports) -> None:
    """Do something after the call is over, and leave a note of how that went."""
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        await asyncio.sleep(1.3)
        try:
            ports.write(f"{ports.places.run}/state", "zombie")
        except api.Failed as failed:
            os.makedirs(ports.places.run, exist_ok=True)  # noqa: PTH103
            with open(f"{ports.places.run}/zombie", "w") as file:  # noqa: ASYNC230, PTH123
                file.write(str(failed))
        await asyncio.sleep(600)


async def leave(_ports: api.Ports) -> NoReturn:
    os._exit(3)


async def leave_once(ports: api.Ports) -> None:
    if ports.read(f"{ports.places.run}/left") is None:
        ports.write(f"{ports.places.run}/left", "")
        os._exit(3)


async def crash(_ports: api.Ports) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)
    await asyncio.sleep(600)


async def tell_pid(_ports: api.Ports) -> NoReturn:
    raise api.Failed(f"{os.getpid()}")


async def leak_memory(_ports: api.Ports) -> None:
    HELD.append(bytearray(b"x" * (300 << 20)))


async def leak_without_end(_ports: api.Ports) -> None:
    with contextlib.suppress(OSError):
        while True:  # address space that is not touched: quicker to use up than memory
            HELD.append(mmap.mmap(-1, 100 << 20))
    HELD.append(bytearray(200 << 20))


async def leak_files(_ports: api.Ports) -> None:
    HELD.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(1_200))


async def leak_all_files(_ports: api.Ports) -> None:
    while True:
        HELD.append(os.open(os.devnull, os.O_RDONLY))


async def wrong_answer(_ports: api.Ports) -> int:
    return 7


def raising(error: BaseException) -> Vice:
    async def vice(_ports: api.Ports) -> NoReturn:
        raise error

    return vice


VICES: dict[str, Vice] = {
    vice.__name__: vice
    for vice in (
        block,
        doze,
        hang_outside,
        keep,
        run_then_keep,
        nap,
        swallow,
        swallow_then_write,
        tidy_up,
        leave,
        leave_once,
        crash,
        tell_pid,
        leak_memory,
        leak_without_end,
        leak_files,
        leak_all_files,
        wrong_answer,
    )
} | {
    "failed": raising(api.Failed("the moon is wrong")),
    "misconfigured": raising(api.Misconfigured("the moon is not configured")),
    "not_installed": raising(api.NotInstalled("there is no moon")),
    "value_error": raising(ValueError("half a moon")),
    "system_exit": raising(SystemExit(4)),
    "panic": raising(BaseException("a library written in Rust")),
    "cancelled": raising(asyncio.CancelledError()),
}


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(
        api.DriverSpec(
            kind=api.Kind.RESOURCE,
            name="faulty",
            api=api.API,
            summary="Every vice.",
            config=Config,
            make=Faulty,
        )
    )
    register.add(
        api.DriverSpec(
            kind=api.Kind.MONITOR,
            name="faultyw",
            api=api.API,
            summary="Every vice, too.",
            config=WatchConfig,
            make=Watcher,
            capabilities=frozenset({api.Capability.KEEPS}),
        )
    )
