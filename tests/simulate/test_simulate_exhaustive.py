"""Histories of a few events keep the rules; ``python -m clpcore.simulate.exhaustive`` goes on."""

from __future__ import annotations

import pytest

from clpcore.decide import evidence, tenure
from clpcore.model.ownership import EvidenceKind
from clpcore.simulate.exhaustive import starts
from clpcore.simulate.exhaustive.clusters import POLICIES, cluster
from clpcore.simulate.exhaustive.command import main
from clpcore.simulate.exhaustive.explore import Bounds, Explored, Explorer
from clpcore.simulate.exhaustive.keys import spelled
from clpcore.simulate.exhaustive.moves import NEXT, TIME, Move
from clpcore.simulate.exhaustive.playing import play
from clpcore.simulate.exhaustive.tell import summary, tell
from clpcore.simulate.exhaustive.world import World

STATES = 3_000


def explored(policy: str, bounds: Bounds, start: str = "served") -> Explored:
    config = cluster(policy)
    root = getattr(starts, start)(config)
    return Explorer(config, bounds).run([(start, root)])


def after(policy: str, world: World, ms: int) -> World:
    config, until = cluster(policy), world.now + ms
    while world.now < until or world.head() is not None:
        world = play(config, world, TIME if world.head() is None else NEXT).world()
    return world


@pytest.mark.timeout(60)
@pytest.mark.parametrize("policy", POLICIES)
def test_no_history_of_a_few_events_breaks_a_rule(policy: str) -> None:
    found = explored(policy, Bounds(events=2, states=STATES, every=100))
    assert found.finding is None, summary(policy, found)
    assert found.states >= STATES
    assert found.recovered > 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", ["new", "known"])
def test_no_cold_start_with_an_event_breaks_a_rule(start: str) -> None:
    for policy in ("cohort", "lease"):
        found = explored(policy, Bounds(events=1, states=1_000, every=100), start)
        assert found.finding is None, summary(policy, found)


@pytest.mark.parametrize(("servers", "groups"), [(2, 2), (3, 1)])
def test_larger_clusters_keep_the_rules_at_every_single_event(servers: int, groups: int) -> None:
    config = cluster("both", servers=servers, groups=groups)
    found = Explorer(config, Bounds(events=1, states=20_000, every=200)).run(
        [("served", starts.served(config))]
    )
    assert found.finding is None, summary("both", found)
    assert found.whole == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_a_cluster_at_rest_is_the_same_world_later(policy: str) -> None:
    begin = starts.served(cluster(policy))
    one, other = after(policy, begin, 20_000), after(policy, begin, 60_000)
    assert spelled(one)[0] == spelled(other)[0]


def test_a_world_with_a_server_less_is_another_one() -> None:
    begin = starts.served(cluster("cohort"))
    without = play(cluster("cohort"), begin, Move("loses its power", "node2")).world()
    assert spelled(begin)[0] != spelled(without)[0]


def test_a_claim_without_proof_is_found_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenure, "_proof", lambda _turn, _suspect: EvidenceKind.FENCED)
    found = explored("fence", Bounds(events=2, states=20_000, every=0))
    assert found.finding is not None
    assert "Evidence(server='node1', boot=1, kind=" in found.finding.rule
    assert "which is not true" in found.finding.rule
    assert found.whole < found.deepest <= 2
    config = cluster("fence")
    lines = list(tell(config, starts.served(config), found.finding))
    assert found.finding.rule in lines[-1]
    assert any("!" in line for line in lines)
    assert any("node2: " in line for line in lines)


def test_a_cluster_that_never_serves_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    roots = starts.served(cluster("cohort"))
    monkeypatch.setattr(evidence, "proof_about", lambda _turn, _server, _boot: None)
    found = Explorer(cluster("cohort"), Bounds(events=2, states=20_000, every=20)).run(
        [("served", roots)]
    )
    assert found.finding is not None
    assert "nobody serves" in found.finding.rule


def test_the_command_prints_what_it_has_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lease", "--states", "200", "--start", "served"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("lease: 201 states")
    assert line.endswith("no violation\n")
