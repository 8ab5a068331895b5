"""Rules between keys, and the risks that are told."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from clpcore import config
from clpcore.api import Capability, DriverSpec, Kind
from clpcore.model.config import ClusterConfig
from clpcore.model.reasons import Severity

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]
Load = Callable[[str], config.Loaded]
Specs = dict[tuple[Kind, str], DriverSpec]

_NODE2 = """[server.node2]
priority = 2
interconnect = ["10.5.0.111"]"""
_CLUSTER = f"""
[cluster]
name = "Cluster1"
{{}}
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
{_NODE2}
[group.g1.resource.app1]
type = "app"
{{}}
"""


def _said(loaded: config.Loaded) -> list[str]:
    return [f"{each.severity.value}: {each.key}: {each.what}" for each in loaded.problems]


def test_three_heartbeats_must_fit_into_the_timeout(complaints: Complaints, good: Good) -> None:
    (said,) = complaints("[cluster]\nheartbeat_interval = 0.5\nheartbeat_timeout = 1.4")
    assert "is 1.4 s, less than 3 heartbeats: 3 x 500 ms = 1.5 s." in said
    good("[cluster]\nheartbeat_interval = 0.5\nheartbeat_timeout = 1.5")


def test_a_wrong_interval_is_not_compared(complaints: Complaints) -> None:
    (said,) = complaints("[cluster]\nheartbeat_interval = 'x'\nheartbeat_timeout = 1")
    assert "is not a duration" in said


@pytest.mark.parametrize(
    ("platform", "timeout", "warned"),
    [
        ("azure", 30, True),
        ("azure", 30.001, False),
        ("onpremises", 10, False),
        ("lab", 10, False),
        ("azur", 10, False),  # wrong itself: no guess about it
    ],
)
def test_azure_may_freeze_a_machine_for_longer_than_a_short_timeout(
    load_only: Load, platform: str, timeout: float, *, warned: bool
) -> None:
    keys = f"platform = '{platform}'\nheartbeat_timeout = {timeout}"
    said = _said(load_only(_CLUSTER.format(keys, "")))
    freezes = [each for each in said if "Azure may pause a machine for up to 30 s" in each]
    assert len(freezes) == warned
    assert all(each.startswith("warning: cluster.heartbeat_timeout:") for each in freezes)


@pytest.mark.parametrize("kind", [Kind.RESOURCE, Kind.MONITOR, Kind.HEARTBEAT])
def test_what_makes_no_sense_on_azure_is_refused_there(
    load_only: Load, specs: Specs, kind: Kind
) -> None:
    names = {Kind.RESOURCE: "app", Kind.MONITOR: "look", Kind.HEARTBEAT: "lanhb"}
    spec = specs[kind, names[kind]]
    unfit = attrs.evolve(spec, capabilities=frozenset({Capability.NOT_ON_AZURE}))
    specs[kind, names[kind]] = unfit
    text = "[monitor.m]\ntype = 'look'\ntarget = 'app1'\n"
    text += "[heartbeat.h]\ntype = 'lanhb'\ninterconnect = 1"
    key = {
        Kind.RESOURCE: "group.g1.resource.app1.type",
        Kind.MONITOR: "monitor.m.type",
        Kind.HEARTBEAT: "heartbeat.h.type",
    }[kind]
    errors = [each for each in _said(load_only(_CLUSTER.format("", text))) if "error" in each]
    assert errors == [f"error: {key}: {names[kind]} does not work on Azure."]
    assert load_only(_CLUSTER.format("platform = 'onpremises'", text)).config


def test_taking_over_without_proof_is_told_in_capitals(load_only: Load) -> None:
    loaded = load_only(_CLUSTER.format("unproven_takeover = true", ""))
    (problem,) = loaded.problems
    assert problem.severity is Severity.WARNING
    assert (problem.key, problem.value) == ("cluster.unproven_takeover", "true")
    assert "A GROUP CAN RUN ON TWO SERVERS AT ONCE" in problem.what
    assert loaded.config


@pytest.mark.parametrize("line", ["", "unproven_takeover = false"])
def test_so_is_waiting_when_nothing_can_prove_a_stop(load_only: Load, line: str) -> None:
    (problem,) = load_only(_CLUSTER.format(line, "")).problems
    assert problem.severity is Severity.WARNING
    assert problem.key == "cluster.unproven_takeover"
    assert "its groups wait until it is back or an operator says that it is stopped" in problem.what


def test_nobody_waits_where_there_is_nobody_or_nothing(load_only: Load) -> None:
    (problem,) = load_only(_CLUSTER.format("", "").replace(_NODE2, "")).problems
    assert "one server" in problem.what
    assert load_only(_CLUSTER.partition("[group")[0].format("")).problems == ()


def test_an_unknown_type_is_no_more_than_that_on_azure(load_only: Load) -> None:
    text = _CLUSTER.format("", "[group.g1.resource.x]\ntype = 'xxx'")
    (said,) = [each for each in _said(load_only(text)) if each.startswith("error")]
    assert "No plugin here brings a resource of type xxx." in said


def _port(n: int, port: int, more: str = "") -> str:
    return f"[group.g{n}.resource.port{n}]\ntype = 'port'\nport = {port}\n{more}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_port(1, 5) + _port(2, 5), "group.g2.resource.port2.port: port1 of g1 listens on port 5"),
        (
            _port(1, 5) + _port(2, 6, "server.node2.port = 5"),
            "group.g2.resource.port2.server.node2.port: port1 of g1 listens on port 5 as well.",
        ),
        (
            _port(1, 29001),
            "group.g1.resource.port1.port: Port 29001 is the one on which the servers",
        ),
    ],
)
def test_two_cannot_listen_on_one_port(complaints: Complaints, text: str, said: str) -> None:
    (complaint,) = complaints(text)
    assert complaint.startswith(said)


def test_two_that_never_meet_can(good: Good) -> None:
    homes = "[group.g1]\nstartup_servers = ['node1']\n[group.g2]\nstartup_servers = ['node2']\n"
    good(homes + _port(1, 5) + _port(2, 5))
