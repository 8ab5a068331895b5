"""What is said of a balancer beside a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import attrs
import pytest

from clpcore import api
from clpcore_azurelb import balancer, compare
from clpcore_azurelb.balancer import Balancer, Card, Pool, Probe, Rule
from clpcore_azurelb.compare import Expected

Part = TypeVar("Part", Probe, Rule, Pool)

PROBE = Probe(
    name="TestHealthProbe", protocol="tcp", port=26001, interval=5, threshold=2, spreads=False
)
RULE = Rule(
    name="TestLoadBalancingRule",
    probe="TestHealthProbe",
    frontend="10.5.0.200",
    port=8080,
    backend_port=8080,
    floating=True,
    pools=("TestBackendPool",),
)
POOL = Pool(name="TestBackendPool", addresses=frozenset({"10.5.0.110", "10.5.0.111"}))
BALANCER = Balancer(name="TestLoadBalancer", probes=(PROBE,), rules=(RULE,), pools=(POOL,))
EXPECTED = Expected(
    name="lbpp1",
    port=26001,
    answer="tcp",
    reset_ports=(8080,),
    loopbacks={"loopback1": "10.5.0.200"},
    interconnects={"node1": ("10.5.0.110",), "node2": ("10.6.0.111", "10.5.0.111")},
    heartbeat_timeout=90_000,
)


def _said(
    expected: Expected = EXPECTED, found: Iterable[Balancer] = (BALANCER,)
) -> list[tuple[str, str, str]]:
    findings = list(compare.compare(expected, found))
    for each in findings:
        assert each.remedy or each.severity is api.Severity.OK, each
    return [(each.severity.value, each.what, each.value) for each in findings]


def _wrong(expected: Expected = EXPECTED, found: Iterable[Balancer] = (BALANCER,)) -> list[str]:
    return [f"{s}: {what} ({value})" for s, what, value in _said(expected, found) if s != "ok"]


def _with(**changes: Any) -> list[Balancer]:  # noqa: ANN401 - the values of any field
    """The balancer with other values in its probe, rule and pool: in whichever has the name."""

    def changed(part: Part) -> Part:
        mine = {name: new for name, new in changes.items() if hasattr(part, name)}
        return attrs.evolve(part, **mine)

    return [
        attrs.evolve(
            BALANCER, probes=(changed(PROBE),), rules=(changed(RULE),), pools=(changed(POOL),)
        )
    ]


def test_all_fits() -> None:
    assert _said() == [
        ("ok", "the probe TestHealthProbe of TestLoadBalancer asks the port of lbpp1", "tcp 26001"),
        (
            "ok",
            "the times of the probe TestHealthProbe of TestLoadBalancer",
            (
                "5 s x 2 = 10 s until a server is in or out; a silent server: about 100 s and the"
                " activation until clients are served"
            ),
        ),
        (
            "ok",
            (
                "the rule TestLoadBalancingRule of TestLoadBalancer and the loopback resource have"
                " one address"
            ),
            "10.5.0.200",
        ),
        (
            "ok",
            "all servers are in the pool TestBackendPool of TestLoadBalancer",
            "10.5.0.110, 10.5.0.111",
        ),
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "no load balancer probes port 26001: nobody is sent to lbpp1 (there is no load"),
        (
            _with(port=26002),
            "port 26001: nobody is sent to lbpp1 (TestLoadBalancer: TestHealthProbe 26002)",
        ),
        ([attrs.evolve(BALANCER, rules=())], "no rule of TestLoadBalancer goes by the probe Test"),
        (_with(protocol="http"), "speaks http, and lbpp1 answers tcp (port 26001)"),
        (_with(protocol="https"), "speaks https, and lbpp1 answers tcp (port 26001)"),
        (_with(interval=15, threshold=3), "clients wait for it at every move (15 s x 3 = 45 s"),
        (_with(spreads=True), "clients are sent to every server (noHealthyBackendsBehavior"),
        (_with(backend_port=8081), "nothing rewrites them (frontend 8080, backend 8081)"),
        (_with(floating=False), "does not use floating IP: packets arrive at the server's own"),
        (_with(frontend="10.5.0.201"), "(10.5.0.201; loopback1 10.5.0.200)"),
        (_with(frontend=""), "has a public frontend: whether it is the address of the loopback"),
        (
            _with(addresses=frozenset({"10.5.0.110"})),
            (
                "error: node2 is not in the pool TestBackendPool of TestLoadBalancer (10.6.0.111,"
                " 10.5.0.111; the pool: 10.5.0.110)"
            ),
        ),
        (
            _with(addresses=frozenset({"10.5.0.110", "10.7.0.111"})),
            "warning: node2 is not in the pool TestBackendPool of TestLoadBalancer, unless by",
        ),
    ],
)
def test_what_does_not_fit_is_told(found: list[Balancer], said: str) -> None:
    assert any(said in line for line in _wrong(found=found)), _wrong(found=found)


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        (attrs.evolve(EXPECTED, answer="http"), _with(protocol="tcp"), ""),
        (attrs.evolve(EXPECTED, answer="http"), _with(protocol="http"), ""),
        (
            attrs.evolve(EXPECTED, answer="http"),
            _with(protocol="https"),
            "speaks https, and lbpp1 answers http",
        ),
        (
            attrs.evolve(EXPECTED, reset_ports=(80,)),
            [BALANCER],
            "a port whose connections stay when the group leaves (port 8080, reset_ports 80)",
        ),
        (attrs.evolve(EXPECTED, reset_ports=()), [BALANCER], ""),
        (
            attrs.evolve(EXPECTED, loopbacks={}),
            [BALANCER],
            "unless a script puts it on lo, packets are dropped (10.5.0.200; no loopback resource)",
        ),
        (attrs.evolve(EXPECTED, loopbacks={}), _with(floating=False, backend_port=8080), ""),
    ],
)
def test_the_clusters_side(expected: Expected, found: list[Balancer], said: str) -> None:
    wrong = _wrong(expected, found)
    if said:
        assert any(said in line for line in wrong), wrong
    else:
        assert wrong == []


# -- reading what ARM writes


def test_cards_count_only_where_no_address_is_told() -> None:
    group = "/subscriptions/1/resourceGroups/TestGroup1/providers/Microsoft.Network"
    card = {"id": f"{group}/networkInterfaces/node1-nic/ipConfigurations/ipconfig1"}
    by_card = {"networkInterfaceIPConfiguration": card}  # as Azure tells it: without an address
    inside = {
        "backendIPConfigurations": [card],
        "loadBalancerBackendAddresses": [{"name": "node1", "properties": by_card}],
    }
    body = {
        "name": "b",
        "properties": {"backendAddressPools": [{"name": "p", "properties": inside}]},
    }
    (pool,) = balancer.read(body).pools
    assert pool.cards == {Card("TestGroup1", "node1-nic")}
    assert pool.addresses == frozenset()


@pytest.mark.parametrize(
    ("told", "threshold"),
    [({"probeThreshold": 3, "numberOfProbes": 1}, 3), ({"numberOfProbes": 2}, 2), ({}, 1)],
)
def test_the_threshold_has_had_two_names(told: dict[str, int], threshold: int) -> None:
    probes = [{"name": "p", "properties": {"protocol": "Tcp", "port": 1, **told}}]
    (probe,) = balancer.read({"name": "b", "properties": {"probes": probes}}).probes
    assert (probe.threshold, probe.interval) == (threshold, 15)


def test_what_is_missing_in_the_answer_is_no_fault() -> None:
    bare = balancer.read({"name": "b"})
    assert bare == Balancer(name="b")
    rule = {"name": "r", "properties": {"probe": None, "backendAddressPool": None}}
    (read,) = balancer.read({"name": "b", "properties": {"loadBalancingRules": [rule]}}).rules
    assert (read.probe, read.pools, read.floating) == ("", (), False)


def test_references_are_read_in_any_case_as_azure_does() -> None:
    """Who made the rule wrote the ids, and Azure compares them without regard to case."""

    def reference(kind: str, name: str) -> dict[str, str]:
        return {"id": f"/subscriptions/s/resourcegroups/g/providers/x/lb/{kind}/{name}"}

    body = {
        "name": "TestLoadBalancer",
        "properties": {
            "frontendIPConfigurations": [
                {"name": "Front", "properties": {"privateIPAddress": "10.5.0.200"}}
            ],
            "probes": [
                {
                    "name": "TestHealthProbe",
                    "properties": {
                        "protocol": "Tcp",
                        "port": 26001,
                        "intervalInSeconds": 5,
                        "probeThreshold": 2,
                    },
                }
            ],
            "backendAddressPools": [
                {
                    "name": "TestBackendPool",
                    "properties": {
                        "loadBalancerBackendAddresses": [
                            {"name": ip, "properties": {"ipAddress": ip}} for ip in POOL.addresses
                        ]
                    },
                }
            ],
            "loadBalancingRules": [
                {
                    "name": "TestLoadBalancingRule",
                    "properties": {
                        "frontendIPConfiguration": reference("frontend", "FRONT"),
                        "backendAddressPool": reference("pool", "testbackendpool"),
                        "probe": reference("probe", "testHealthProbe"),
                        "frontendPort": 8080,
                        "backendPort": 8080,
                        "enableFloatingIP": True,
                    },
                }
            ],
        },
    }
    assert _wrong(found=[balancer.read(body)]) == []


def test_a_rule_for_all_ports_is_told_nothing_about_one() -> None:
    rule = attrs.evolve(RULE, port=0, backend_port=0)
    assert _wrong(found=[attrs.evolve(BALANCER, rules=(rule,))]) == []
