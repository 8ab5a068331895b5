"""The status document: what a sceptical reader would take for a lie is not in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from clpcore import decide
from clpcore.model.config import ClusterConfig
from clpcore.simulate.scenario import Scenario

Document = dict[str, Any]


def _play(*lines: str, change: Callable[[ClusterConfig], ClusterConfig] | None = None) -> Scenario:
    scenario = Scenario()
    if change:
        scenario.config = change(scenario.config)
    for line in lines:
        scenario.do(line)
    return scenario


def _seen(scenario: Scenario, by: str) -> Document:
    agent = scenario.cluster.machines[by].agent
    assert agent
    return decide.snapshot(scenario.config, agent.state)


def _heartbeats(document: Document) -> dict[str, set[str]]:
    return {s["name"]: {h["state"] for h in s["heartbeats"]} for s in document["servers"]}


def test_heartbeats_of_a_stopped_server_are_not_shown_as_good() -> None:
    play = _play("begin node1 node2", "node1$ clp server stop node2", "run 3 s")
    assert _heartbeats(_seen(play, "node1")) == {"node1": {"Normal"}, "node2": {"Offline"}}
    assert _heartbeats(_seen(play, "node2")) == {"node1": {"Offline"}, "node2": {"Offline"}}
    left = _seen(play, "node1")["servers"][1]
    assert (left["state"], left["evidence"]) == ("Offline", "clean leave")


def test_a_path_over_which_nobody_is_left_to_be_heard_is_unused() -> None:
    play = _play("begin node1 node2", "leave node2", "run 200 s")
    assert _heartbeats(_seen(play, "node1"))["node1"] == {"Unused"}


def test_a_silent_server_is_missed() -> None:
    play = _play("begin node1 node2", "kill node2", "run 200 s")
    document = _seen(play, "node1")
    assert _heartbeats(document) == {"node1": {"Error"}, "node2": {"Error"}}
    assert document["servers"][1]["evidence"] is None


def test_resources_are_in_the_order_of_their_activation() -> None:
    def turned(config: ClusterConfig) -> ClusterConfig:
        (group,) = config.groups
        return attrs.evolve(config, groups=(attrs.evolve(group, resources=group.resources[::-1]),))

    play = _play("begin node1 node2", change=turned)
    assert [r.name for r in play.config.groups[0].resources] == ["lbpp1", "exec1"]
    (group,) = _seen(play, "node2")["groups"]
    assert [resource["name"] for resource in group["resources"]] == ["exec1", "lbpp1"]


@pytest.mark.parametrize("by", ["node1", "node2"])
def test_every_server_shows_why_the_group_failed_on_another(by: str) -> None:
    failing = [f"tell exec1 {server} activate fails 99 [exit 3]" for server in ("node1", "node2")]
    play = _play("cluster 2", *failing, "boot node1 node2", "run 2 min")
    (group,) = _seen(play, by)["groups"]
    notes = {name: on["note"] and on["note"]["key"] for name, on in group["servers"].items()}
    assert notes[group["server"]] == "rc241"
    assert group["because"]["key"] == "rc241"


def test_a_monitor_has_the_products_words_over_all_servers_and_on_each() -> None:
    failing = [f"tell pidw1 {server} observe errors no answer" for server in ("node1", "node2")]
    play = _play("begin node1 node2", *failing, "run 20 min")
    monitors = {each["name"]: each for each in _seen(play, "node2")["monitors"]}
    home = _seen(play, "node2")["groups"][0]["server"]
    assert monitors["lbppw1"]["state"] == "Normal"
    assert monitors["lbppw1"]["servers"][home]["state"] == "Online"
    assert monitors["pidw1"]["state"] == "Error"
    assert monitors["pidw1"]["servers"][home]["state"] == "Online Failure"


def test_no_monitor_looks_while_the_cluster_service_is_stopped() -> None:
    play = _play("begin node1 node2", "run 2 min")
    before = {each["name"]: each["state"] for each in _seen(play, "node1")["monitors"]}
    assert before["lbppw1"] == "Normal"
    for line in ("node2$ clp cluster stop", "run 2 min"):
        play.do(line)
    for server in ("node1", "node2"):
        monitors = _seen(play, server)["monitors"]
        assert {each["name"]: each["state"] for each in monitors} == dict.fromkeys(
            before, "Offline"
        )
        assert {on["state"] for each in monitors for on in each["servers"].values()} == {"Offline"}


def test_nobody_knows_the_resources_of_a_silent_server() -> None:
    play = _play("begin node1 node2", "run 2 min", "cut node1 node2", "run 3 min")
    (group,) = _seen(play, "node2")["groups"]
    assert (group["server"], group["state"]) == ("node1", "Unknown")
    assert {each["state"] for each in group["resources"]} == {"Unknown"}
