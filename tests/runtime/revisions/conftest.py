"""The stewards of several servers in one process, around whom a test plays the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.reasons import Because
from clpcore.model.requests import GroupStart, GroupStop, Op
from clpcore.model.revisions import About, Dispatch, Revision
from clpcore.runtime.places import Root
from clpcore.runtime.revisions import (
    asking,
    checking,
    coordinator,
    restarting,
    starting,
    stopping,
)
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.revisions.around import Here
from clpcore.runtime.revisions.checking import Checked, Job
from clpcore.runtime.revisions.coordinator import Wish
from clpcore.runtime.revisions.steward import Steward
from clpcore.runtime.troubles import Troubles

LATELY, TIMEOUT = 250, 600  # ms


@attrs.define
class Group:
    """A group as the core would show it."""

    name: str
    server: str
    wanted: str = "auto"
    state: str = "Online"
    epoch: int = 5


@attrs.define
class Server:
    """One server: its steward, and what it was told."""

    name: str
    cluster: Cluster
    root: Root
    alive: bool = True
    steward: Steward | None = None
    said: list[Because] = attrs.field(factory=list)
    starts: int = 0
    cohorts: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    state: str = "Online"  # as long as it is alive
    heard: int = 0  # ms ago, by the others

    @property
    def archive(self) -> Archive:
        return Archive(self.root.revisions)

    @property
    def noted(self) -> bool:
        """Tell whether it has noted groups to start again."""
        return self.archive.restart.exists()

    def told(self) -> list[str]:
        return [because.key for because in self.said]

    def start(self) -> None:
        """Start an agent, instead of the one that may run."""
        if self.steward is not None:
            self.steward.close()
        here = Here(
            root=self.root,
            server=self.name,
            others=tuple(name for name in self.cluster.servers if name != self.name),
            lately=LATELY,
            timeout=TIMEOUT,
            troubles=Troubles(self.said.append),
        )
        current = self.archive.current()
        assert current is not None
        self.steward, self.alive = Steward(here, self, current), True
        self.starts += 1
        self.steward.start("")

    def die(self) -> None:
        """Fall silent, as a machine without power."""
        self.alive = False
        if self.steward is not None:
            self.steward.close()

    # -- as ``Around``

    @property
    def connected(self) -> frozenset[str]:
        return frozenset(name for name in self.cluster.alive if name != self.name)

    def send(self, to: str, dispatch: Dispatch) -> None:
        if self.alive and not self.cluster.loses(self.name, to, dispatch):
            asyncio.get_running_loop().call_soon(self.cluster.deliver, self.name, to, dispatch)

    def status(self) -> Mapping[str, Any]:
        return self.cluster.status(self.name)

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        self.cluster.asked.append((self.name, op))
        return await self.cluster.answer(op)

    def again(self) -> None:
        if self.cluster.restarts and self.alive:
            self.start()


@attrs.define
class Cluster:
    """What they see, and may be told to do."""

    folder: Path
    servers: dict[str, Server] = attrs.field(factory=dict)
    groups: dict[str, Group] = attrs.field(factory=dict)
    checked: Checked = attrs.field(factory=Checked)
    restarts: bool = True
    loses: Callable[[str, str, Dispatch], bool] = lambda _from, _to, _word: False
    refuses: Callable[[Op], bool] = lambda _op: False
    meanwhile: Callable[[Op], Coroutine[Any, Any, None]] | None = None
    asked: list[tuple[str, Op]] = attrs.field(factory=list)
    checks: list[str] = attrs.field(factory=list)

    def __getitem__(self, name: str) -> Server:
        return self.servers[name]

    @property
    def alive(self) -> list[str]:
        return [name for name, server in self.servers.items() if server.alive]

    def group(self, name: str, server: str, **changes: Any) -> Group:  # noqa: ANN401 - its fields
        """Add a group that runs on *server*."""
        self.groups[name] = Group(name, server, **changes)
        return self.groups[name]

    def deliver(self, sender: str, to: str, word: Dispatch) -> None:
        server = self.servers[to]
        if server.alive and server.steward is not None:
            server.steward.take(sender, word)

    def status(self, by: str) -> dict[str, Any]:
        return {
            "servers": [
                {
                    "name": name,
                    "state": server.state if server.alive else "Unknown",
                    "join": number if server.alive else 0,
                    "heard_ms_ago": None
                    if name == by
                    else server.heard
                    if server.alive
                    else 10 * TIMEOUT,
                }
                for number, (name, server) in enumerate(self.servers.items(), start=1)
            ],
            "groups": [self._shown(group) for group in self.groups.values()],
        }

    def _shown(self, group: Group) -> dict[str, Any]:
        states = {name: {"state": "Offline", "can_take": True} for name in self.alive}
        if group.server in states:
            states[group.server]["state"] = group.state
        return {**attrs.asdict(group), "server": group.server or None, "servers": states}

    async def answer(self, op: Op) -> Answer:
        """Do as the core does."""
        if self.meanwhile is not None:
            await self.meanwhile(op)
        assert isinstance(op, GroupStart | GroupStop)
        group = self.groups[op.group]
        ok = not self.refuses(op)
        if ok and isinstance(op, GroupStop):
            group.server, group.wanted, group.state = "", "stopped", "Offline"
        elif ok:
            server = op.server if isinstance(op, GroupStart) else ""
            group.server, group.wanted, group.state = server, "auto", "Online"
            group.epoch += 1
        why = () if ok else (messages.because("op7", group=op.group),)
        return Answer(request="1", ok=ok, because=why)

    async def check(self, job: Job) -> Checked:
        """Stand in for the process that checks."""
        self.checks.append(job.server)
        server = self.servers[job.server]
        data = await asyncio.to_thread(Path(job.bundle).read_bytes) if job.bundle else b"two"
        revision = made(job.number, data)
        if not self.checked.error:
            server.archive.stage(revision, job.about, data)
        servers = self.checked.servers or tuple(self.servers)
        return attrs.evolve(self.checked, revision=revision, servers=servers)

    async def apply(self, by: str, **wish: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a wish
        steward = self.servers[by].steward
        assert steward is not None
        return await steward.apply(Wish(by="root", **wish), lambda _: None)

    def starts_of(self, group: str) -> list[tuple[str, GroupStart]]:
        """Give who asked for that group to be started, and where."""
        return [
            (by, op) for by, op in self.asked if isinstance(op, GroupStart) and op.group == group
        ]

    async def until(self, holds: Callable[[], object], seconds: float = 8) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - what nobody tells
                await asyncio.sleep(0.005)

    async def beat(self) -> None:
        """Let everybody hear everybody's revision, again and again."""
        while True:
            for one in self.servers.values():
                for other in self.servers.values():
                    if one is not other and one.alive and other.alive and one.steward:
                        assert other.steward is not None
                        one.steward.heard(other.name, other.steward.committed)
            await asyncio.sleep(0.01)


