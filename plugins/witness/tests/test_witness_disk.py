"""The service on a disk of 1 MB that is full: it refuses, forgets nothing, and recovers."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from clpcore_witness.service import file


class _Process(Protocol):
    popen: subprocess.Popen[str]
    url: str
    log: Path

    def end(self, number: int = 15) -> int: ...


def _may_mount() -> bool:
    command = ["unshare", "--mount", "true"]
    return os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0


def _fill(folder: Path) -> Path:
    """Leave not one block."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def _claim(talker: Any, url: str, group: str, epoch: int, evidence: int = 0) -> Any:  # noqa: ANN401 - JSON
    me = ["node1", 1, "b", epoch]
    record = talker.ask(url, "POST", f"/v1/records/{group}/claim", me)
    if evidence:
        record["evidence"] = ["x" * 900] * evidence
        record = talker.ask(url, "POST", f"/v1/records/{group}/amend", record)
    return record


@pytest.mark.skipif(not _may_mount(), reason="a disk of our own needs root")
def test_a_full_disk(
    process: Callable[..., _Process], talker: Callable[..., Any], tmp_path: Path
) -> None:
    script = (
        'mount -t tmpfs -o size=1m none "$0/state" && cp -a "$0/first/." "$0/state" && exec "$@"'
    )
    shutil.move(tmp_path / "state", tmp_path / "first")
    (tmp_path / "state").mkdir()
    before = ["unshare", "--mount", "sh", "-c", script, str(tmp_path)]
    running, known = process(before=before), talker()
    state = Path(f"/proc/{running.popen.pid}/root{tmp_path}/state")
    assert _claim(known, running.url, "g", 1)["holder"] == ["node1", 1, "b", 1]
    filler = _fill(state)
    for group in [f"full{number}" for number in range(40)]:  # what is left of a block holds a few
        try:
            _claim(known, running.url, group, 1, evidence=8)
        except ValueError as error:
            refused = str(error)
            break
    else:
        pytest.fail("it writes on a disk that is full")
    assert refused == "the witness's disk is full: No space left on device"
    assert known.ask(running.url, "GET", "/v1/records/g")["holder"] == ["node1", 1, "b", 1]
    known.ask(running.url, "POST", "/v1/frames/node2?from=node1")  # heartbeats need no disk
    whole = (state / file.NAME).read_bytes()
    filler.unlink()
    assert _claim(known, running.url, "late", 1)["epoch"] == 1
    assert (state / file.NAME).read_bytes().startswith(whole)
    _fill(state)
    shutil.copytree(state, tmp_path / "copy", ignore=shutil.ignore_patterns("filler"))
    running.end(9)
    shutil.rmtree(tmp_path / "first")
    (tmp_path / "copy").rename(tmp_path / "first")
    script_full = script.replace("size=1m", "size=8k")  # the next one starts on a full disk
    running = process(before=["unshare", "--mount", "sh", "-c", script_full, str(tmp_path)])
    assert "the ledger stays as it is" in running.log.read_text()
    for group in ("g", "late"):
        assert talker().ask(running.url, "GET", f"/v1/records/{group}")["epoch"] == 1
