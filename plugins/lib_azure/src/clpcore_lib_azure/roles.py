"""``clp azure``: print the least role that the cluster needs in Azure, and where to assign it.

usage: clp azure role [dns|fence|doctor]     the role, as `az role definition create` takes it
       clp azure scopes [dns|fence|doctor]   where to assign it, one a line

Without a part it is for what the cluster does, dns and fence, and the scopes are the zones and the
virtual machines. What `clp doctor` alone reads, the load balancer, is doctor: a role of its own
for the whole resource group, in which nobody needs to power a machine off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from clpcore import api
from clpcore_lib_azure.account import Account

_PERMISSIONS: Final = "Microsoft.Authorization/permissions/read"  # to see that the rest is there


@attrs.frozen(kw_only=True)
class Need:
    """What one part of a cluster does to Azure.

    Attributes:
        actions: what a role must allow.
        scopes: on what, as ids of resources; ``place`` is that of the resource group.

    """

    actions: tuple[str, ...]
    scopes: tuple[str, ...]
    place: tuple[str, ...]


def read(cluster: api.Cluster, words: Sequence[str]) -> str:
    """Give what ``clp azure WORDS`` prints."""
    verb, *parts = [word for word in words if word != "--json"] or [""]
    unknown = [part for part in parts if part not in _PARTS]
    if verb not in ("role", "scopes") or unknown or len(parts) > 1:
        raise api.Misconfigured("usage: clp azure role|scopes [dns|fence|doctor]")
    needs = [need for part in parts or _DOES for need in _PARTS[part](cluster)]
    if not needs:
        raise api.Misconfigured("nothing in conf.d asks Azure for that: no role is needed")
    if verb == "scopes":
        return "".join(f"{scope}\n" for scope in _each(need.scopes for need in needs))
    return json.dumps(_role(cluster, parts, needs), indent=2) + "\n"


def _role(cluster: api.Cluster, parts: Sequence[str], needs: Sequence[Need]) -> dict[str, object]:
    name = " ".join(("clpcore", cluster.name, *parts))
    return {
        "Name": name,
        "IsCustom": True,
        "Description": f"What the cluster {cluster.name} does in Azure, and nothing else.",
        "Actions": _each(need.actions for need in needs),
        "NotActions": [],
        "AssignableScopes": _each(need.place for need in needs),
    }


# -- the parts


def _dns(cluster: api.Cluster) -> Iterator[Need]:
    record = "Microsoft.Network/dnsZones/A"
    actions = (f"{record}/read", f"{record}/write", f"{record}/delete")
    for config in _settings(cluster, api.Kind.RESOURCE, "azuredns"):
        zone = f"{_group(config)}/providers/Microsoft.Network/dnsZones/{config.zone}"
        yield _need((*actions, "Microsoft.Network/dnsZones/NS/read", _PERMISSIONS), zone, config)


def _fence(cluster: api.Cluster) -> Iterator[Need]:
    machine = "Microsoft.Compute/virtualMachines"
    actions = (f"{machine}/read", f"{machine}/powerOff/action")
    for part in cluster.of(api.Kind.FENCE, "azure"):
        for server, config in part.on.items():
            scope = f"{_group(config)}/providers/{machine}/{config.machine(server)}"
            yield _need((*actions, _PERMISSIONS), scope, config)


def _doctor(cluster: api.Cluster) -> Iterator[Need]:
    """The balancer is looked for in the whole group, as no setting names it."""
    network = "Microsoft.Network"
    actions = (f"{network}/loadBalancers/read", f"{network}/networkInterfaces/read")
    if not any(cluster.of(api.Kind.RESOURCE, "lbpp")):
        return
    for part in cluster.parts:
        for config in part.on.values():
            if isinstance(config, Account):
                yield _need(actions, _group(config), config)


_PARTS: Final[dict[str, Callable[[api.Cluster], Iterator[Need]]]] = {
    "dns": _dns,
    "fence": _fence,
    "doctor": _doctor,
}
# The whole group, which is doctor's place, is none for a role that may power machines off.
_DOES: Final = ("dns", "fence")


def _settings(cluster: api.Cluster, kind: api.Kind, type_: str) -> Iterator[Any]:
    """Give the driver's settings, which stand in a distribution of its own, for each server."""
    for part in cluster.of(kind, type_):
        yield from part.on.values()


def _need(actions: tuple[str, ...], scope: str, config: Account) -> Need:
    return Need(actions=actions, scopes=(scope,), place=(_group(config),))


def _group(config: Account) -> str:
    return f"/subscriptions/{config.subscription_id}/resourceGroups/{config.resource_group}"


def _each(found: Iterable[tuple[str, ...]]) -> list[str]:
    """Give everything once, in the order in which it comes."""
    return list(dict.fromkeys(text for texts in found for text in texts))