def made(number: int, data: bytes) -> Revision:
    """Give the revision that such bytes are."""
    return Revision(number, hashlib.sha256(data).hexdigest())


class MakeCluster(Protocol):
    """Makes servers that run revision 1."""

    def __call__(self, *names: str) -> contextlib.AbstractAsyncContextManager[Cluster]: ...


@pytest.fixture
def make_stewards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCluster:
    """Gives a cluster of servers, whose waits are short."""
    monkeypatch.setattr(starting, "_CALM", 100)
    monkeypatch.setattr(restarting, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(restarting, "_ASK_EVERY", 50)
    monkeypatch.setattr(stopping, "_DOWN", 0.3)
    monkeypatch.setattr(asking, "_ASK_AGAIN", 0.05)
    monkeypatch.setattr(coordinator, "_COMMIT", 0.3)
    monkeypatch.setattr(coordinator, "_FORGOTTEN", 0.3)

    @contextlib.asynccontextmanager
    async def make(*names: str) -> AsyncIterator[Cluster]:
        cluster = Cluster(tmp_path)
        monkeypatch.setattr(checking, "check", cluster.check)
        for name in names:
            server = cluster.servers[name] = Server(name, cluster, Root(tmp_path / name))
            server.archive.stage(made(1, b"one"), About(), b"one")
            server.archive.commit(made(1, b"one"))
        for server in cluster.servers.values():
            server.start()
        beating = asyncio.create_task(cluster.beat())
        try:
            await asyncio.sleep(0.05)
            yield cluster
        finally:
            beating.cancel()
            for server in cluster.servers.values():
                server.die()

    return make
