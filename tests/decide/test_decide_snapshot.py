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


# -- what keeps groups from running twice


def _because(document: Document) -> str:
    (group,) = document["groups"]
    return group["because"]["key"] if group["because"] else ""


def test_np_resolution_is_shown_as_this_server_finds_it() -> None:
    play = _play("np np1", "np maj1 majoritynp", "begin node1 node2", "cut node1 np1", "run 2 min")
    np1, maj1 = _seen(play, "node1")["np"]
    assert (np1["state"], np1["servers"]["node1"]["state"]) == ("Error", "Error")
    assert (maj1["state"], maj1["servers"]["node1"]["detail"]) == ("Normal", "2/2")
    assert [each["state"] for each in _seen(play, "node2")["np"]] == ["Normal", "Normal"]
    assert set(np1["servers"]) == {"node1"}


def test_a_group_that_waits_for_np_resolution_says_so() -> None:
    unasked = "tell np1 node2 ask raises no route"
    play = _play("np np1", "begin node1 node2", unasked, "kill node1", "run 1 min")
    document = _seen(play, "node2")
    assert (_because(document), document["np"][0]["state"]) == ("rc591", "Caution")
    assert document["np"][0]["servers"]["node2"]["detail"] == "no route"
    assert (document["cut_off"], document["exclusive"]) == (None, "not guaranteed")


def test_a_server_that_is_cut_off_says_so() -> None:
    play = _play("np np1", "set np_action none", "begin node1 node2", "cut node2 node1")
    for line in ("cut node2 np1", "run 1 min"):
        play.do(line)
    assert _seen(play, "node2")["cut_off"]["key"] == "nm43"
    assert _seen(play, "node1")["cut_off"] is None
    assert _seen(play, "node1")["servers"][1]["evidence"] == "NP resolution"


def test_a_forced_stop_is_shown_from_its_beginning_to_its_failure() -> None:
    fails = "tell power1 node2 fence fails no answer"
    play = _play("fencing power1", "begin node1 node2", fails, "kill node1", "run 1 min")
    document = _seen(play, "node2")
    stop = document["servers"][0]["forced_stop"]
    assert (stop["because"]["key"], stop["failed"], stop["fence"]) == (
        "rc413",
        "no answer",
        "power1",
    )
    assert _because(document) == "rc413"
    assert document["servers"][1]["forced_stop"] is None
    (power1,) = document["fencing"]
    assert {n: each["state"] for n, each in power1["servers"].items()} == {"node1": "Normal"}
    assert document["exclusive"] == "guaranteed"


def test_a_forced_stop_that_is_confirmed_is_evidence() -> None:
    play = _play("fencing power1", "begin node1 node2", "cut node1 node2", "run 1 min")
    left = next(s for s in ("node1", "node2") if play.cluster.machines[s].agent)
    gone = next(s for s in _seen(play, left)["servers"] if s["name"] != left)
    assert (gone["evidence"], gone["forced_stop"]) == ("forced stop", None)


def test_how_forced_stops_have_ended_is_shown_the_newest_first_and_not_for_ever() -> None:
    fails = "tell power1 node2 fence fails no answer"
    play = _play("fencing power1", "begin node1 node2", fails, "kill node1", "run 3 min")
    (failed,) = _seen(play, "node2")["fencing"][0]["stops"]  # which is tried every minute
    assert (failed["server"], failed["boot"], failed["failed"]) == ("node1", 1, "no answer")
    assert failed["took_ms"] > 0
    for line in ("tell power1 node2 fence works", "run 10 min"):
        play.do(line)
    done, before = _seen(play, "node2")["fencing"][0]["stops"]
    assert (done["failed"], before) == ("", failed)
    assert done["at"] > failed["at"]
    agent = play.cluster.machines["node2"].agent
    assert agent
    many = attrs.evolve(agent.state.kept, stops=agent.state.kept.stops * 20)
    state = attrs.evolve(agent.state, kept=many)
    assert len(decide.snapshot(play.config, state)["fencing"][0]["stops"]) == 8


def test_the_lease_and_what_waits_for_it_are_shown() -> None:
    play = _play("arbiter witness1 10000", "begin node1 node2", "run 1 min")
    arbiter = _seen(play, "node1")["arbiter"]
    assert (arbiter["state"], arbiter["lease_ms"]) == ("Normal", 10_000)
    assert 0 < arbiter["stops_in_ms"] < arbiter["lease_left_ms"] <= 10_000
    assert _seen(play, "node1")["policy"] == "lease"
    for line in ("kill node1", "run 7 s"):
        play.do(line)
    assert _because(_seen(play, "node2")) == "rc604"
    for line in ("cut node2 witness1", "run 1 min"):
        play.do(line)
    document = _seen(play, "node2")
    assert document["arbiter"]["state"] == "Error"
    assert document["arbiter"]["detail"] == "no answer in time"


def test_promises_are_shown_on_both_sides() -> None:
    lost = ("cut node1 witness1", "cut node2 witness1")
    play = _play("arbiter witness1 10000", "begin node1 node2", *lost, "run 8100 ms")
    home = play.cluster.config.server_names[0]
    one, two = _seen(play, home)["arbiter"], _seen(play, "node2")["arbiter"]
    assert (one["asks_for_promises"], one["promised_by"]) == (True, ["node2"])
    assert two["promised_to"] == [home]


def test_nobody_asks_anything_while_the_cluster_service_is_stopped() -> None:
    add = ("np np1", "fencing power1", "arbiter witness1 10000")
    play = _play(*add, "begin node1 node2", "node1$ clp cluster stop", "run 1 min")
    document = _seen(play, "node1")
    found = [*document["np"], *document["fencing"], document["arbiter"]]
    assert {each["state"] for each in found} == {"Offline"}
