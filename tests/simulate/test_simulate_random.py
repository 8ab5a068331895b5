"""Random schedules of faults: every invariant holds after every step, and the cluster recovers.

``schedule`` says what each kind promises: without ``unproven_takeover`` never two actives, whatever
the network, the machines and the operators do.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from clpcore.decide import agenda
from clpcore.simulate import Scenario, Violated
from clpcore.simulate.schedule import schedule

SEEDS = range(60)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("ten", range(0, len(SEEDS), 10))
def test_no_schedule_breaks_a_promise(ten: int) -> None:
    for seed in SEEDS[ten : ten + 10]:
        scenario = Scenario()
        try:
            for line in schedule(seed):
                scenario.do(line)
        except Violated as violated:
            script = "\n".join(f"> {line}" for line in schedule(seed))
            pytest.fail(f"seed {seed}: {violated}\n{script}")


def test_groups_that_wait_their_turn_break_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda, "AT_ONCE", 1)
    for seed in SEEDS[:20]:
        scenario = Scenario()
        for line in schedule(seed):
            scenario.do(line)


_SAYS = """
import hashlib
from clpcore.simulate import Scenario
from clpcore.simulate.schedule import schedule
scenario = Scenario()
for line in schedule(4):
    scenario.do(line)
print(hashlib.sha256("\\n".join(scenario.lines).encode()).hexdigest(), len(scenario.lines))
"""


def test_the_same_decisions_under_any_hash_seed() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", _SAYS],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
    assert int(said.pop().split()[1]) > 0
