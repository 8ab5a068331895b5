"""A server whose agent cannot vouch for it is reset by its watchdog; one that leaves is not."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from clp_lab.lab import Lab
from clp_lab.plan import Plan, servers

pytestmark = pytest.mark.netns

_WATCHDOG: Final = 1_000  # ms
_AGENT: Final = (sys.executable, str(Path(__file__).with_name("watched.py")))


@pytest.fixture
def lab() -> Iterator[Lab]:
    plan = Plan(servers=servers(1), agent=(*_AGENT, str(_WATCHDOG)))
    with Lab(plan) as made:
        _eventually(lambda: "pm531" in _log(made))
        yield made


def _eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold within 10 s"
        time.sleep(0.01)


def _log(lab: Lab) -> str:
    return (lab.folder / "log/node1.log").read_text()


def _boot_id(lab: Lab) -> str:
    """Give the boot id; none in the moment between two lives."""
    with contextlib.suppress(FileNotFoundError):
        return (lab.server("node1").root / "run/boot_id").read_text()
    return ""


def test_an_agent_that_is_frozen_costs_the_life_of_its_server(lab: Lab) -> None:
    first = _boot_id(lab)
    time.sleep(2 * _WATCHDOG / 1_000)
    assert _boot_id(lab) == first, "an agent that is well feeds it"
    pid = lab.status().server("node1").agent_pid
    assert pid is not None
    stopped = time.monotonic()
    lab.server("node1").run(["kill", "-STOP", str(pid)])
    _eventually(lambda: _boot_id(lab) not in {"", first})
    assert time.monotonic() - stopped < 3 * _WATCHDOG / 1_000
    assert "the watchdog was not fed for 1000 ms" in _log(lab)


def test_an_agent_that_crashed_is_back_before_the_watchdog_bites(lab: Lab) -> None:
    first = _boot_id(lab)
    lab.fault("agent-kill", server="node1")
    _eventually(lambda: _log(lab).count("pm531") == 2)
    time.sleep(1.5 * _WATCHDOG / 1_000)
    assert _boot_id(lab) == first


def test_an_agent_that_left_cleanly_has_disarmed_it(lab: Lab) -> None:
    first = _boot_id(lab)
    lab.fault("agent-stop", server="node1")
    _eventually(lambda: lab.status().server("node1").agent == "stopped")
    time.sleep(2 * _WATCHDOG / 1_000)
    assert _boot_id(lab) == first
