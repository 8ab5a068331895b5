"""Real workers with a driver that has every vice, called as the agent calls them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from clpcore import api
from clpcore.model.actions import Activate, Deactivate, Observe, Probe, Rest
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.model.members import Group, Monitor, Resource, Server
from clpcore.runtime.driving import processes
from clpcore.runtime.workers.calls import Workers
from clpcore.runtime.workers.template import Template

_FAULTY: Final = Path(__file__).parent / "faulty"
_OWNERS: Final = {
    "faulty": "faulty",
    "faultyw": "faulty",
    "refused": "refused",
    "crashing": "crashing",
    "lost": "lost",
    "warm": "warm",
    "cold": "cold",
    "faultynp": "entries",
    "faultyfence": "entries",
    "faultyarbiter": "entries",
    "faultyhb": "entries",
    "slowfence": "slow",
}
_SERVERS: Final = tuple(Server(name=f"node{i}", priority=i, interconnect=()) for i in (1, 2))


@attrs.define
class Cluster:
    """Calls the faulty driver on node2."""

    root: Path
    workers: Workers
    template: Template
    kept: list[tuple[str, str, tuple[api.Process, ...]]] = attrs.field(factory=list)

    async def call(
        self,
        kind: type[Probe | Activate | Deactivate | Observe | Rest],
        name: str = "one",
        *,
        timeout: int = 15_000,  # noqa: ASYNC109 - ms
        type_: str = "faulty",
        **settings: object,
    ) -> Outcome:
        """Call with these settings of the resource, or of the monitor that observes."""
        call = api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node2",
            home="node1",
            previous="",
            group="g",
            resource=name,
            monitor=f"{name}w" if kind in {Observe, Rest} else "",
        )
        mine, other = (settings, {}) if kind in {Observe, Rest} else ({}, settings)
        resource = Resource(name=name, group="g", type=type_, probe_timeout=1_000, settings=other)
        watcher = Monitor(name=f"{name}w", type="faultyw", group="g", target=name, settings=mine)
        config = ClusterConfig(
            name="c",
            servers=_SERVERS,
            groups=(Group(name="g", resources=(resource,)),),
            monitors=(watcher,),
        )
        return await self.workers.call(kind(id=1, call=call, timeout=timeout), config)

    async def pid(self) -> int:
        """Give the worker that calls share now."""
        return int((await self.call(Activate, "pid", activate="tell_pid")).detail)

    def named(self) -> list[int]:
        """Give the processes that scripts have named in their log."""
        logs = self.root.glob("var/log/clpcore/*/*/it.log")
        return [int(pid) for log in logs for pid in re.findall(r"pid=(\d+)", log.read_text())]

    def lives(self, pid: int) -> bool:
        found = processes.stat(pid)
        return found is not None and not found.gone

    async def eventually(self, holds: Callable[[], object], seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it did not come true in time"
            await asyncio.sleep(0.005)


Test = Callable[[Cluster], Awaitable[None]]


@pytest.fixture(scope="package")
def template() -> Iterator[tuple[asyncio.Runner, Template]]:
    """A template, and the loop that it is bound to."""
    with asyncio.Runner() as runner:
        with pytest.MonkeyPatch.context() as patch:  # this fixture lives longer than its package
            patch.setenv("PYTHONPATH", str(_FAULTY))
            template = Template.spawn()
        yield runner, template
        runner.run(template.close())


@pytest.fixture
def run(
    tmp_path: Path, template: tuple[asyncio.Runner, Template], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Test], None]]:
    """Run a coroutine function with real workers, and end everything after it."""
    runner, process = template
    monkeypatch.setenv("PYTHONPATH", str(_FAULTY))  # for a template that replaces this one
    workers = Workers(process, tmp_path, lambda _, name: _OWNERS.get(name))
    cluster = Cluster(tmp_path, workers, process)
    workers.on_kept(lambda *kept: cluster.kept.append(kept))

    async def go(test: Test) -> None:
        await cluster.call(Probe, "warm")
        try:
            await test(cluster)
        finally:
            await workers.end_workers()

    yield lambda test: runner.run(go(test))
    for kept in {process for _, _, found in cluster.kept for process in found}:
        if processes.is_alive(kept.pid, kept.started):
            os.kill(kept.pid, signal.SIGKILL)
