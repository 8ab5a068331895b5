"""Load balancers through the real azure-mgmt-network, as the doctor reads them."""

from __future__ import annotations

import attrs
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.network import NetworkManagementClient

from clp_azuresim import lab
from clp_azuresim.balancers import Balancers
from clp_azuresim.plan import BalancerPlan, Plan, ProbePlan, RulePlan, guide
from clp_lab.errors import LabError

_GROUP = "TestGroup1"
_SERVERS = {"10.5.0.110": "node1", "10.5.0.111": "node2"}


@pytest.fixture
def azure_plan() -> Plan:
    public, internal = guide().balancers
    rule = RulePlan(port=80, backend_port=80, floating=True)
    return attrs.evolve(guide(), balancers=(public, attrs.evolve(internal, rules=(rule,))))


def test_the_public_one(azure_network: NetworkManagementClient) -> None:
    found = azure_network.load_balancers.get(_GROUP, "TestLoadBalancer")
    (rule,), (probe,) = found.load_balancing_rules or [], found.probes or []
    assert (rule.frontend_port, rule.backend_port, rule.enable_floating_ip) == (80, 8080, False)
    assert rule.probe is not None
    assert rule.probe.id == probe.id
    assert (probe.port, probe.interval_in_seconds, probe.probe_threshold) == (26001, 5, 2)
    (frontend,) = found.frontend_ip_configurations or []
    assert frontend.private_ip_address is None
    assert frontend.public_ip_address is not None
    assert frontend.public_ip_address.id is not None
    name = frontend.public_ip_address.id.rpartition("/")[2]
    assert azure_network.public_ip_addresses.get(_GROUP, name).ip_address == "203.0.113.10"


def test_the_internal_one_with_direct_server_return(azure_network: NetworkManagementClient) -> None:
    found = azure_network.load_balancers.get(_GROUP, "TestInternalLoadBalancer")
    (frontend,), (rule,) = found.frontend_ip_configurations or [], found.load_balancing_rules or []
    assert frontend.private_ip_address == "10.5.0.200"
    assert rule.enable_floating_ip


def test_the_pool_leads_to_the_machines(azure_network: NetworkManagementClient) -> None:
    found = azure_network.load_balancers.get(_GROUP, "TestLoadBalancer")
    (pool,) = found.backend_address_pools or []
    cards = [each.id or "" for each in pool.backend_ip_configurations or []]
    assert len(cards) == 2
    card = azure_network.network_interfaces.get(_GROUP, cards[0].split("/")[8])
    assert card.virtual_machine is not None
    assert (card.virtual_machine.id or "").endswith("/virtualMachines/node1")
    (configuration,) = card.ip_configurations or []
    assert configuration.private_ip_address == "10.5.0.110"
    pools = [each.id for each in configuration.load_balancer_backend_address_pools or []]
    assert pool.id in pools


def test_parts_have_places_of_their_own(azure_network: NetworkManagementClient) -> None:
    probe = azure_network.load_balancer_probes.get(_GROUP, "TestLoadBalancer", "TestHealthProbe")
    assert probe.port == 26001
    rules = azure_network.load_balancer_load_balancing_rules.list(_GROUP, "TestLoadBalancer")
    assert [rule.name for rule in rules] == ["TestLoadBalancingRule"]
    assert len(list(azure_network.load_balancers.list(_GROUP))) == 2
    assert len(list(azure_network.load_balancers.list_all())) == 2
    with pytest.raises(ResourceNotFoundError):
        azure_network.load_balancer_probes.get(_GROUP, "TestLoadBalancer", "Other")
    with pytest.raises(ResourceNotFoundError):
        azure_network.load_balancers.get(_GROUP, "Other")


def test_they_are_only_read(azure_network: NetworkManagementClient) -> None:
    with pytest.raises(HttpResponseError, match="only GET is answered"):
        azure_network.load_balancers.begin_delete(_GROUP, "TestLoadBalancer").result(5)


def test_the_lab_balances_by_the_rules_of_arm(azure_plan: Plan) -> None:
    public, internal = (Balancers(azure_plan).body(each) for each in azure_plan.balancers)
    made = lab.balancer(public, _SERVERS, public_address="203.0.113.10", pace=0.04)
    assert (made.frontend, made.port, made.backend_port) == ("203.0.113.10", 80, 8080)
    assert (made.probe_port, made.interval, made.threshold) == (26001, 200, 2)
    assert (made.idle, made.pool, made.direct) == (240_000, ("node1", "node2"), False)
    made = lab.balancer(internal, _SERVERS)
    assert (made.frontend, made.backend_port, made.direct) == ("10.5.0.200", 80, True)
    assert made.interval == 5000


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rules": ()}, "0 of rule"),
        ({"rules": (RulePlan(), RulePlan(name="b"))}, "2 of rule"),
        ({"rules": (RulePlan(probe="other"),)}, "0 of probe"),
        ({"probes": (ProbePlan(name="other"),)}, "0 of probe"),
        ({"pool": ()}, "holds nobody"),
        ({"internal": False}, "public: give its address"),
    ],
)
def test_what_the_lab_cannot_do_is_said(
    azure_plan: Plan, change: dict[str, object], complaint: str
) -> None:
    internal: BalancerPlan = azure_plan.balancers[1]
    body = Balancers(azure_plan).body(attrs.evolve(internal, **change))  # type: ignore[arg-type]
    with pytest.raises(LabError, match=complaint):
        lab.balancer(body, _SERVERS)


def test_only_the_pool_of_the_rule_counts(azure_plan: Plan) -> None:
    body = Balancers(azure_plan).body(azure_plan.balancers[1])
    member = {"name": "x", "properties": {"ipAddress": "10.5.0.199"}}
    other = {"id": "other", "properties": {"loadBalancerBackendAddresses": [member]}}
    body["properties"]["backendAddressPools"].insert(0, other)
    assert lab.balancer(body, _SERVERS).pool == ("node1", "node2")


def test_a_stranger_in_the_pool_is_named(azure_plan: Plan) -> None:
    body = Balancers(azure_plan).body(azure_plan.balancers[1])
    with pytest.raises(LabError, match=r"holds 10\.5\.0\.111"):
        lab.balancer(body, {"10.5.0.110": "node1"})
