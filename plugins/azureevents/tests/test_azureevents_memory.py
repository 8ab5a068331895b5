"""What survives a restart: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from clpcore_azureevents import memory
from clpcore_azureevents.memory import Known


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "known.json"
    assert memory.load(file) == Known()
    known = Known(ours=True, drained=("E1", "E2"), freeze_until=5)
    memory.save(file, known)
    memory.save(file, known)
    assert memory.load(file) == known
    assert [each.name for each in file.parent.iterdir()] == ["known.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"ours": true}', '{"ours": 1, "drained": 2}'])
def test_a_broken_file_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text)
    assert memory.load(file) == Known()
