"""`clp azure`: the least role for the configuration at hand, and where to assign it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from clpcore import api
from clpcore_lib_azure import Account, roles

SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/TestGroup1"


@attrs.frozen(kw_only=True)
class _Azuredns(Account):
    zone: str = "cluster1.zone"


@attrs.frozen(kw_only=True)
class _Azure(Account):
    vm_name: str

    def machine(self, server: str) -> str:
        return self.vm_name or server


ACCOUNT: Mapping[str, Any] = {"subscription_id": SUBSCRIPTION, "resource_group": "TestGroup1"}
DNS = api.Part(
    kind=api.Kind.RESOURCE,
    type="azuredns",
    name="azuredns1",
    group="failover1",
    on={name: _Azuredns(**ACCOUNT) for name in ("node1", "node2")},
)
FENCE = api.Part(
    kind=api.Kind.FENCE,
    type="azure",
    name="forced_stop",
    on={"node1": _Azure(**ACCOUNT, vm_name=""), "node2": _Azure(**ACCOUNT, vm_name="node-2")},
)
LBPP = api.Part(
    kind=api.Kind.RESOURCE, type="lbpp", name="lbpp1", group="failover1", on={"node1": None}
)
OF_DNS = [
    "Microsoft.Network/dnsZones/A/read",
    "Microsoft.Network/dnsZones/A/write",
    "Microsoft.Network/dnsZones/A/delete",
    "Microsoft.Network/dnsZones/NS/read",
    "Microsoft.Authorization/permissions/read",
]
OF_FENCE = [
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/powerOff/action",
    "Microsoft.Authorization/permissions/read",
]
OF_DOCTOR = ["Microsoft.Network/loadBalancers/read", "Microsoft.Network/networkInterfaces/read"]
ZONE = f"{GROUP}/providers/Microsoft.Network/dnsZones/cluster1.zone"
MACHINES = [f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{n}" for n in ("node1", "node-2")]


def cluster(*parts: api.Part) -> api.Cluster:
    return api.Cluster(
        name="Cluster1",
        platform="azure",
        server="node1",
        interconnects={"node1": ("10.5.0.110",), "node2": ("10.5.0.111",)},
        heartbeat_timeout=90_000,
        timeout=5_000,
        parts=parts,
    )


@pytest.mark.parametrize(
    ("parts", "actions"),
    [
        ((DNS,), OF_DNS),
        ((FENCE,), OF_FENCE),
        ((DNS, LBPP), OF_DNS),  # what only the doctor reads would allow nothing at these scopes
        ((LBPP, FENCE, DNS), list(dict.fromkeys((*OF_DNS, *OF_FENCE)))),
    ],
)
def test_the_role_has_what_the_configuration_needs(
    parts: tuple[api.Part, ...], actions: list[str]
) -> None:
    role = json.loads(roles.read(cluster(*parts), ["role"]))
    assert role["Actions"] == actions
    assert role["NotActions"] == []
    assert role["AssignableScopes"] == [GROUP]
    assert role["Name"] == "clpcore Cluster1"


@pytest.mark.parametrize(
    ("part", "actions"), [("dns", OF_DNS), ("fence", OF_FENCE), ("doctor", OF_DOCTOR)]
)
def test_a_part_has_a_role_of_its_own(part: str, actions: list[str]) -> None:
    role = json.loads(roles.read(cluster(DNS, FENCE, LBPP), ["role", part]))
    assert role["Actions"] == actions
    assert role["Name"] == f"clpcore Cluster1 {part}"


@pytest.mark.parametrize(
    ("words", "scopes"),
    [
        (["scopes"], [ZONE, *MACHINES]),  # never the whole group
        (["scopes", "dns"], [ZONE]),
        (["scopes", "fence"], MACHINES),
        (["scopes", "doctor"], [GROUP]),
    ],
)
def test_it_is_assigned_where_it_is_needed(words: list[str], scopes: list[str]) -> None:
    assert roles.read(cluster(DNS, FENCE, LBPP), words).splitlines() == scopes


@pytest.mark.parametrize("words", [[], ["roles"], ["role", "db"], ["role", "dns", "fence"]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(api.Misconfigured, match="usage: clp azure"):
        roles.read(cluster(DNS), words)


def test_a_cluster_that_asks_nothing_of_azure_needs_no_role() -> None:
    with pytest.raises(api.Misconfigured, match="no role is needed"):
        roles.read(cluster(LBPP), ["role"])
