"""What an operator's script is told, and when a final action is not wanted any more after it."""

from __future__ import annotations

import pytest

from clpcore.model.actions import Driven, Hook, StopSelf
from clpcore.model.hooks import HookPoint
from clpcore.model.states import Event
from clpcore.simulate import Scenario
from clpcore.simulate.drivers import Drivers, Rule


class Heard(Scenario):
    """Keeps the scripts that were asked for, and the ends of machines."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: list[tuple[HookPoint, Event]] = []
        self.ends: list[StopSelf] = []

    def _hear(self, now: int, server: str, what: object) -> None:
        if isinstance(what, StopSelf):
            self.ends.append(what)
        super()._hear(now, server, what)

    def play(self, *lines: str) -> None:
        for line in lines:
            self.do(line)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    scenario, begin = Heard(), Drivers.begin

    def noted(self: Drivers, server: str, action: Driven) -> tuple[Rule | None, int]:
        if isinstance(action, Hook):
            scenario.hooks.append((action.at, action.call.event))
        return begin(self, server, action)

    monkeypatch.setattr(Drivers, "begin", noted)
    return scenario


def test_a_monitor_s_scripts_are_told_what_comes_next(heard: Heard) -> None:
    heard.play(
        "set pidw1.hooks before_reactivation,before_failover,before_final_action",
        "set pidw1.max_reactivations 1",
        "begin node1 node2",
        "tell pidw1 node1 observe errors",
        "tell pidw1 node2 observe errors",
        "run 5 min",
    )
    assert heard.hooks[:2] == [
        (HookPoint.BEFORE_REACTIVATION, Event.RECOVER),
        (HookPoint.BEFORE_FAILOVER, Event.FAILOVER),
    ]
    assert (HookPoint.BEFORE_FINAL_ACTION, Event.RECOVER) in heard.hooks


def test_a_resource_s_scripts_are_told_why_it_was_called(heard: Heard) -> None:
    heard.play(
        "set exec1.hooks before_activation,before_final_action",
        "set exec1.activation_failover 0",
        "tell exec1 node1 activate fails",
        "begin node1 node2",
    )
    assert heard.hooks == [
        (HookPoint.BEFORE_ACTIVATION, Event.START),
        (HookPoint.BEFORE_FINAL_ACTION, Event.START),
    ]


def test_a_group_that_is_to_stop_has_no_final_action_after_the_script(heard: Heard) -> None:
    heard.play(
        "set exec1.hooks before_final_action",
        "set exec1.activation_failover 0",
        "set exec1.activation_final_action shutdown",
        "takes hook 2 s",
        "tell exec1 node1 activate fails",
        "boot node1 node2",
        "run 1 s",
        "node1$ clp group stop failover1",
        "run 10 s",
    )
    assert heard.hooks == [(HookPoint.BEFORE_FINAL_ACTION, Event.START)]
    assert heard.ends == []


def test_there_is_no_script_before_it_goes_on(heard: Heard) -> None:
    heard.play(
        "set exec1.hooks before_final_action",
        "set exec1.activation_failover 0",
        "set exec1.activation_final_action continue",
        "tell exec1 node1 activate fails",
        "begin node1 node2",
    )
    assert heard.hooks == []
