"""What the tests of the runtime share: addresses, a small cluster, waiting, and agents to run."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import random
import time
from collections.abc import Awaitable, Callable

import pytest

from clpcore.model.config import ClusterConfig
from clpcore.model.members import Heartbeat, Server
from clpcore.wire import keys

# Every test talks on addresses of its own, so that tests and other agents do not meet.
_NUMBERS = itertools.count(random.SystemRandom().randrange(1 << 22))

Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Let a test that is a coroutine run in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


def _address() -> str:
    number = next(_NUMBERS) % (1 << 22)
    return f"127.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


@pytest.fixture
def address() -> Callable[[], str]:
    """Give a loopback address that nobody else uses."""
    return _address


@pytest.fixture
def until() -> Until:
    """Wait, in a loop's task, until something holds."""

    async def wait(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < deadline, "it did not come to hold within 5 s"
            await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def ring() -> keys.KeyRing:
    return keys.parse(keys.generate(b"k" * keys.KEY_SIZE).encode(), "test")


@pytest.fixture
def config() -> ClusterConfig:
    """Two servers with one interconnect, and heartbeats every 20 ms."""
    names = ("node1", "node2")
    return ClusterConfig(
        name="test",
        heartbeat_interval=20,
        heartbeat_timeout=500,
        startup_wait=1_000,
        servers=tuple(
            Server(name=name, priority=number, interconnect=(_address(),))
            for number, name in enumerate(names, start=1)
        ),
        heartbeats=(Heartbeat(name="lanhb1", type="lanhb", settings={"interconnect": 1}),),
    )
