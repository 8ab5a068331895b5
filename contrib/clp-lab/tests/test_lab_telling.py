"""What servers tell is told once and in the order in which it happened."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clp_lab import telling
from clp_lab.lab import Lab
from clp_lab.plan import Plan, servers
from clp_lab.telling import Telling
from clp_lab.timeline import Happened


def _happened(server: str, key: str, at: int) -> Happened:
    return Happened(at=at, server=server, key=key, args={}, text=key)


def test_a_sentence_that_is_written_late_is_told_in_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: dict[str, list[Happened]] = {"node1": [], "node2": []}

    class _Journal:
        def __init__(self, server: Any) -> None:  # noqa: ANN401 - the lab's or a stand-in
            self._name = server.name

        def so_far(self) -> list[Happened]:
            return list(written[self._name])

    monkeypatch.setattr(telling, "Journal", _Journal)
    lab = Lab(Plan(servers=servers(2), agent=()), folder=tmp_path / "lab")
    shown = SimpleNamespace(servers=servers(2))
    monkeypatch.setattr(lab, "status", lambda: shown)
    told: list[str] = []
    made = Telling(lab, lambda happened: told.append(happened.key))
    with made.running():
        now = time.monotonic_ns()
        written["node1"] += [_happened("node1", "first", now), _happened("node1", "third", now + 9)]
        time.sleep(0.06)  # two looks, within the time that a sentence is held back
        assert told == []
        written["node2"].append(_happened("node2", "second", now + 5))
        made.catch_up()
        assert told == ["first", "second", "third"]
        written["node2"].append(_happened("node2", "last", time.monotonic_ns()))
    assert told == ["first", "second", "third", "last"]
