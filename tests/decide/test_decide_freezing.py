"""An announced freeze: who is told, for how long, and that it can only lengthen a timeout."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from clpcore import decide
from clpcore.decide.freezing import LONGEST_MS
from clpcore.model.inputs import Tick
from clpcore.model.members import Heartbeat, Server
from clpcore.model.protection import Arbiter
from clpcore.model.state import PeerState
from clpcore.simulate.example import example
from clpcore.simulate.scenario import Scenario
from clpcore.wire import letters


def _scenario(*lines: str, freeze_timeout: int = 20_000) -> Scenario:
    scenario = Scenario()
    for line in (f"set freeze_timeout {freeze_timeout}", "begin node1 node2", *lines):
        scenario.do(line)
    return scenario


def _expect(seconds: float) -> str:
    return f"node1$ clp server expect-freeze node1 --for {seconds}"


def _row(scenario: Scenario, by: str, name: str) -> Any:  # noqa: ANN401 - JSON
    agent = scenario.cluster.machines[by].agent
    assert agent
    servers = decide.snapshot(scenario.config, agent.state)["servers"]
    return next(each for each in servers if each["name"] == name)


def _state(scenario: Scenario, of: str, by: str) -> PeerState:
    agent = scenario.cluster.machines[by].agent
    assert agent
    return agent.state.peers[of].state


def test_others_know_when_three_heartbeats_have_carried_it() -> None:
    scenario = _scenario(_expect(600))
    interval = scenario.config.heartbeat_interval
    assert _row(scenario, "node1", "node1")["freeze"] == "announcing"
    scenario.do(f"run {3 * interval - 1} ms")
    assert _row(scenario, "node1", "node1")["freeze"] == "announcing"
    assert _row(scenario, "node2", "node1")["freeze"] == "expected"
    scenario.do("run 10 ms")
    assert _row(scenario, "node1", "node1")["freeze"] == "expected"
    assert _row(scenario, "node2", "node2")["freeze"] is None


def test_a_word_that_is_repeated_only_moves_its_end() -> None:
    scenario = _scenario(_expect(10), "run 8 s", _expect(10))
    assert _row(scenario, "node1", "node1")["freeze"] == "expected"
    scenario.do("run 9 s")
    assert _row(scenario, "node2", "node1")["freeze"] == "expected"
    scenario.do("run 2 s")
    assert _row(scenario, "node1", "node1")["freeze"] is None
    assert _row(scenario, "node2", "node1")["freeze"] is None


def test_no_word_counts_for_longer_than_azure_announces_ahead() -> None:
    scenario = _scenario(_expect(1_000_000))
    agent = scenario.cluster.machines["node1"].agent
    assert agent
    assert agent.state.freeze
    assert agent.state.freeze.until - agent.state.freeze.since == LONGEST_MS


def test_an_agent_that_starts_anew_has_forgotten_it() -> None:
    scenario = _scenario(_expect(600), "run 2 s", "restart-agent node1", "run 3 s")
    assert _row(scenario, "node2", "node1")["freeze"] is None
    scenario.do("pause node1 15 s")
    scenario.do("run 6 s")
    assert _state(scenario, "node1", by="node2") is PeerState.SILENT


@pytest.mark.parametrize("freeze_timeout", [0, 1_000])
def test_it_never_shortens_a_timeout(freeze_timeout: int) -> None:
    scenario = _scenario(_expect(600), "run 2 s", freeze_timeout=freeze_timeout)
    scenario.do("pause node1 4 s")  # of 5
    scenario.do("run 4 s")
    assert _state(scenario, "node1", by="node2") is PeerState.UP


def test_the_end_of_it_counts_at_once_although_nothing_else_is_new() -> None:
    """A heartbeat without news moves no timer; this one is news."""
    scenario = _scenario(_expect(600), "run 2 s", _expect(0), "run 1 s")
    agent = scenario.cluster.machines["node2"].agent
    assert agent
    peer = agent.state.peers["node1"]
    due = max(peer.links.values()) + scenario.config.heartbeat_timeout
    assert peer.beat
    assert not peer.beat.may_freeze
    assert agent.state.wake_at is not None
    assert agent.state.wake_at <= due


def test_no_path_is_missed_before_its_server_is() -> None:
    scenario = _scenario(_expect(600), "run 2 s", "pause node1 9 s", "run 8 s")
    assert [each["state"] for each in _row(scenario, "node2", "node1")["heartbeats"]] == ["Normal"]
    one, two = (scenario.cluster.machines[name].agent for name in ("node1", "node2"))
    assert one
    assert two
    paths = tuple(Heartbeat(name=name, type="lanhb") for name in ("lanhb1", "lanhb2"))
    config, state = attrs.evolve(scenario.config, heartbeats=paths), two.state
    last = max(state.peers["node1"].links.values())
    for seconds in (19, 20):
        state = attrs.evolve(state, now=last + seconds * 1_000 - 1)
        peer = attrs.evolve(state.peers["node1"], links={"lanhb1": last, "lanhb2": state.now})
        state = attrs.evolve(state, peers={**state.peers, "node1": peer}, wake_at=state.now)
        decision = decide.step(config, state, Tick(last + seconds * 1_000))
        assert ("nm4" in {each.key for each in decision.because}) == (seconds == 20)


def test_only_who_announces_it_is_waited_for() -> None:
    scenario = _scenario(_expect(600), "run 2 s", "pause node2 15 s", "run 6 s")
    assert _state(scenario, "node2", by="node1") is PeerState.SILENT


def test_a_heartbeat_of_an_older_version_announces_nothing() -> None:
    agent = _scenario(_expect(600)).cluster.machines["node1"].agent
    assert agent
    beat = decide.beat(example(2), agent.state)
    sent = letters.encode_beat(beat)
    older = sent.replace(b'"may_freeze":true,', b"")
    assert len(older) < len(sent)
    assert letters.decode_beat(older) == attrs.evolve(beat, may_freeze=False)


def test_what_can_be_sat_out_leaves_a_quarter_and_heeds_the_lease() -> None:
    config = attrs.evolve(example(2), heartbeat_timeout=12_000, freeze_timeout=40_000)
    assert config.endured_freeze == 30_000
    assert attrs.evolve(config, freeze_timeout=0).endured_freeze == 9_000
    arbiter = Arbiter(name="a", type="witness")
    leased = attrs.evolve(config, arbiter=arbiter, stop_budget=10_000)
    assert leased.endured_freeze == 5_880  # 59.88 - (30 + 15 + 2) - 5 - 2
    for lease, endured in ((0, 30_000), (120_000, 7_500), (50_000, 0)):
        other = attrs.evolve(leased, arbiter=attrs.evolve(arbiter, lease=lease))
        assert other.endured_freeze == endured


@pytest.mark.parametrize(("freeze", "stops"), [(5_800, False), (14_000, True)])
def test_a_freeze_that_is_sat_out_stops_nothing_under_a_lease(freeze: int, *, stops: bool) -> None:
    scenario = Scenario()
    for line in ("set heartbeat_timeout 40000", "set heartbeat_interval 1000", "arbiter w 60000"):
        scenario.do(line)
    arbiter = Arbiter(name="w", type="witness")
    scenario.config = attrs.evolve(scenario.config, arbiter=arbiter, stop_budget=10_000)
    assert scenario.config.endured_freeze == 5_880
    # Whenever it comes between two renewals.
    lines = ("begin node1 node2", "run 30 s", *(f"pause node1 {freeze} ms", "run 20300 ms") * 4)
    for line in lines:
        scenario.do(line)
    agent = scenario.cluster.machines["node1"].agent
    assert agent
    assert (agent.state.kept.records["failover1"].epoch > 1) == stops


def test_who_is_cut_off_gets_the_time_of_a_freeze_that_it_may_expect() -> None:
    names = [Server(name=f"node{n}", priority=n, interconnect=()) for n in (1, 2)]
    config = attrs.evolve(example(2), servers=tuple(names))
    longer = attrs.evolve(config, freeze_timeout=config.heartbeat_timeout + 7_000)
    assert longer.np_wait == config.np_wait + 7_000
