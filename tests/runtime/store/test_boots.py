"""Lives are numbered so that peers can tell what still runs."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from clpcore.model.ids import Boot
from clpcore.model.kept import BootKept, Current
from clpcore.model.ownership import Version
from clpcore.runtime.store import boots
from clpcore.runtime.store.boots import Life, Memory
from clpcore.wire import values


@pytest.mark.parametrize(
    ("stored", "remembered", "expected"),
    [
        (None, None, Life(Boot(1, "here"), 1)),
        (Life(Boot(4, "here"), 2), None, Life(Boot(4, "here"), 3)),
        (Life(Boot(4, "before"), 2), None, Life(Boot(5, "here"), 1)),
        (Life(Boot(4, "here"), 2, over=True), None, Life(Boot(5, "here"), 1)),
    ],
    ids=["first start", "agent restarted", "machine rebooted", "left cleanly"],
)
def test_the_next_life(stored: Life | None, remembered: Life | None, expected: Life) -> None:
    assert boots.next_life(stored, remembered, "here") == expected


def test_a_store_lost_in_mid_boot_does_not_end_the_boot() -> None:
    # Peers take a new boot number for the proof that nothing runs here any more.
    remembered = Life(Boot(4, "here"), 2)
    assert boots.next_life(None, remembered, "here") == Life(Boot(4, "here"), 3)


def test_a_raised_number_counts_more_than_what_run_remembers() -> None:
    life = Life(Boot(1, "here"), 1)
    assert boots.next_life(boots.above(life, 9), life, "here") == Life(Boot(10, "here"), 1)


def test_run_is_known_to_a_restarted_agent() -> None:
    run = BootKept(current=(Current("g", Version(1, "n1")),), join=3)
    memory = Memory(life=Life(Boot(4, "here"), 1), run=run)
    assert boots.recall(memory, Life(Boot(4, "here"), 2)) == run


def test_run_of_another_boot_is_void() -> None:
    memory = Memory(
        life=Life(Boot(4, "before"), 1),
        run=BootKept(current=(Current("g", Version(1, "n1")),), left=True, suspended=("m",)),
    )
    assert boots.recall(memory, Life(Boot(5, "here"), 1)) == BootKept()


def test_only_what_operators_told_it_outlives_a_clean_leave() -> None:
    told = BootKept(left=True, suspended=("m",))
    memory = Memory(
        life=Life(Boot(4, "here"), 1),
        run=attrs.evolve(told, current=(Current("g", Version(1, "n1")),), held={"g": 3}),
    )
    assert boots.recall(memory, Life(Boot(5, "here"), 1)) == told


def test_the_file_comes_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "clpcore" / "boot.json"
    memory = Memory(
        life=Life(Boot(4, "here"), 1),
        run=BootKept(current=(Current("g", Version(1, "n1")),), boots={"n2": 3}),
    )
    boots.write(path, values.to_json(memory))
    assert boots.read(path) == memory
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_binds_a_boot_is_all_that_stands_there_while_its_rights_change() -> None:
    bound = BootKept(lease=7, promised={"n2": 9})
    rights = attrs.evolve(
        bound, current=(Current("g", Version(1, "n1")),), held={"g": 3}, boots={"n2": 3}
    )
    memory = Memory(life=Life(Boot(4, "here"), 1), run=rights)
    assert boots.scant(memory) == attrs.evolve(memory, run=bound)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xff", b'{"life": 3}'])
def test_a_broken_file_is_a_boot_that_knows_nothing(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "boot.json"
    path.write_bytes(text)
    assert boots.read(path) is None
