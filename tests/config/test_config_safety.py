"""What a takeover rests on: contradictions, gaps and risks are told where they stand."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from clpcore import config
from clpcore.api import Capability, DriverSpec, Kind
from clpcore.config import safety
from clpcore.model.config import ClusterConfig

Load = Callable[[str], config.Loaded]
Specs = dict[tuple[Kind, str], DriverSpec]

_NP = "[np.np1]\ntype = 'httpnp'\nurl = 'https://a'\n"
_MAJORITY = "[np.np1]\ntype = 'majoritynp'\n"
_STOP = "[fencing.stop1]\ntype = 'stop'\ntimeout = 20\n"
_STORE = "[arbiter.store1]\ntype = 'store'\nurl = 'https://a'\n"
_REST = (
    "[server.node1]\npriority = 1\ninterconnect = ['10.5.0.111']\n"
    "[server.node2]\npriority = 2\ninterconnect = ['10.5.0.112']\n"
    "[group.g1.resource.app1]\ntype = 'app'\n"
)


@pytest.fixture
def load(load_only: Load) -> Load:
    """Load a cluster of two servers and one group; the text begins in [cluster]."""
    return lambda text: load_only(f"[cluster]\nname = 'C'\nplatform = 'lab'\n{text}\n{_REST}")


def _said(loaded: config.Loaded) -> list[str]:
    return [f"{each.severity.value}: {each.key}: {each.what}" for each in loaded.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "unproven_takeover = true\n" + _STOP + _STORE,
            "It takes over without proof, and [fencing.stop1] and [arbiter.store1] would give one",
        ),
        (
            _STORE + "lease = 0",
            "arbiter.store1.lease: Without a lease a forced stop alone is proof, and there is no",
        ),
        ("on_fence_failure = 'lease'", "There is no forced stop that could fail."),
        ("on_fence_failure = 'failover'", "There is no forced stop that could fail."),
        ("on_fence_failure = 'lease'\n" + _STOP, "There is no lease that could lapse."),
        (
            "on_fence_failure = 'lease'\n" + _STOP + _STORE + "lease = 0",
            "There is no lease that could lapse.",
        ),
    ],
)
def test_contradictions_are_refused(load: Load, text: str, said: str) -> None:
    (error,) = [each for each in _said(load(text)) if each.startswith("error")]
    assert said in error


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (_NP, "np.np1"),
        ("unproven_takeover = true", "cluster.unproven_takeover"),
        ("on_fence_failure = 'failover'\n" + _STOP, "cluster.on_fence_failure"),
        ("on_fence_failure = 'failover'\n" + _STOP + _STORE, "cluster.on_fence_failure"),
    ],
)
def test_what_can_run_a_group_twice_is_told_in_capitals(load: Load, text: str, key: str) -> None:
    loaded = load(text)
    assert loaded.config
    assert not loaded.config.exclusive
    (told,) = [each for each in loaded.problems if "NOT GUARANTEED" in each.what]
    assert (told.severity.value, told.key) == ("warning", key)
    assert told.what.startswith("EXCLUSIVE: NOT GUARANTEED. A GROUP CAN RUN ON TWO SERVERS")
    assert "EXCLUSIVE: NOT GUARANTEED (" in config.render([], loaded.config)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", "operator"),
        (_NP, "np only"),
        ("unproven_takeover = true", "unproven"),
        (_STOP, "cohort"),
        (_STOP + _STORE + "lease = 0", "fence"),
        (_STORE, "lease"),
        (_STOP + _STORE, "both"),
    ],
)
def test_the_report_says_what_a_takeover_rests_on(load: Load, text: str, policy: str) -> None:
    found = load(text)
    assert found.config
    assert safety.policy(found.config) == policy
    told = config.as_json(found.problems, found.config)
    assert (told["policy"], told["exclusive"]) == (policy, policy not in {"np only", "unproven"})
    assert (f"exclusive (policy {policy})" in config.render([], found.config)) == told["exclusive"]


def test_a_lease_alone_needs_its_watchdog(load: Load) -> None:
    (told,) = load(_STORE).problems
    assert (told.severity.value, told.key) == ("info", "arbiter.store1")
    assert "a watchdog resets a server that cannot stop" in told.what
    assert load(_STORE + _STOP).problems == ()
    assert "watchdog" in str(load("on_fence_failure = 'lease'\n" + _STOP + _STORE).problems)


def test_a_server_that_nothing_can_stop(load: Load) -> None:
    one = _STOP + "servers = ['node1']\n"
    (told,) = load("fence_delay = 20\n" + one).problems
    assert (told.severity.value, told.key) == ("warning", "fencing.stop1.servers")
    assert told.what.startswith("No forced stop can stop node2:")
    other = "[fencing.stop2]\ntype = 'stop'\ntimeout = 20\nservers = ['node2']"
    assert load(f"fence_delay = 20\n{one}{other}").problems == ()


def test_a_server_on_which_nobody_asks(load: Load) -> None:
    found = load("fence_delay = 20\n" + _STOP + _NP + "servers = ['node1']")
    (told,) = found.problems
    assert (told.severity.value, told.key) == ("warning", "np.np1.servers")
    assert told.what.startswith("Nobody asks for node2 who is cut off:")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "Of two servers neither is a majority alone"),
        ("best_priority_wins_half = true", "Of two servers node1 always wins: node2 never takes"),
    ],
)
def test_two_servers_have_no_majority(load: Load, line: str, said: str) -> None:
    (told,) = load(f"fence_delay = 20\n{_STOP}{_MAJORITY}{line}").problems
    assert (told.severity.value, told.key) == ("warning", "np.np1.type")
    assert told.what.startswith(said)
    third = "[server.node3]\npriority = 3\ninterconnect = ['10.5.0.113']\n"
    assert load(f"fence_delay = 20\n{_STOP}{_MAJORITY}{line}\n{third}").problems == ()


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        (Kind.PARTITION, "httpnp", "np.np1.type"),
        (Kind.FENCE, "stop", "fencing.stop1.type"),
        (Kind.ARBITER, "store", "arbiter.store1.type"),
    ],
)
def test_what_makes_no_sense_on_azure_is_refused_there(
    load_only: Load, specs: Specs, kind: Kind, name: str, key: str
) -> None:
    unfit = attrs.evolve(specs[kind, name], capabilities=frozenset({Capability.NOT_ON_AZURE}))
    specs[kind, name] = unfit
    text = f"[cluster]\nname = 'C'\n{_STOP}{_STORE}{_NP}{_REST}"
    (error,) = [each for each in _said(load_only(text)) if each.startswith("error")]
    assert error == f"error: {key}: {name} does not work on Azure."


def test_nobody_is_told_of_takeovers_where_there_are_none(load_only: Load) -> None:
    alone = _REST.partition("[server.node2]")[0]
    loaded = load_only(f"[cluster]\nname = 'C'\nplatform = 'lab'\n{_NP}{alone}")
    assert [each.what for each in loaded.problems if "GUARANTEED" in each.what] == []
    cluster = ClusterConfig(name="C")
    assert "EXCLUSIVE" not in config.render([], cluster)
