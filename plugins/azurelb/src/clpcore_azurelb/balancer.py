"""A load balancer as ARM describes it, reduced to what a cluster depends on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

Body = Mapping[str, Any]  # a resource in ARM's JSON; what is missing in it is not known
_CARD = re.compile(
    r"/resourceGroups/([^/]+)/providers/Microsoft\.Network/networkInterfaces/([^/]+)",
    re.IGNORECASE,
)


@attrs.frozen(kw_only=True)
class Probe:
    """A health probe; *interval* in seconds, *threshold* equal answers change a verdict."""

    name: str
    protocol: str
    port: int
    interval: int
    threshold: int
    spreads: bool  # clients are sent to every server while no probe is answered


@attrs.frozen(kw_only=True)
class Rule:
    """Who sends what on: from a port of the frontend to one of a pool's servers.

    *frontend*: its private address; empty for a public one, which is a resource of its own.
    """

    name: str
    probe: str
    frontend: str
    port: int
    backend_port: int
    floating: bool
    pools: tuple[str, ...]


@attrs.frozen
class Card:
    """A network card, whose address has to be asked for."""

    resource_group: str
    name: str


@attrs.frozen(kw_only=True)
class Pool:
    """The servers behind: by address, or by card."""

    name: str
    addresses: frozenset[str]
    cards: frozenset[Card] = frozenset()


@attrs.frozen(kw_only=True)
class Balancer:
    """One load balancer; its parts refer to each other by name, in any case."""

    name: str
    probes: tuple[Probe, ...] = ()
    rules: tuple[Rule, ...] = ()
    pools: tuple[Pool, ...] = ()

    def rules_of(self, probe: Probe) -> tuple[Rule, ...]:
        """Give the rules that go by a probe."""
        return tuple(rule for rule in self.rules if rule.probe.lower() == probe.name.lower())

    def pools_of(self, rule: Rule) -> tuple[Pool, ...]:
        """Give the pools of a rule."""
        named = {name.lower() for name in rule.pools}
        return tuple(pool for pool in self.pools if pool.name.lower() in named)


def read(body: Body) -> Balancer:
    """Give a load balancer from its JSON."""
    inside = _inside(body)
    frontends = {
        str(each.get("name")).lower(): str(_inside(each).get("privateIPAddress") or "")
        for each in _list(inside, "frontendIPConfigurations")
    }
    return Balancer(
        name=str(body.get("name")),
        probes=tuple(_probe(each) for each in _list(inside, "probes")),
        rules=tuple(_rule(each, frontends) for each in _list(inside, "loadBalancingRules")),
        pools=tuple(_pool(each) for each in _list(inside, "backendAddressPools")),
    )


def addresses(card: Body) -> frozenset[str]:
    """Give the private addresses of a network card from its JSON."""
    configurations = _list(_inside(card), "ipConfigurations")
    found = (_inside(each).get("privateIPAddress") for each in configurations)
    return frozenset(str(each) for each in found if each)


def _probe(body: Body) -> Probe:
    inside = _inside(body)
    # numberOfProbes is what probeThreshold was called before it worked in both directions.
    threshold = inside.get("probeThreshold") or inside.get("numberOfProbes") or 1
    return Probe(
        name=str(body.get("name")),
        protocol=str(inside.get("protocol", "")).lower(),
        port=int(inside.get("port") or 0),
        interval=int(inside.get("intervalInSeconds") or 15),
        threshold=int(threshold),
        spreads=inside.get("noHealthyBackendsBehavior") == "AllProbedUp",
    )


def _rule(body: Body, frontends: Mapping[str, str]) -> Rule:
    inside = _inside(body)
    pools = [inside.get("backendAddressPool"), *(inside.get("backendAddressPools") or ())]
    return Rule(
        name=str(body.get("name")),
        probe=_named(inside.get("probe")),
        frontend=frontends.get(_named(inside.get("frontendIPConfiguration")).lower(), ""),
        port=int(inside.get("frontendPort") or 0),
        backend_port=int(inside.get("backendPort") or 0),
        floating=bool(inside.get("enableFloatingIP")),
        pools=tuple(dict.fromkeys(name for pool in pools if (name := _named(pool)))),
    )


def _pool(body: Body) -> Pool:
    inside = _inside(body)
    told = (
        _inside(each).get("ipAddress") for each in _list(inside, "loadBalancerBackendAddresses")
    )
    known = frozenset(str(each) for each in told if each)
    cards = frozenset(_cards(inside)) if not known else frozenset[Card]()
    return Pool(name=str(body.get("name")), addresses=known, cards=cards)


def _cards(pool: Body) -> Iterator[Card]:
    for each in _list(pool, "backendIPConfigurations"):
        if match := _CARD.search(str(each.get("id"))):
            yield Card(match[1], match[2])


def _inside(body: Body) -> Body:
    return body.get("properties") or {}


def _list(body: Body, key: str) -> list[Body]:
    return list(body.get(key) or ())


def _named(reference: Body | None) -> str:
    """Give the last name of ``{"id": "/subscriptions/.../NAME"}``."""
    return str((reference or {}).get("id") or "").rpartition("/")[2]
