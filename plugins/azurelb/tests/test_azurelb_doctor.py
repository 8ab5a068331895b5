"""The check with the real SDK, against a simulated Azure."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from clp_azuresim import plan as azure
from clp_azuresim.azure import Azure
from clp_azuresim.balancers import Balancers
from clp_azuresim.beside import simulated
from clp_azuresim.roles import Role
from clpcore import api, config, host
from clpcore.ctl.doctor import beyond
from clpcore_azurelb import doctor
from clpcore_lbpp.resource import Answer, Config
from clpcore_lib_azure import Account
from clpcore_loopback.resource import Config as Loopback

pytestmark = pytest.mark.timeout(60)

_DIRECT: Final = azure.RulePlan(port=8080, backend_port=8080, floating=True)
_INTERNAL: Final = azure.BalancerPlan(
    name="TestLoadBalancer",
    frontend="10.5.0.200",
    internal=True,
    pool=("node1", "node2"),
    rules=(_DIRECT,),
)
_READER: Final = (
    "Microsoft.Network/loadBalancers/read",
    "Microsoft.Network/networkInterfaces/read",
)


Make = Callable[..., Azure]


@pytest.fixture
def make_azure(azure_folder: Path) -> Iterator[Make]:
    """Gives an Azure with the guide's machines and these balancers, to an account's *actions*."""
    with contextlib.ExitStack() as stack:

        def make(
            *balancers: azure.BalancerPlan,
            actions: tuple[str, ...] = _READER,
        ) -> Azure:
            plan = attrs.evolve(azure.guide(), balancers=balancers or (_INTERNAL,))
            made = stack.enter_context(simulated(plan, azure_folder))
            made.set_roles(Role(actions=actions))
            return made

        yield make


def _account(made: Azure, **changes: Any) -> Account:  # noqa: ANN401 - settings of an account
    settings = {
        "subscription_id": made.subscription,
        "resource_group": azure.RESOURCE_GROUP,
        "application_id": made.application,
        "tenant_id": made.tenant,
        "certificate_file": str(made.certificate()),
        **attrs.asdict(made.cloud),
    }
    return Account(**{**settings, **changes})


def _part(kind: api.Kind, type_: str, config: object, group: str = "") -> api.Part:
    on = dict.fromkeys(("node1", "node2"), config)
    return api.Part(kind=kind, type=type_, name=f"{type_}1", group=group, on=on)


def _cluster(
    *accounts: Account, platform: str = "azure", timeout: int = 20_000, port: int = 26001
) -> api.Cluster:
    lbpp = Config(port=port, answer=Answer.TCP, reset_ports=(8080,))
    return api.Cluster(
        name="Cluster1",
        platform=platform,
        server="node1",
        interconnects={"node1": ("10.5.0.110",), "node2": ("10.5.0.111",)},
        heartbeat_timeout=90_000,
        timeout=timeout,
        parts=(
            _part(api.Kind.RESOURCE, "lbpp", lbpp, "failover1"),
            _part(api.Kind.RESOURCE, "loopback", Loopback(ip="10.5.0.200"), "failover1"),
            *(_part(api.Kind.FENCE, "azure", account) for account in accounts),
        ),
    )


def _look(cluster: api.Cluster) -> Mapping[str, tuple[str, str]]:
    return {
        each.what: (each.severity.value, each.value + each.remedy) for each in doctor.look(cluster)
    }


def _severities(cluster: api.Cluster) -> list[str]:
    return [each.severity.value for each in doctor.look(cluster)]


def test_the_guides_internal_balancer_fits(make_azure: Make) -> None:
    found = make_azure()
    assert _severities(_cluster(_account(found))) == ["ok"] * 4


def test_every_resource_group_that_is_named_is_looked_at(
    make_azure: Make,
) -> None:
    elsewhere = attrs.evolve(_INTERNAL, resource_group="Network1")
    found = make_azure(elsewhere)
    (said,) = _look(_cluster(_account(found))).values()
    assert said[0] == "error"
    both = _cluster(_account(found), _account(found, resource_group="Network1"))
    assert "error" not in _severities(both)[:2]


def test_what_differs_is_told_from_what_azure_says(make_azure: Make) -> None:
    rule = attrs.evolve(_DIRECT, floating=False)
    probe = azure.ProbePlan(interval=15, threshold=3)
    changed = attrs.evolve(_INTERNAL, rules=(rule,), probes=(probe,), pool=("node1",))
    found = make_azure(changed)
    said = _look(_cluster(_account(found)))
    assert sorted(severity for severity, _ in said.values()) == ["error", "error", "ok", "warning"]
    assert any("15 s x 3 = 45 s" in value for _, value in said.values())
    assert any(what.startswith("node2 is not in the pool") for what in said)


def test_without_the_right_it_is_unknown_with_action_and_scope(
    make_azure: Make,
) -> None:
    found = make_azure(actions=("Microsoft.Compute/virtualMachines/read",))
    ((what, (severity, text)),) = _look(_cluster(_account(found))).items()
    assert (severity, what) == ("unknown", "the load balancer cannot be looked at")
    assert "may not Microsoft.Network/loadBalancers/read on" in text
    assert "give 33333333-3333-3333-3333-333333333333 the Reader role on TestGroup1" in text


def _by_card(made: Azure) -> None:
    """Let the pool be told as Azure tells one of network cards: without addresses."""
    body = Balancers(attrs.evolve(azure.guide(), balancers=(_INTERNAL,))).body(_INTERNAL)
    for pool in body["properties"]["backendAddressPools"]:
        for each in pool["properties"]["loadBalancerBackendAddresses"]:
            del each["properties"]["ipAddress"]
    made.fault("edit", "loadBalancers", body={"value": [body]}, count=None)


def test_a_pool_of_cards_is_asked_for_their_addresses(make_azure: Make) -> None:
    found = make_azure()
    _by_card(found)
    said = _look(_cluster(_account(found)))
    label = "all servers are in the pool TestBackendPool of TestLoadBalancer"
    assert said[label] == ("ok", "10.5.0.110, 10.5.0.111")


def test_cards_that_may_not_be_read_are_unknown(make_azure: Make) -> None:
    found = make_azure(actions=_READER[:1])
    _by_card(found)
    said = _look(_cluster(_account(found)))
    severity, text = said["whether all servers are in the pool TestBackendPool of TestLoadBalancer"]
    assert severity == "unknown"
    assert "may not Microsoft.Network/networkInterfaces/read on" in text
    assert sorted(severity for severity, _ in said.values()) == ["ok", "ok", "ok", "unknown"]


def test_another_accounts_trouble_is_told_only_where_nobody_may_look(
    make_azure: Make,
) -> None:
    found = make_azure()
    stranger = _account(found, application_id="44444444-4444-4444-4444-444444444444")
    assert _severities(_cluster(stranger)) == ["unknown"]
    assert _severities(_cluster(stranger, _account(found))) == ["ok"] * 4


def test_an_azure_that_does_not_answer_is_unknown_in_time(
    make_azure: Make,
) -> None:
    found = make_azure()
    closed = _account(
        found, resource_manager="https://127.0.0.1:9", authority="https://127.0.0.1:9"
    )
    assert _severities(_cluster(closed, timeout=2_000)) == ["unknown"]


def test_the_machines_own_identity_asks_where_no_account_is_named(
    make_azure: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = make_azure()
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", found.imds["node1"])
    account = doctor.own_account()
    assert (account.subscription_id, account.resource_group, account.managed_identity) == (
        azure.SUBSCRIPTION,
        azure.RESOURCE_GROUP,
        True,
    )
    there = attrs.evolve(account, resource_manager=found.url, ca_bundle=str(found.ca_file))
    monkeypatch.setattr(doctor, "own_account", lambda: there)
    assert _severities(_cluster()) == ["ok"] * 4


def test_where_no_metadata_service_answers_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    ((_, (severity, text)),) = _look(_cluster()).items()
    assert severity == "unknown"
    assert "which machine this server is in Azure is not known" in text


@pytest.mark.parametrize("platform", ["onpremises", "lab"])
def test_a_cluster_elsewhere_asks_nobody(platform: str) -> None:
    assert _severities(_cluster(platform=platform)) == []


_CONFIG: Final = """
[cluster]
name = "Cluster1"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[group.failover1.resource.loopback1]
type = "loopback"
ip = "10.5.0.200"
[group.failover1.resource.lbpp1]
type = "lbpp"
port = 26001
[group.failover1.resource.azuredns1]
type = "azuredns"
zone = "cluster1.zone"
record_set = "www"
ip = "10.5.0.110"
"""


def test_clp_doctor_finds_it_and_gives_it_the_configuration(
    make_azure: Make, tmp_path: Path
) -> None:
    account = attrs.asdict(_account(make_azure()))
    given = {name: value for name, value in account.items() if value not in ("", False)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    conf = tmp_path / "etc/clpcore/conf.d"
    conf.mkdir(parents=True)
    (conf / "cluster.toml").write_text("\n".join([_CONFIG, *lines]))
    registry = host.load()
    loaded = config.load(conf, registry.specs, registry.refused)
    assert loaded.config is not None, loaded.problems
    done = subprocess.run(
        [sys.executable, "-P", "-m", "clpcore.ctl.doctor.beyond", "azurelb", "30"],
        input=beyond.packed(loaded.config, registry, "node1"),
        capture_output=True,
        check=False,
        timeout=40,
    )
    severities = [json.loads(line)[0] for line in done.stdout.splitlines()]
    assert (severities, done.returncode) == (["ok"] * 4, 0), done.stderr


# -- an Azure that answers strangely


@pytest.mark.parametrize(
    "body",
    [
        {"properties": {"probes": [{"name": "p", "properties": {"port": "x"}}]}},
        {"properties": {"probes": ["text"]}},
        {"properties": {"probes": 5}},
        {"properties": "text"},
        {"properties": {"loadBalancingRules": [{"properties": {"probe": ["id"]}}]}},
        {"properties": {"backendAddressPools": [{"properties": [1]}]}},
        "text",
        None,
    ],
)
def test_a_balancer_that_is_none_is_unknown(make_azure: Make, body: object) -> None:
    found = make_azure()
    found.fault("edit", "loadBalancers", body={"value": [body]}, count=None)
    ((what, (severity, text)),) = _look(_cluster(_account(found))).items()
    assert (severity, what) == ("unknown", "the load balancer cannot be looked at")
    assert "Is a proxy in the way?" in text


def test_many_cards_of_a_silent_azure_take_no_longer(make_azure: Make) -> None:
    found = make_azure()
    card = f"/subscriptions/{azure.SUBSCRIPTION}/resourceGroups/G/providers/Microsoft.Network"
    pools = [
        {
            "name": f"pool{number}",
            "properties": {
                "backendIPConfigurations": [
                    {"id": f"{card}/networkInterfaces/n{number}/ipConfigurations/1"}
                ]
            },
        }
        for number in range(20)
    ]
    body = {"name": "TestLoadBalancer", "properties": {"backendAddressPools": pools}}
    found.fault("edit", "loadBalancers", body={"value": [body]}, count=None)
    found.fault("hang", "networkInterfaces", count=None)
    began = time.monotonic()
    assert "unknown" in _severities(_cluster(_account(found), timeout=1_000))
    assert time.monotonic() - began < 4.0
