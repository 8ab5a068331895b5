"""The agent in this process, with a scripted core: what must hold whatever the core decides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import api, decide
from clpcore.model import inputs as given
from clpcore.model.actions import Action, Activate, Call, Driven, Left, Probe
from clpcore.model.config import ClusterConfig
from clpcore.model.kept import Kept, Rungs
from clpcore.model.members import Heartbeat
from clpcore.model.peer import Beat
from clpcore.model.protection import Arbiter
from clpcore.model.reasons import Because
from clpcore.model.revisions import About, Revision
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import Event, Phase, Role, Verdict
from clpcore.runtime import agent as agent_module
from clpcore.runtime import leaving
from clpcore.runtime.agent import Agent, Documents
from clpcore.runtime.deeds import End
from clpcore.runtime.driving import processes
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.member import Setup
from clpcore.runtime.notify import Notify
from clpcore.runtime.places import Root, Whereabouts
from clpcore.runtime.power import NoPower
from clpcore.runtime.revisions.archive import Filed
from clpcore.runtime.store.database import Database
from clpcore.runtime.watchdog import NoWatchdog, Watchdog
from clpcore.runtime.workers.paths import NoPath, Receive
from clpcore.wire import keys

Until = Callable[[Callable[[], object]], Awaitable[None]]

CALL = Call(
    event=Event.START,
    role=Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="g",
    resource="r",
)
SENTENCE = Because("nm1", (("server", "node9"),))


def quiet(state: ClusterState, *actions: Action, **changes: Any) -> Decision:  # noqa: ANN401
    state = attrs.evolve(state, **changes)
    return Decision(state=state, actions=actions, because=(), wake_at=None)


@attrs.define
class Script:
    """A core that answers each kind of input as told, and leaves when asked to."""

    answers: dict[type, Callable[[ClusterState, Any], Decision]] = attrs.field(factory=dict)
    taken: list[given.Input] = attrs.field(factory=list)
    beats_raise: bool = False
    until: int | None = None
    troubles: tuple[dict[str, Any], ...] = ()

    start = staticmethod(decide.start)

    def step(self, _config: ClusterConfig, state: ClusterState, taken: given.Input, /) -> Decision:
        self.taken.append(taken)
        if answer := self.answers.get(type(taken)):
            return answer(state, taken)
        if isinstance(taken, given.Leave):
            return quiet(state, Left(stay=False))
        return quiet(state)

    def feed_until(self, _config: ClusterConfig, _state: ClusterState, /) -> int | None:
        return self.until

    def beat(self, config: ClusterConfig, state: ClusterState, /) -> Beat:
        if self.beats_raise:
            raise ArithmeticError("no heartbeat")
        return decide.beat(config, state)

    def snapshot(self, _config: ClusterConfig, state: ClusterState, /) -> dict[str, Any]:
        return {
            "phase": state.phase.value,
            "report": state.report,
            "now_ms": state.now,
            "troubles": self.troubles,
        }

    def got(self, kind: type) -> list[Any]:
        return [taken for taken in self.taken if isinstance(taken, kind)]


@attrs.define
class Drivers:
    calls: list[Driven] = attrs.field(factory=list)
    tell_kept: Callable[[str, str, tuple[api.Process, ...]], None] = lambda *_: None
    closed: bool = False

    def on_kept(self, callback: Callable[[str, str, tuple[api.Process, ...]], None]) -> None:
        self.tell_kept = callback

    async def call(self, action: Driven, config: ClusterConfig) -> given.Outcome:
        self.calls.append(action)
        return given.Outcome(verdict=Verdict.OK)

    async def kill(self, group: str) -> None: ...

    async def open_path(
        self, heartbeat: Heartbeat, call: Call, others: tuple[str, ...], receive: Receive
    ) -> DrivenPath:
        raise NoPath("nobody opens one here")

    async def close(self) -> None:
        self.closed = True


@attrs.define
class Running:
    agent: Agent
    root: Root
    drivers: Drivers
    end: asyncio.Task[End]

    async def ask(self, **request: object) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.root.control), limit=1 << 20)
        with contextlib.closing(writer):
            writer.write(json.dumps(request).encode() + b"\n")
            reply: dict[str, Any] = json.loads(await reader.readline())
        return reply

    async def leave(self) -> End:
        os.kill(os.getpid(), signal.SIGTERM)
        return await self.end

    async def lines(self, *kinds: str) -> list[dict[str, Any]]:
        """Give the journal."""
        reader, writer = await asyncio.open_unix_connection(str(self.root.control), limit=1 << 20)
        request = {"do": "log", "lines": 1_000, "kinds": kinds or ["because"]}
        writer.write(json.dumps(request).encode() + b"\n")
        writer.write_eof()
        replies = [json.loads(line) for line in (await reader.read()).splitlines()]
        writer.close()
        return [reply["row"] for reply in replies[:-1]]


@asynccontextmanager
async def running(
    folder: Path,
    config: ClusterConfig,
    core: Script,
    *,
    server: str = "node1",
    started: bool = True,
    watchdog: Watchdog | None = None,
) -> AsyncIterator[Running]:
    root, drivers = Root(folder / server), Drivers()
    ring = keys.KeyRing((keys.Key("id", b"k" * keys.KEY_SIZE),))
    setup = Setup(
        where=Whereabouts(root=root, server=server, lab=True),
        config=config,
        committed=Filed(Revision(1, "0" * 64), About(), root.revisions),
        edited="",
        ring=ring,
        core=core,
        drivers=drivers,
        power=NoPower("a test"),
        notify=Notify.take({}),
        watchdog=watchdog or NoWatchdog("a test"),
    )
    agent = Agent(setup, Documents({"drivers": []}, {"folder": "x"}, {}))
    end = asyncio.create_task(agent.run())
    made = Running(agent, root, drivers, end)
    async with asyncio.timeout(15):
        while started and agent._member is None:
            await asyncio.sleep(0.005)
            assert not end.done(), end.result()
        yield made
        agent._end(End.FAILED)
        await end
    assert drivers.closed


async def test_it_starts_and_leaves(tmp_path: Path, config: ClusterConfig) -> None:
    core = Script()
    async with running(tmp_path, config, core) as one:
        reply = await one.ask(do="status")
        assert reply["status"] == {**reply["status"], "phase": "starting", "troubles": []}
        assert await one.leave() is End.LEFT
    assert core.got(given.Leave)
    assert not one.root.control.exists()


async def test_a_core_that_raises_costs_one_input_and_is_seen(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    def broken(_state: ClusterState, _taken: given.Input) -> Decision:
        raise ArithmeticError("a bug")

    core = Script({given.Asked: broken})
    core.troubles = ({"key": "rc92", "args": {}, "since": 1},)  # the core's, and the agent's own
    async with running(tmp_path, config, core) as one:
        op = {"is": "GroupMove", "group": "g", "server": ""}
        for _ in range(3):
            reply = await one.ask(do="ask", op=op, wait=0)
            assert reply["pending"] is True
        status = (await one.ask(do="status"))["status"]
        assert [trouble["key"] for trouble in status["troubles"]] == ["rc92", "pm506"]
        (line,) = await one.lines("state")
        assert "a bug" in line["args"]["error"]
        assert "GroupMove" in line["args"]["input"]
        ticks = len(core.taken)
        await until(lambda: len(core.taken) > ticks + 3)
        agent = (await one.ask(do="agent"))["agent"]
        assert agent["turns_raised"] == 3
        assert await one.leave() is End.LEFT


async def test_a_heartbeat_that_cannot_be_made_is_the_last_one_again(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    one_core, two_core = Script(), Script()
    async with (
        running(tmp_path, config, one_core),
        running(tmp_path, config, two_core, server="node2") as two,
    ):
        await until(lambda: one_core.got(given.HeardBeat))
        two_core.beats_raise = True
        count = len(one_core.got(given.HeardBeat))
        await until(lambda: len(one_core.got(given.HeardBeat)) > count + 5)
        troubles = (await two.ask(do="status"))["status"]["troubles"]
        assert [trouble["key"] for trouble in troubles] == ["pm506"]


async def test_while_the_store_refuses_looks_and_beats_go_on_and_deeds_wait(
    tmp_path: Path, config: ClusterConfig, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate = Activate(id=1, call=CALL, timeout=1)
    probe = Probe(id=2, call=CALL, timeout=1)

    def change(state: ClusterState, _taken: given.Asked) -> Decision:
        return quiet(state, activate, probe, kept=Kept(rungs={"m": Rungs(1)}))

    one_core, two_core = Script({given.Asked: change}), Script()
    async with (
        running(tmp_path, config, one_core) as one,
        running(tmp_path, config, two_core, server="node2"),
    ):
        with monkeypatch.context() as full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL

            def refuse(*_: object) -> None:
                raise error

            full.setattr(Database, "write", refuse)
            await one.ask(do="ask", op={"is": "ClusterStop"}, wait=0)
            await until(lambda: one_core.got(given.Done))
            assert one.drivers.calls == [probe]
            heard = len(two_core.got(given.HeardBeat))
            await until(lambda: len(two_core.got(given.HeardBeat)) > heard + 5)
            status = (await one.ask(do="status"))["status"]
            assert [trouble["key"] for trouble in status["troubles"]] == ["pm500"]
            assert "disk is full" in status["troubles"][0]["args"]["reason"]
        await until(lambda: one.drivers.calls == [probe, activate])
        keys_ = [row["key"] for row in await one.lines()]
        assert keys_ == ["pm1", "pm500", "pm501"]
        assert (await one.ask(do="status"))["status"]["troubles"] == []


async def test_heartbeats_tell_what_is_durable(
    tmp_path: Path, config: ClusterConfig, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(state: ClusterState, _taken: given.Asked) -> Decision:
        over = attrs.evolve(state, phase=Phase.OFFLINE, kept=Kept(rungs={"m": Rungs(1)}))
        return Decision(state=over, actions=(), because=(SENTENCE,), wake_at=None)

    one_core, two_core = Script({given.Asked: leave}), Script()

    def phases() -> list[Phase]:
        return [each.beat.phase for each in two_core.got(given.HeardBeat)]

    async with (
        running(tmp_path, config, one_core) as one,
        running(tmp_path, config, two_core, server="node2"),
    ):
        free = threading.Event()
        write = Database.write

        def wait(*args: Any) -> None:  # noqa: ANN401 - those of write
            free.wait()
            write(*args)

        monkeypatch.setattr(Database, "write", wait)
        try:
            await one.ask(do="ask", op={"is": "ClusterStop"}, wait=0)
            heard = len(phases())
            await until(lambda: len(phases()) > heard + 5)
            assert Phase.OFFLINE not in phases()
            status = (await one.ask(do="status"))["status"]
            assert status["phase"] == "offline"
        finally:
            free.set()
        await until(lambda: Phase.OFFLINE in phases())


async def test_heartbeats_tell_whom_we_hear_now_whatever_the_disk_does(
    tmp_path: Path, config: ClusterConfig, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = Script({given.Asked: lambda state, _: quiet(state, kept=Kept(rungs={"m": Rungs(1)}))})
    async with running(tmp_path, config, core) as one:
        member = one.agent._member
        assert member is not None
        with monkeypatch.context() as stuck:
            stuck.setattr(Database, "write", lambda *_: _refuse())
            await one.ask(do="ask", op={"is": "ClusterStop"}, wait=0)
            changed = attrs.evolve(member._turns.state, peers={}, report=7)
            member._turns.state = changed
            beat = member._make_beat()
            assert (beat.hears, beat.report) == ((), member._durable.report)
        await until(lambda: not one.agent._troubles.now)


def _refuse() -> None:
    raise sqlite3.OperationalError("disk I/O error")


async def test_what_the_core_fails_on_is_logged_in_short(
    tmp_path: Path, config: ClusterConfig, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_state: ClusterState, _taken: given.Asked) -> Decision:
        raise ArithmeticError("a bug")

    async with running(tmp_path, config, Script({given.Asked: broken})) as one:
        op = {"is": "GroupMove", "group": "g" * 60_000, "server": ""}
        await one.ask(do="ask", op=op, wait=0)
    (record,) = (each for each in caplog.records if "the core failed" in each.message)
    assert "GroupMove" in record.message
    assert len(record.message) < 600


async def test_an_agent_that_cannot_open_its_store_says_so_and_starts_when_it_can(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    library = tmp_path / "node1" / "var" / "lib"
    library.mkdir(parents=True)
    blocker = library / "clpcore"
    blocker.write_text("a file where the folder should be")
    async with running(tmp_path, config, Script(), started=False) as one:
        await until(lambda: one.agent._troubles.now)
        await until(one.root.control.exists)
        reply = await one.ask(do="status")
        assert reply["ok"] is False
        assert "the agent is starting" in reply["error"]
        assert "store.db cannot be written" in reply["error"]
        blocker.unlink()
        await until(lambda: one.agent._member)
        assert [row["key"] for row in await one.lines()] == ["pm500", "pm501", "pm1"]


def test_a_process_that_a_resource_keeps_is_missed_at_once(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    async def run() -> None:
        core = Script()
        async with running(tmp_path, config, core) as one:
            found = processes.stat(process.pid)
            assert found is not None
            kept = api.Process("listener", process.pid, found.started)
            one.drivers.tell_kept("g", "r", (kept,))
            process.kill()
            await until(lambda: core.got(given.ProcessEnded))
        (ended,) = core.got(given.ProcessEnded)
        assert (ended.group, ended.resource, ended.process) == ("g", "r", "listener")
        assert ended.pid == process.pid

    with subprocess.Popen(["sleep", "60"]) as process:
        asyncio.run(run())


async def test_a_leave_that_takes_too_long_ends_without_having_left(
    tmp_path: Path, config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "_LEAVE_EXTRA", 100)

    core = Script({given.Leave: lambda state, _: quiet(state, phase=Phase.LEAVING)})
    async with running(tmp_path, config, core) as one:
        assert await one.leave() is End.FAILED


async def test_a_leave_does_not_wait_long_for_a_store_that_cannot_be_written(
    tmp_path: Path, config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "_STORE_PATIENCE", 50)
    monkeypatch.setattr(agent_module, "_MORE_TIME", 0.01)

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with running(tmp_path, config, Script()) as one:
        monkeypatch.setattr(Database, "write", refuse)
        async with asyncio.timeout(5):
            assert await one.leave() is End.FAILED


async def test_what_waits_is_heard_before_a_tick(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    one_core, two_core = Script(), Script()
    async with (
        running(tmp_path, config, one_core) as one,
        running(tmp_path, config, two_core, server="node2") as two,
    ):
        await until(lambda: one_core.got(given.HeardBeat) and two_core.got(given.HeardBeat))
        assert one.agent._member is not None
        assert two.agent._member is not None
        one_core.taken.clear()
        two.agent._member._beat()
        one.agent._member._turns.tick()
        assert [type(taken) for taken in one_core.taken] == [given.HeardBeat, given.Tick]


async def test_news_is_beaten_at_once(tmp_path: Path, config: ClusterConfig, until: Until) -> None:
    slow = attrs.evolve(config, heartbeat_interval=60_000)

    def news(state: ClusterState, _taken: given.Asked) -> Decision:
        changed = attrs.evolve(state, report=9)
        return Decision(state=changed, actions=(), because=(SENTENCE,), wake_at=None)

    one_core, two_core = Script({given.Asked: news}), Script()
    async with (
        running(tmp_path, slow, two_core, server="node2"),
        running(tmp_path, slow, one_core) as one,
    ):
        await one.ask(do="ask", op={"is": "ClusterStop"}, wait=0)
        await until(lambda: any(each.beat.report == 9 for each in two_core.got(given.HeardBeat)))


async def test_a_second_signal_ends_at_once_but_not_one_of_the_same_moment(
    tmp_path: Path, config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "_SAME_WORD", 200)

    core = Script({given.Leave: lambda state, _: quiet(state, phase=Phase.LEAVING)})
    async with running(tmp_path, config, core) as one:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.15)
        assert not one.end.done()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await one.end is End.FAILED


async def test_a_store_thread_with_a_bug_ends_the_agent(
    tmp_path: Path, config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = Script({given.Asked: lambda state, _: quiet(state, kept=Kept(rungs={"m": Rungs(1)}))})
    async with running(tmp_path, config, core) as one:
        monkeypatch.setattr(Database, "write", lambda *_: int("no number"))
        asking = asyncio.ensure_future(one.ask(do="ask", op={"is": "ClusterStop"}, wait=0))
        assert await one.end is End.BUG
        asking.cancel()  # the end may be faster than the reply, or than the question
        await asyncio.gather(asking, return_exceptions=True)


@attrs.define
class Bell:
    """A watchdog that notes what was done with it."""

    core: Script
    did: list[str] = attrs.field(factory=list)
    name: str = "bell"

    def arm(self, timeout: int) -> None:
        assert self.core.taken == [], "it is armed before anything is decided"
        self.did.append(f"arm {timeout}")

    def feed(self) -> None:
        self.did.append("feed")

    def disarm(self) -> None:
        self.did.append("disarm")

    def leave(self) -> None:
        self.did.append("leave")


LEASE = Arbiter(name="witness1", type="witness", watchdog=200)


async def test_the_watchdog_is_armed_first_fed_and_disarmed_by_a_clean_leave(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    core = Script()
    bell = Bell(core)
    leased = attrs.evolve(config, arbiter=LEASE)
    async with running(tmp_path, leased, core, watchdog=bell) as one:
        await until(lambda: len(bell.did) > 3)
        document = (await one.ask(do="agent"))["agent"]
        assert document["watchdog"] == "armed (bell, 0.2 s)"
        await one.leave()
    assert bell.did[0] == "arm 200"
    assert set(bell.did[1:-1]) == {"feed"}
    assert bell.did[-1] == "disarm"


async def test_an_agent_that_ends_while_it_holds_something_leaves_the_watchdog_armed(
    tmp_path: Path, config: ClusterConfig, until: Until
) -> None:
    core = Script(until=1 << 60)
    bell = Bell(core)
    leased = attrs.evolve(config, arbiter=LEASE)
    async with running(tmp_path, leased, core, watchdog=bell):
        await until(lambda: len(bell.did) > 3)
    assert bell.did[-1] == "leave"
    assert "disarm" not in bell.did


@pytest.mark.parametrize("arbiter", [None, attrs.evolve(LEASE, lease=0)], ids=["none", "no lease"])
async def test_without_a_lease_no_watchdog_is_armed(
    tmp_path: Path, config: ClusterConfig, arbiter: Arbiter | None
) -> None:
    core = Script()
    bell = Bell(core)
    async with running(tmp_path, attrs.evolve(config, arbiter=arbiter), core, watchdog=bell) as one:
        await one.leave()
    assert bell.did == []
