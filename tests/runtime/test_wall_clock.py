"""The time of day decides nothing: it may jump by hours while two agents watch each other."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clpcore import api, decide
from clpcore.model.actions import Call, Driven
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.model.members import Heartbeat
from clpcore.model.revisions import About, Revision
from clpcore.model.states import Phase, Verdict
from clpcore.runtime import clock
from clpcore.runtime.agent import Agent, Documents
from clpcore.runtime.deeds import End
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.member import Setup
from clpcore.runtime.notify import Notify
from clpcore.runtime.places import Root, Whereabouts
from clpcore.runtime.power import NoPower
from clpcore.runtime.revisions.archive import Filed
from clpcore.runtime.watchdog import NoWatchdog
from clpcore.runtime.workers.paths import NoPath, Receive
from clpcore.wire import keys

Until = Callable[[Callable[[], object]], Awaitable[None]]

_HOUR = 3_600
_JUMPS = (0, 5 * _HOUR, -30 * _HOUR, 90 * _HOUR, -_HOUR)


class Drivers:
    """Nothing is driven."""

    def on_kept(self, callback: Callable[[str, str, tuple[api.Process, ...]], None]) -> None: ...

    async def call(self, action: Driven, config: ClusterConfig) -> Outcome:
        return Outcome(verdict=Verdict.OK)

    async def kill(self, group: str) -> None: ...

    async def open_path(
        self, heartbeat: Heartbeat, call: Call, others: tuple[str, ...], receive: Receive
    ) -> DrivenPath:
        raise NoPath("there is none")

    async def close(self) -> None: ...


def agent(folder: Path, config: ClusterConfig, server: str) -> Agent:
    root = Root(folder / server)
    root.boot_id.parent.mkdir(parents=True)
    root.boot_id.write_text(f"boot-of-{server}")
    setup = Setup(
        where=Whereabouts(root=root, server=server, lab=True),
        config=config,
        committed=Filed(Revision(1, "0" * 64), About(), root.revisions),
        edited="",
        ring=keys.KeyRing((keys.Key("id", b"k" * keys.KEY_SIZE),)),
        core=decide,
        drivers=Drivers(),
        power=NoPower("a test"),
        notify=Notify.take({}),
        watchdog=NoWatchdog("a test"),
    )
    return Agent(setup, Documents({"drivers": []}, {"folder": "x"}, {}))


def jump_on(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every look at the time of day find another one; give when and how far it jumped."""
    jumps, real, real_ns = itertools.cycle(_JUMPS), time.time, time.time_ns
    seen: list[int] = []

    def off() -> int:
        seen.append(next(jumps))
        return seen[-1]

    monkeypatch.setattr(time, "time", lambda: real() + off())
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + off() * 1_000_000_000)
    return seen


async def test_jumps_of_the_time_of_day_change_nothing(
    tmp_path: Path, config: ClusterConfig, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = jump_on(monkeypatch)
    agents = {name: agent(tmp_path, config, name) for name in config.server_names}
    ends = [asyncio.create_task(one.run()) for one in agents.values()]

    def online() -> list[bool]:
        return [
            one._member is not None
            and all(server["state"] == "Online" for server in one.status()["servers"])
            for one in agents.values()
        ]

    try:
        await until(lambda: all(online()))
        since = clock.now()
        while clock.now() - since < 4 * config.heartbeat_timeout:
            assert all(online()), "a jump made a server silent"
            time.time()
            clock.wall()
            await asyncio.sleep(0.02)
        told = {
            reason.key
            for one in agents.values()
            if one._member is not None
            for reason in one._troubles.now.values()
        }
        assert told == set()
        assert len(jumps) > 50
        assert {one._member.phase for one in agents.values() if one._member} == {Phase.ONLINE}
    finally:
        for one in agents.values():
            one._end(End.FAILED)
        await asyncio.gather(*ends)
