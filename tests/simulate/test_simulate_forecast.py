"""Forecasts: they begin with the live state, and say what the full simulation would."""

from __future__ import annotations

import attrs
import pytest

from clpcore.decide.picture import picture
from clpcore.model.picture import Picture
from clpcore.model.reasons import Because
from clpcore.simulate import Cluster, choice, forecast
from clpcore.simulate.forecast import Forecast
from clpcore.simulate.scenario import Scenario
from clpcore.wire import values

_SETUPS = {
    "nothing": (),
    "np": ("np np1",),
    "fencing": ("fencing power1",),
    "arbiter": ("arbiter witness1 10000",),
    "both": ("fencing power1", "arbiter witness1 10000"),
    "unproven": ("set unproven_takeover true",),
}


def _live(*setup: str, servers: int = 2) -> Scenario:
    play = Scenario()
    names = " ".join(f"node{n}" for n in range(1, servers + 1))
    for line in (f"cluster {servers}", *setup, f"begin {names}", "run 30 s"):
        play.do(line)
    return play


def _seen(play: Scenario, by: str = "node2") -> Picture:
    agent = play.cluster.machines[by].agent
    assert agent is not None
    return picture(play.config, agent.state)


def _foretold(live: Picture, fault: str, *names: str) -> tuple[Forecast, list[str]]:
    """Give the forecast of one fault, and the keys of what is said in it."""
    events: list[tuple[int, str, object]] = []
    made = Forecast(live, live.config.group_by_name, forecast.recorder(events))
    match fault:
        case "kill":
            made.kill(*names)
        case "cut":
            forecast.cut(made, *names)
        case _:
            forecast.lose(made, *names)
    made.until_settled(choice.soonest(made.config, silence=fault != "lose"))
    return made, [what.key for _, _, what in events if isinstance(what, Because)]


def _homes(cluster: Cluster) -> list[str]:
    return [m.name for m in cluster.machines.values() if m.agent and m.serves("failover1")]


@pytest.mark.parametrize("setup", _SETUPS)
@pytest.mark.parametrize("fault", ["kill node1", "kill node2", "cut node1 node2"])
def test_a_forecast_ends_as_what_really_happens(setup: str, fault: str) -> None:
    play = _live(*_SETUPS[setup])
    made, _ = _foretold(_seen(play), *fault.split())
    for line in (fault, "run 3 min"):
        play.do(line)
    assert _homes(made) == _homes(play.cluster)


@pytest.mark.parametrize("setup", ["np", "arbiter", "both"])
def test_a_lost_witness_alone_changes_nothing(setup: str) -> None:
    play = _live(*_SETUPS[setup])
    name = "np1" if setup == "np" else "witness1"
    made, said = _foretold(_seen(play), "lose", name)
    assert _homes(made) == ["node1"]
    assert {"nm37", "rc603"} & set(said)
    assert not {"rc20", "rc60", "nm2"} & set(said)


def test_what_could_run_twice_is_found() -> None:
    proven, _ = _foretold(_seen(_live("fencing power1")), "cut", "node1", "node2")
    assert proven.twice is None
    made, _ = _foretold(_seen(_live("set unproven_takeover true")), "cut", "node1", "node2")
    assert made.twice is not None
    assert (made.twice.group, made.twice.server, made.twice.other) == (
        "failover1",
        "node2",
        "node1",
    )


def test_a_picture_survives_its_journey_and_tells_no_setting() -> None:
    live = _seen(_live("np np1", "fencing power1", "arbiter witness1 10000"))
    assert values.from_json(values.to_json(live), Picture) == live
    settings = [np.settings for np in live.config.nps]
    settings += [way.settings for way in live.config.fencings]
    settings += [each.settings for group in live.config.groups for each in group.resources]
    assert settings == [{}] * 4


def test_a_server_that_is_silent_already_takes_no_part() -> None:
    play = _live("fencing power1", servers=3)
    for line in ("kill node3", "run 1 min"):
        play.do(line)
    made, said = _foretold(_seen(play), "kill", "node1")
    assert (_homes(made), made.machines["node3"].on) == (["node2"], False)
    assert "rc11" in said


def test_a_stopped_server_gives_its_word_by_having_left() -> None:
    play = _live(servers=2)
    for line in ("node2$ clp server stop node1", "run 10 s"):
        play.do(line)
    made, _ = _foretold(_seen(play), "kill", "node2")
    assert _homes(made) == []


def test_calls_take_as_long_as_they_were_measured_to() -> None:
    live = _seen(_live("fencing power1"))
    made, _ = _foretold(live, "kill", "node1")
    limits = {"exec/activate": 20_000, "lbpp/activate": 20_000, "script/fence": 2_000}
    assert (made.timed.assumed, made.timed.used) == (limits, {})
    measured = {"exec/activate": 300, "lbpp/activate": 5}
    made, _ = _foretold(attrs.evolve(live, took=measured), "kill", "node1")
    assert (made.timed.assumed, made.timed.used) == ({"script/fence": 2_000}, measured)


def test_groups_that_are_alike_are_played_once() -> None:
    play = Scenario()
    lines = ("cluster 2 4", "set failover3.startup_servers node1")
    for line in (*lines, "begin node1 node2", "run 30 s"):
        play.do(line)
    live = _seen(play)
    assert choice.samples(live, live.config.group_by_name) == {
        "failover1": ("failover2", "failover4"),
        "failover3": (),
    }
    play.do("rule apart normal failover1,failover2")
    tied = attrs.evolve(live, config=play.config)
    assert set(choice.samples(tied, tied.config.group_by_name)) == {
        "failover1",
        "failover2",
        "failover3",
        "failover4",
    }


def test_another_configuration_restarts_what_it_must() -> None:
    live = _seen(_live(), by="node1")
    events: list[tuple[int, str, object]] = []
    made = Forecast(live, live.config.group_by_name, forecast.recorder(events))
    made.apply(made.config, ["failover1"], asked_at="node1")
    made.until_settled(5_000)
    assert _homes(made) == ["node1"]
    keys = [what.key for _, _, what in events if isinstance(what, Because)]
    assert keys.index("rc21") < keys.index("rc11")
