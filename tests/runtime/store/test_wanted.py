"""One rule, asked twice: what SQL finds in the past is what Python takes of the new."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from clpcore import messages
from clpcore.model.inputs import Leave
from clpcore.runtime.store import journal
from clpcore.runtime.store.database import Database, Line
from clpcore.runtime.store.journal import Scribe
from clpcore.runtime.store.wanted import Wanted

_SENTENCES = (
    messages.because("nm1", server="node1"),
    messages.because("nm2", server="node2", ms=5_000, timeout=5_000),
    messages.because("rc60", group="failover1", previous="node1", server="node2"),
    messages.because("rc66", group='say "no"', reason=messages.because("rc540", server="node9")),
    messages.because("op1", by="root", op="group move failover1 --to node7", server="node8"),
)


@pytest.fixture
def lines(tmp_path: Path) -> list[Line]:
    """A journal of one sentence each second, in a store."""
    made = Scribe().turn(Leave(7), _SENTENCES, (), news=False)
    found = [attrs.evolve(line, wall_ms=line.seq * 1_000) for line in made]
    database = Database(tmp_path / "store.db")
    database.write((), found)
    database.close()
    return found


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (Wanted(), ["nm1", "nm2", "rc60", "rc66", "op1"]),
        (Wanted(kinds=frozenset({"input"})), ["Leave"]),
        (Wanted(keys=frozenset({"nm2", "rc66"})), ["nm2", "rc66"]),
        (Wanted(keys=frozenset()), []),
        (Wanted(server="node2"), ["nm2", "rc60"]),
        (Wanted(server="node9"), ["rc66"]),
        (Wanted(server="node"), []),
        (Wanted(about="node1"), ["nm1", "rc60"]),
        (Wanted(about="failover1"), ["rc60", "op1"]),
        (Wanted(about='say "no"'), ["rc66"]),
        (Wanted(about="failover"), []),
        (Wanted(since=4_000), ["rc60", "rc66", "op1"]),
        (Wanted(since=4_000, server="node2", keys=frozenset({"rc60", "nm2"})), ["rc60"]),
    ],
)
def test_past_and_new_are_judged_alike(
    wanted: Wanted, keys: list[str], lines: list[Line], tmp_path: Path
) -> None:
    assert [line.key for line in lines if wanted.takes(line)] == keys
    found = journal.page(tmp_path / "store.db", after=0, wanted=wanted)
    assert [line.key for line in found] == keys
