"""What a decision changed is durable in the right order, and lives are numbered before anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from clpcore import decide, messages
from clpcore.model.actions import Action, Left, RaiseBoot, Send
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot
from clpcore.model.inputs import Leave, Tick
from clpcore.model.kept import BootKept, Current, Kept, Rungs
from clpcore.model.ownership import Record, Version
from clpcore.model.peer import Bye
from clpcore.model.state import ClusterState, Decision
from clpcore.runtime.store import boots
from clpcore.runtime.store.boots import Life
from clpcore.runtime.store.database import Database, Line
from clpcore.runtime.store.ledger import Begun, Ledger
from clpcore.runtime.store.rows import Row
from clpcore.runtime.store.writer import Store

HEARD = messages.because("nm1", server="node2")


@attrs.define
class Open:
    ledger: Ledger
    begun: Begun
    state: ClusterState
    told: list[Line]

    def decide(self, *actions: Action, **changes: object) -> asyncio.Future[None] | None:
        """Write a decision that changes the state so."""
        old = self.state
        self.state = attrs.evolve(old, **changes)  # type: ignore[arg-type]
        decision = Decision(state=self.state, actions=actions, because=(HEARD,), wake_at=None)
        return self.ledger.write(Leave(5), old, decision)


class Silent:
    def store_fails(self, reason: str) -> None: ...
    def store_works(self, lost_lines: int) -> None: ...
    def store_set_aside(self, aside: Path, reason: str) -> None: ...
    def store_died(self, error: BaseException) -> None: ...


@asynccontextmanager
async def begun(
    folder: Path, config: ClusterConfig, boot_id: str = "here", early: str = ""
) -> AsyncIterator[Open]:
    store = Store(folder / "store.db", folder / "boot.json", Silent())
    told: list[Line] = []
    ledger = Ledger(store, folder / "boot.json", told.extend)
    if early:
        ledger.say(messages.because("nm1", server=early))
    try:
        async with asyncio.timeout(10):
            start = await ledger.begin(boot_id)
            state = decide.start(
                config, "node1", start.life.incarnation, start.kept, start.run, now=0, wall=0
            )
            yield Open(ledger, start, state, told)
    finally:
        await store.close()


def test_every_start_is_numbered(tmp_path: Path, config: ClusterConfig) -> None:
    async def run() -> None:
        for boot_id, expected in (
            ("b1", Life(Boot(1, "b1"), 1)),
            ("b1", Life(Boot(1, "b1"), 2)),
            ("b2", Life(Boot(2, "b2"), 1)),
        ):
            async with begun(tmp_path, config, boot_id) as open_:
                assert open_.begun.life == expected

    asyncio.run(run())


def test_a_start_is_on_disk_before_it_is_given(tmp_path: Path, config: ClusterConfig) -> None:
    async def run() -> None:
        async with begun(tmp_path, config):
            database = Database(tmp_path / "store.db")
            assert [row.kind for row in database.rows()] == ["life"]
            database.close()
            memory = boots.read(tmp_path / "boot.json")
        assert memory is not None
        assert memory.life == Life(Boot(1, "here"), 1)

    asyncio.run(run())


def test_what_a_decision_keeps_is_known_to_the_next_start(
    tmp_path: Path, config: ClusterConfig
) -> None:
    kept = Kept(records={"g": Record(group="g", epoch=3)}, rungs={"m": Rungs(1)}, ends=(7,))
    run_kept = BootKept(current=(Current("g", Version(1, "n1")),), boots={"node2": 4}, join=2)

    async def run() -> None:
        async with begun(tmp_path, config) as open_:
            durable = open_.decide(kept=kept, run=run_kept)
            assert durable is not None
            await durable
        async with begun(tmp_path, config) as open_:
            assert open_.begun.kept == kept
            assert open_.begun.run == run_kept
            assert open_.begun.refused == ()
        async with begun(tmp_path, config, "after a reboot") as open_:
            assert open_.begun.kept == kept
            assert open_.begun.run == BootKept()

    asyncio.run(run())


def test_only_what_must_survive_is_waited_for(tmp_path: Path, config: ClusterConfig) -> None:
    async def run() -> None:
        async with begun(tmp_path, config) as open_:
            assert open_.decide(report=7) is None
            assert [line.key for line in open_.told] == ["Leave", "nm1"]
            decision = Decision(state=open_.state, actions=(), because=(), wake_at=None)
            assert open_.ledger.write(Tick(1), open_.state, decision) is None
            await open_.ledger.settled()
        async with begun(tmp_path, config) as open_:
            open_.ledger.say(HEARD)
            assert [line.seq for line in open_.told] == [3], "numbers go on after a restart"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Left(stay=False), Life(Boot(2, "here"), 1)),
        (Left(stay=True), Life(Boot(2, "here"), 1)),
        (Send(to="node2", letter=Bye(1)), Life(Boot(2, "here"), 1)),
        (RaiseBoot(counter=8), Life(Boot(9, "here"), 1)),
    ],
)
def test_a_boot_is_over_on_disk_before_anybody_hears_it(
    tmp_path: Path, config: ClusterConfig, action: Action, expected: Life
) -> None:
    async def run() -> None:
        async with begun(tmp_path, config) as open_:
            durable = open_.decide(action, run=BootKept(left=True))
            assert durable is not None
            await durable
        async with begun(tmp_path, config) as open_:
            assert open_.begun.life == expected

    asyncio.run(run())


def test_what_operators_told_a_server_holds_for_the_agent_after_a_clean_leave(
    tmp_path: Path, config: ClusterConfig
) -> None:
    async def run() -> None:
        for stay in (True, False):
            async with begun(tmp_path, config) as open_:
                kept = BootKept(left=True, join=3, suspended=("lbppw1",))
                durable = open_.decide(Left(stay=stay), run=kept)
                assert durable is not None
                await durable
            async with begun(tmp_path, config) as open_:
                assert open_.begun.run == BootKept(left=stay, suspended=("lbppw1",))

    asyncio.run(run())


def test_rows_that_cannot_be_read_are_named(tmp_path: Path, config: ClusterConfig) -> None:
    database = Database(tmp_path / "store.db")
    database.write((Row("rungs", "m", "{"), Row("life", "", "?"), Row("rungs", "n", "{}")), ())
    database.close()

    async def run() -> None:
        async with begun(tmp_path, config) as open_:
            texts = [messages.render(reason) for reason in open_.begun.refused]
            assert [text.split(" of ")[0] for text in texts] == ["Row life", "Row rungs m"]
            assert open_.begun.kept.rungs == {"n": Rungs()}

    asyncio.run(run())


def test_what_is_said_before_the_store_is_open_is_numbered_after_it(
    tmp_path: Path, config: ClusterConfig
) -> None:
    async def run() -> None:
        async with begun(tmp_path, config) as open_:
            open_.ledger.say(HEARD)
            await open_.ledger.settled()
        async with begun(tmp_path, config, early="node9") as open_:
            assert [(line.seq, line.boot) for line in open_.told] == [(2, 1)]
            assert "node9" in open_.told[0].body

    asyncio.run(run())
