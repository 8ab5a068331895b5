"""What a driver is told when it deactivates: whether another server may be about to serve."""

from __future__ import annotations

import pytest

from clpcore.model.actions import Deactivate, Driven
from clpcore.model.states import Event
from clpcore.simulate.drivers import Drivers, Rule
from clpcore.simulate.scenario import Scenario

_LEASE = ("arbiter witness1 10000", "begin node1 node2", "run 5 s")


@pytest.mark.parametrize(
    ("story", "event", "lost"),
    [
        (("node1$ clp group stop failover1",), Event.STOP, False),
        (("node1$ clp group move failover1",), Event.MOVE, False),
        (("cut node1 node2", "cut node1 witness1"), Event.STOP, True),
    ],
    ids=["an operator stops it", "it moves", "its lease is about to lapse"],
)
def test_a_right_that_is_lost_is_told(
    story: tuple[str, ...], event: Event, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    told: set[tuple[Event, bool]] = set()
    begin = Drivers.begin

    def listening(self: Drivers, server: str, action: Driven) -> tuple[Rule | None, int]:
        if isinstance(action, Deactivate) and server == "node1":
            told.add((action.call.event, action.call.lost))
        return begin(self, server, action)

    monkeypatch.setattr(Drivers, "begin", listening)
    play = Scenario()
    for line in (*_LEASE, *story, "run 30 s"):
        play.do(line)
    assert told == {(event, lost)}
