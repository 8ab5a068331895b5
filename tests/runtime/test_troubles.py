"""Troubles are said when they begin and when they end; drops are counted and logged rarely."""

from __future__ import annotations

import logging

import pytest

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.runtime import clock
from clpcore.runtime.links.complaints import Complaints
from clpcore.runtime.troubles import Troubles

FAILS = messages.because("pm504", what="UDP 10.0.0.1:29002", reason="in use")
WORKS = messages.because("pm505", what="UDP 10.0.0.1:29002")


def test_a_trouble_is_said_once_until_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    told: list[Because] = []
    troubles = Troubles(told.append)
    troubles.end("x", WORKS)
    for _ in range(3):
        troubles.begin("x", FAILS)
    assert troubles.now == {"x": FAILS}
    troubles.end("x", WORKS)
    troubles.end("x", WORKS)
    troubles.begin("x", FAILS)
    assert told == [FAILS, WORKS, FAILS]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["ERROR", "INFO", "ERROR"]
    assert "ss -lntup" in caplog.records[0].getMessage(), "the remedy is told"


def test_another_reason_is_said_too() -> None:
    told: list[Because] = []
    troubles = Troubles(told.append)
    troubles.begin("x", FAILS)
    troubles.begin("x", WORKS)
    assert told == [FAILS, WORKS]


def test_a_flood_is_counted_and_logged_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0
    monkeypatch.setattr(clock, "now", lambda: now)
    complaints = Complaints()
    for _ in range(500):
        complaints.add("forged", "by node2")
    complaints.add("foreign", "12 bytes")
    now = 10_000
    complaints.add("forged", "by node2 again")
    assert complaints.counts == {"foreign": 1, "forged": 501}
    assert [record.getMessage() for record in caplog.records] == [
        "dropped (forged, 1 since the last line): by node2",
        "dropped (foreign, 1 since the last line): 12 bytes",
        "dropped (forged, 500 since the last line): by node2 again",
    ]
