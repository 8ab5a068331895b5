"""What operators can ask, in good and in bad words, and what they get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.picture import Picture
from clpcore.model.requests import ClusterStop, GroupMove, Op
from clpcore.runtime.operators import watching
from clpcore.runtime.operators.control import Control, Document, refusal
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.operators.verbs import Verbs
from clpcore.runtime.operators.watching import MakeStatus
from clpcore.runtime.store.database import Database, Line
from clpcore.runtime.store.journal import Scribe

Until = Callable[[Callable[[], object]], Awaitable[None]]

HEARD = messages.because("nm1", server="node9")
OTHER = messages.because("nm14", server="node8")


@attrs.define
class World:
    """An agent as the verbs see it, its journal, and the way to its control socket."""

    store: Path
    database: Database
    scribe: Scribe = attrs.field(factory=Scribe)
    refusal: Document | None = None
    report: int = 0
    heard: int = 0
    broken: bool = False
    breaks: int = 0
    asked: list[tuple[Op, str, int]] = attrs.field(factory=list)
    verbs: Verbs | None = None
    control: Path = Path()

    @property
    def facts(self) -> Mapping[str, Callable[[], Document]]:
        return {"plugins": lambda: {"drivers": []}, "agent": lambda: {"pid": 7}}

    def present(self) -> MakeStatus:
        report, heard = self.report, self.heard
        if self.broken:
            self.breaks += 1
            raise ArithmeticError("no status")
        servers = [{"name": "node2", "heard_ms_ago": heard}]
        return lambda: {"report": report, "now_ms": heard, "servers": servers}

    def picture(self) -> Callable[[], Picture]:
        raise NotImplementedError

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        self.asked.append((op, by, wait))
        if wait == 0:
            return "node1-1.1-1"
        return Answer(request="node1-1.1-1", ok=False, because=(HEARD,))

    async def settled(self) -> None: ...

    def write(self, *lines: Line) -> None:
        assert self.verbs is not None
        self.verbs.followers.tell(lines)
        self.database.write((), lines)

    def say(self, number: int) -> None:
        self.write(*self.scribe.sentences((HEARD,), number))

    @asynccontextmanager
    async def stream(self, **request: object) -> AsyncIterator[asyncio.StreamReader]:
        path = str(self.control)
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            async with asyncio.timeout(5):
                yield reader
        finally:
            writer.close()

    async def get(self, **request: object) -> dict[str, Any]:
        async with self.stream(**request) as reader:
            return await reply(reader)


async def reply(reader: asyncio.StreamReader) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await reader.readline())
    return found


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[World]:
    world = World(folder / "store.db", Database(folder / "store.db"))
    desk = Desk()
    world.verbs = Verbs(world, desk, world.store, "node1")
    world.control = folder / "control"
    control = Control(world.control, world.verbs.serve)
    await control.open()
    try:
        yield world
    finally:
        control.close()
        world.verbs.watchers.close()
        await asyncio.sleep(0.01)
        desk.close()
        world.database.close()


def test_status_is_made_of_this_moment(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            world.report = 3
            got = await world.get(do="status")
        assert got["ok"]
        assert got["status"]["report"] == 3

    asyncio.run(run())


def test_an_agent_that_is_starting_tells_facts_and_refuses_the_rest(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            world.refusal = refusal("the agent is starting", "ask again")
            assert (await world.get(do="agent"))["agent"] == {"pid": 7}
            assert await world.get(do="status") == world.refusal

    asyncio.run(run())


def test_an_operator_gets_the_cores_answer(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            move = {"is": "GroupMove", "group": "g", "server": "node2"}
            answered = await world.get(do="ask", op=move, wait=500)
            pending = await world.get(do="ask", op={"is": "ClusterStop"}, via="clp-x")
        assert answered == {
            "ok": False,
            "because": [{"key": "nm1", "args": {"server": "node9"}}],
            "request": "node1-1.1-1",
        }
        assert pending.items() >= {"ok": False, "pending": True, "request": "node1-1.1-1"}.items()
        (first, second) = world.asked
        assert (first[0], first[2]) == (GroupMove("g", "node2"), 500)
        assert first[1], "who asked"
        assert second[:2] == (ClusterStop(), f"{first[1]} (clp-x)")

    asyncio.run(run())


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "ask", "op": {"is": "Nothing"}},
        {"do": "ask", "op": {"is": "ClusterStop"}, "via": "\x1b[2J"},
        {"do": "ask", "op": {"is": "GroupMove", "group": 3}},
        {"do": "ask", "op": {"is": "GroupMove", "group": "g", "to": "node2"}},
        {"do": "ask", "op": {"is": "ClusterStop", "group": "g"}},
        {"do": "ask", "op": "GroupMove"},
        {"do": "ask"},
        {"do": "ask", "op": {"is": "ClusterStop"}, "wait": -1},
        {"do": "ask", "op": {"is": "ClusterStop"}, "wait": True},
        {"do": "log", "lines": -1},
        {"do": "log", "lines": "all"},
        {"do": "log", "kinds": ["gossip"]},
        {"do": "log", "kinds": 3},
        {"do": "why"},
        {"do": "dance"},
        {"do": ["status"]},
        {},
    ],
)
def test_a_bad_request_is_refused_with_words(tmp_path: Path, request_: dict[str, Any]) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            got = await world.get(**request_)
        assert got["ok"] is False
        assert got["error"]
        assert world.asked == []

    asyncio.run(run())


def test_a_watcher_gets_what_is_new_and_not_that_time_has_passed(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world, world.stream(do="watch") as watch:
            assert world.verbs is not None
            seen = [(await reply(watch))["status"]["report"]]
            for _ in range(3):
                world.heard += 100
                world.verbs.watchers.changed()
                await asyncio.sleep(0.15)
                world.report += 1
                world.verbs.watchers.changed()
                seen.append((await reply(watch))["status"]["report"])
        assert seen == [0, 1, 2, 3]

    asyncio.run(run())


def test_watchers_share_the_news_ten_times_a_second_at_most(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            serving(tmp_path) as world,
            world.stream(do="watch") as one,
            world.stream(do="watch") as two,
        ):
            assert world.verbs is not None
            assert (await reply(one))["status"] == (await reply(two))["status"]
            for number in range(100):
                world.report = number
                world.verbs.watchers.changed()
                await asyncio.sleep(0.003)
            count = 0
            while (await reply(one))["status"]["report"] < 99:
                count += 1
            assert count <= 5
            while (await reply(two))["status"]["report"] < 99:
                pass

    asyncio.run(run())


def test_nothing_is_made_when_nobody_watches(tmp_path: Path, until: Until) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            assert world.verbs is not None
            watchers = world.verbs.watchers
            async with world.stream(do="watch") as watch:
                await reply(watch)
            await until(lambda: watchers._task is None)
            watchers.changed()
            assert not watchers._changed.is_set()

    asyncio.run(run())


def test_the_log_gives_the_newest_lines_and_ends(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            for number in range(50):
                world.say(number)
            async with world.stream(do="log", lines=3) as log:
                rows = [(await reply(log))["row"] for _ in range(3)]
                assert await reply(log) == {"ok": True, "end": True}
        assert [row["now_ms"] for row in rows] == [47, 48, 49]
        assert {row["server"] for row in rows} == {"node1"}
        assert rows[0]["text"] == "Server node9 is heard."

    asyncio.run(run())


def test_a_follower_gets_every_line_once_whenever_it_is_written(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            world.say(1)
            async with world.stream(do="log", lines=10, follow=True) as log:
                for number in range(2, 40):
                    world.say(number)
                    await asyncio.sleep(0)
                seen = [(await reply(log))["row"]["seq"] for _ in range(39)]
        assert seen == list(range(1, 40))

    asyncio.run(run())


def test_a_long_log_comes_in_pages_that_wait_for_the_reader(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            lines = [world.scribe.sentences((HEARD,), number)[0] for number in range(20_000)]
            world.database.write((), lines)
            async with world.stream(do="log", lines=20_000) as log:
                await asyncio.sleep(0.3)  # nobody reads: it must wait, not let us go
                seen = [(await reply(log))["row"]["seq"] for _ in range(20_000)]
                assert await reply(log) == {"ok": True, "end": True}
        assert seen == list(range(1, 20_001))

    asyncio.run(run())


async def read_to_the_end(log: asyncio.StreamReader) -> None:
    while True:
        await reply(log)


def test_a_follower_that_reads_the_past_too_slowly_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_MOST_WAITING", 50)

    async def run() -> None:
        async with serving(tmp_path) as world:
            lines = [world.scribe.sentences((HEARD,), number)[0] for number in range(20_000)]
            world.database.write((), lines)
            async with world.stream(do="log", lines=20_000, follow=True) as log:
                await asyncio.sleep(0.2)
                for number in range(51):
                    world.say(number)
                with pytest.raises((ConnectionResetError, json.JSONDecodeError)):
                    await read_to_the_end(log)

    asyncio.run(run())


def test_a_status_that_cannot_be_made_stops_no_watcher(tmp_path: Path, until: Until) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world, world.stream(do="watch") as watch:
            assert world.verbs is not None
            await reply(watch)
            world.broken = True
            world.verbs.watchers.changed()
            await until(lambda: world.breaks)
            world.broken = False
            world.report = 5
            world.verbs.watchers.changed()
            assert (await reply(watch))["status"]["report"] == 5

    asyncio.run(run())


def test_a_line_written_while_the_past_is_read_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            world.say(1)
            do, calls = Desk.do, 0

            async def write_meanwhile(self: Desk, *work: Any, **more: Any) -> Any:  # noqa: ANN401
                nonlocal calls
                calls += 1
                if calls == 2:
                    world.say(2)
                return await do(self, *work, **more)

            monkeypatch.setattr(Desk, "do", write_meanwhile)
            async with world.stream(do="log", lines=10, follow=True) as log:
                first = [(await reply(log))["row"]["seq"] for _ in range(2)]
                await asyncio.sleep(0.1)
                world.say(3)
                assert [*first, (await reply(log))["row"]["seq"]] == [1, 2, 3]

    asyncio.run(run())


def test_why_gives_the_newest_ten_sentences_that_name_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            world.write(*world.scribe.sentences((HEARD, OTHER, *[HEARD] * 10), 1))
            got = await world.get(do="why", about="node9")
        assert [row["seq"] for row in got["because"]] == [*range(3, 13)]

    asyncio.run(run())


def test_why_of_a_server_leaves_out_what_merely_happened_there(tmp_path: Path) -> None:
    told = (
        HEARD,
        messages.because("rc11", group="g", server="node9", epoch=1),
        messages.because("rc32", group="g", server="node9", resource="r", reason="exit 3"),
        messages.because("op1", by="root", op="group stop g", server="node9"),
        messages.because("op1", by="root", op="server stop node9", server="node9"),
        messages.because("op1", by="root", op="group move g --to node9", server="node1"),
        messages.because("rc50", group="g", previous="node9", server="node1"),
    )

    async def run() -> None:
        async with serving(tmp_path) as world:
            world.write(*world.scribe.sentences(told, 1))
            server = await world.get(do="why", about="node9")
            group = await world.get(do="why", about="g")
        assert [row["seq"] for row in server["because"]] == [1, 3, 5, 6, 7]
        assert [row["seq"] for row in group["because"]] == [2, 3, 4, 6, 7]

    asyncio.run(run())


def remove(folder: Path, pattern: str) -> None:
    for path in list(folder.glob(pattern)):
        path.unlink()


def test_a_journal_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(tmp_path) as world:
            world.database.close()
            remove(tmp_path, "store.db*")
            assert "cannot be read" in (await world.get(do="why", about="g"))["error"]
            assert "cannot be read" in (await world.get(do="log"))["error"]

    asyncio.run(run())
