"""Tables of NP resolution, forced stop, arbiter and witness heartbeats."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import Policy

Good = Callable[[str], ClusterConfig]
Load = Callable[[str], config.Loaded]
Specs = dict[tuple[Kind, str], DriverSpec]

_PROVEN = "[cluster]\nunproven_takeover = false\n"
_NP = "[np.np1]\ntype = 'httpnp'\nurl = 'https://a'\n"
_STOP = "[fencing.stop1]\ntype = 'stop'\ntimeout = 20\n"
_STORE = "[arbiter.store1]\ntype = 'store'\nurl = 'https://a'\n"
_WITNESS = "[heartbeat.witnesshb1]\ntype = 'witnesshb'\nurl = 'https://w'\n"


@pytest.fixture
def load(load_only: Load) -> Load:
    """Load a cluster that takes nothing over without proof."""
    servers = "".join(
        f"[server.node{n}]\npriority = {n}\ninterconnect = ['10.5.0.11{n}']\n" for n in (1, 2)
    )
    cluster = "[cluster]\nname = 'C'\nplatform = 'lab'\n"
    return lambda text: load_only(f"{cluster}{text}\n{servers}")


def _good(load: Load, text: str) -> ClusterConfig:
    loaded = load(text)
    assert loaded.config, config.render(loaded.problems, None)
    return loaded.config


def _errors(loaded: config.Loaded) -> list[str]:
    return [
        f"{each.key}: {each.what} {each.remedy}"
        for each in loaded.problems
        if each.severity.value == "error"
    ]


def test_np_resolution_with_the_drivers_defaults_and_values_per_server(load: Load) -> None:
    (np,) = _good(load, _NP + "interval = 7\nserver.node2.url = 'https://b'").nps
    assert (np.name, np.type, np.interval, np.timeout, np.tries) == (
        "np1",
        "httpnp",
        7_000,
        20_000,
        1,
    )
    assert np.settings_for("node1") == {"url": "https://a"}
    assert np.settings_for("node2") == {"url": "https://b"}
    assert np.asks_on("node1")


def test_only_some_servers_ask(load: Load) -> None:
    (np,) = _good(load, _NP + "servers = ['node2']").nps
    assert (np.asks_on("node1"), np.asks_on("node2")) == (False, True)


def test_levels_of_the_forced_stop_are_in_file_order_and_settings_are_about_the_victim(
    load: Load,
) -> None:
    text = _STOP + "server.node2.vm_name = 'vm2'\n[fencing.last]\ntype = 'stop'\n"
    first, last = _good(load, text).fencings
    assert (first.name, last.name) == ("stop1", "last")
    assert first.settings_for("node2") == {"vm_name": "vm2"}
    assert first.settings_for("node1") == {}


def test_an_arbiter(load: Load) -> None:
    found = _good(load, _STORE + "lease = 90\nserver.node1.proxy = 'http://p'")
    assert found.arbiter
    assert (found.arbiter.lease, found.arbiter.renewal) == (90_000, 5_000)
    assert found.arbiter.settings_for("node1") == {"url": "https://a", "proxy": "http://p"}
    assert found.policy is Policy.LEASE


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (_STOP, Policy.COHORT),
        (_STORE, Policy.LEASE),
        (_STORE + "lease = 0\n" + _STOP, Policy.FENCE),
        (_STORE + _STOP, Policy.BOTH),
    ],
)
def test_the_policy_follows_from_the_tables(load: Load, text: str, policy: Policy) -> None:
    assert _good(load, text).policy is policy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[np.np1]", "np.np1.type: type is missing. Say what it is. Types here: httpnp, major"),
        ("[np.np1]\ntype = 'stop'", "stop is a type of fences, not of partitions. It belongs"),
        (_NP + "servers = ['node3']", "np.np1.servers: There is no server node3."),
        (_NP + "server.node3.url = 'x'", "np.np1.server.node3: There is no server node3."),
        (_NP + "server.node1.tries = 2", "tries is the same on every server. Write it once"),
        (_NP + "urll = 'x'", "[np.np1] has no key urll. Did you mean url?"),
        ("[np.np1]\ntype = 'httpnp'", "np.np1.url: url is missing."),
        (_NP + "tries = 0", "0 is too little."),
        ("[np]\nnp1 = 3", "np.np1 is not a table."),
        (_STOP + "lease = 3", "[fencing.stop1] has no key lease."),
        (_STORE + "servers = ['node1']", "[arbiter.store1] has no key servers."),
        (
            _STORE + "[arbiter.other]\ntype = 'store'\nurl = 'https://b'",
            "arbiter.other: There is an arbiter already: store1. Two could give a group to two",
        ),
    ],
)
def test_a_wrong_table_is_refused(load: Load, text: str, said: str) -> None:
    (error,) = _errors(load(text))
    assert said in error


@pytest.mark.parametrize("name", ["monitor", "np", "fencing", "arbiter", "heartbeat"])
def test_no_group_has_the_name_of_a_folder_of_scripts(load: Load, name: str) -> None:
    (said,) = _errors(load(f"[group.{name}.resource.app1]\ntype = 'app'"))
    assert f"A group cannot be called {name}: scripts/{name} holds scripts of " in said


# -- witness heartbeats


def test_a_witness_heartbeat_stands_beside_those_over_the_interconnects(good: Good) -> None:
    found = good(_WITNESS).heartbeats
    assert [each.name for each in found] == ["lanhb1", "witnesshb1"]
    named = _WITNESS.replace("witnesshb1", "lanhb1")
    assert [each.name for each in good(named).heartbeats] == ["lanhb2", "lanhb1"]


def test_a_witness_heartbeat_brings_its_np_resolution_and_the_check_says_so(load: Load) -> None:
    loaded = load(_WITNESS + "proxy = 'http://p'\n")
    assert loaded.config
    (np,) = loaded.config.nps
    assert (np.name, np.type, np.timeout, np.tries) == ("httpnp1", "httpnp", 20_000, 1)
    assert np.settings == {"url": "https://w", "proxy": "http://p"}  # and not the key
    (told,) = [each for each in loaded.problems if each.severity.value == "info"]
    assert (told.key, told.place and told.place.line) == ("heartbeat.witnesshb1", 4)
    assert told.what.startswith("[np.httpnp1] of type httpnp comes with witnesshb1,")
    assert "heartbeat.witnesshb1" in config.render(loaded.problems, loaded.config)


def test_who_asks_somebody_asks_nobody_else(load: Load) -> None:
    assert [np.name for np in _good(load, _WITNESS + _NP).nps] == ["np1"]
    assert _errors(load("[heartbeat.w]\ntype = 'witnesshb'")) == [
        'heartbeat.w.url: url is missing. Add url = "https://witness.example". Where it is.'
    ]


def test_without_its_driver_a_witness_heartbeat_brings_nothing_and_says_so(
    load: Load, specs: Specs
) -> None:
    del specs[Kind.PARTITION, "httpnp"]
    loaded = load(_WITNESS)
    assert loaded.config
    assert loaded.config.nps == ()
    (told,) = [each for each in loaded.problems if each.key == "heartbeat.witnesshb1"]
    assert told.severity.value == "warning"
    assert "No plugin here brings a partition of type httpnp." in told.what


# -- profiles


def test_a_profile_gives_defaults_to_what_is_not_written(load: Load) -> None:
    found = _good(load, "profile = 'onpremises'\nstop_budget = 8\n" + _STORE + "watchdog = 9\n")
    assert found.arbiter
    assert (found.heartbeat_timeout, found.stop_budget) == (30_000, 8_000)
    assert (found.arbiter.lease, found.arbiter.watchdog, found.arbiter.reset) == (
        30_000,
        9_000,
        2_000,
    )


@pytest.mark.parametrize("profile", ["azure", "azure-fast", "onpremises", "lab"])
def test_every_profile_keeps_its_own_rules(load: Load, profile: str) -> None:
    stop = _STOP.replace("timeout = 20\n", "")
    loaded = load(f"profile = '{profile}'\n{stop}{_STORE}[group.g.resource.a]\ntype = 'app'\n")
    assert loaded.config
    assert loaded.problems == ()


def test_a_profile_goes_before_a_drivers_own_default(load: Load) -> None:
    (np,) = _good(load, "profile = 'lab'\n" + _NP).nps
    assert (np.timeout, np.tries) == (3_000, 1)
    (complaint,) = _errors(load("profile = 'fast'"))
    assert '"fast" is none of "azure", "azure-fast", "onpremises" or "lab".' in complaint
