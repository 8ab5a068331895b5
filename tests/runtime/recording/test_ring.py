"""A recording keeps to its bounds, and is for root's eyes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from clpcore.runtime.recording import ring
from clpcore.runtime.recording.ring import Ring


def _write(made: Ring, size: int) -> int:
    number, file = made.begin()
    file.finish()
    path = ring.segments(made.folder)[-1]
    path.write_bytes(b"x" * size)
    return number


def test_the_oldest_go_and_numbers_go_on(tmp_path: Path) -> None:
    made = Ring(tmp_path / "recording", most=30_000)
    assert [_write(made, 10_000) for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert [path.name[:8] for path in ring.segments(made.folder)] == [
        "00000003",
        "00000004",
        "00000005",
        "00000006",
    ]


def test_many_small_ones_count_as_what_they_take_of_the_disk(tmp_path: Path) -> None:
    made = Ring(tmp_path / "recording", most=10 * 4096)
    for _ in range(30):
        _write(made, 10)
    assert len(ring.segments(made.folder)) == 11


def test_only_the_owner_can_read_it_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "recording"
    made = Ring(folder, most=0)
    _write(made, 10)
    (folder / "notes.txt").write_text("mine")
    _write(made, 10)
    (path,) = ring.segments(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_that_is_none_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "recording").write_text("")
    with pytest.raises(FileExistsError):
        Ring(tmp_path / "recording").begin()
