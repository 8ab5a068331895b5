"""What the lab's tests share: labs with stand-in agents, and waiting for a condition."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from clp_lab.lab import Lab
from clp_lab.plan import BalancerPlan, Plan, servers

_PATIENCE = 8.0


class Wait(Protocol):
    """Wait until a condition holds; fail with what it last was when it never does."""

    def __call__(self, condition: Callable[[], object], timeout: float = ...) -> Any: ...  # noqa: ANN401


class MakeLab(Protocol):
    """Start a lab with some of the plan's fields changed; it ends with the test."""

    def __call__(self, **changes: Any) -> Lab: ...  # noqa: ANN401


@pytest.fixture(scope="session")
def stand_in() -> Path:
    return Path(__file__).with_name("stand_in.py")


@pytest.fixture(scope="session")
def agent(stand_in: Path) -> tuple[str, ...]:
    return sys.executable, str(stand_in), "agent"


@pytest.fixture(scope="session")
def eventually() -> Wait:
    def wait(condition: Callable[[], object], timeout: float = _PATIENCE) -> object:
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            assert time.monotonic() < deadline, f"never came true: it stayed {value!r}"
            time.sleep(0.002)
        return value

    return wait


@pytest.fixture
def make_lab(agent: tuple[str, ...]) -> Iterator[MakeLab]:
    made: list[Lab] = []

    def make(**changes: Any) -> Lab:  # noqa: ANN401
        balancer = BalancerPlan(interval=50, threshold=2)
        plan = {"servers": servers(2), "agent": agent, "balancer": balancer, "stop": 500}
        lab = Lab(Plan(**{**plan, **changes}))
        made.append(lab)
        lab.up()
        return lab

    yield make
    for lab in made:
        lab.down()


@pytest.fixture(scope="module")
def pair(agent: tuple[str, ...]) -> Iterator[Lab]:
    """Two servers for all tests of a module that leave it as they found it."""
    balancer = BalancerPlan(interval=50, threshold=2)
    with Lab(Plan(servers=servers(2), agent=agent, balancer=balancer)) as lab:
        yield lab
