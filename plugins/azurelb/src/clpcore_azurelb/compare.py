"""What a load balancer does, beside what the cluster expects of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from clpcore import api
from clpcore_azurelb.balancer import Balancer, Pool, Probe, Rule

_SLOW: Final = 30  # seconds that clients wait for the balancer alone


@attrs.frozen(kw_only=True)
class Expected:
    """One probe port of the cluster, and what stands beside it in its group.

    Attributes:
        name: of the ``lbpp`` resource.
        port: of the probe.
        answer: tcp or http.
        reset_ports: whose connections are reset when the group leaves.
        loopbacks: addresses of the group that ``loopback`` resources put on lo, by their names.
        interconnects: addresses of every server.
        heartbeat_timeout: ms.

    """

    name: str
    port: int
    answer: str
    reset_ports: tuple[int, ...]
    loopbacks: Mapping[str, str]
    interconnects: Mapping[str, tuple[str, ...]]
    heartbeat_timeout: int


def compare(expected: Expected, balancers: Iterable[Balancer]) -> Iterator[api.Finding]:
    """Give what fits and what does not, for one probe port."""
    balancers = tuple(balancers)
    found = [(b, p) for b in balancers for p in b.probes if p.port == expected.port]
    if not found:
        asked = ", ".join(f"{b.name}: {p.name} {p.port}" for b in balancers for p in b.probes)
        yield _error(
            f"no load balancer probes port {expected.port}: nobody is sent to {expected.name}",
            asked or "there is no load balancer with a probe",
            f"correct port of {expected.name}, or of the probe; or let the account see the"
            " resource group of the balancer",
        )
    for balancer, probe in found:
        yield from _probe(expected, balancer, probe)
        rules = balancer.rules_of(probe)
        if not rules:
            yield _error(
                f"no rule of {balancer.name} goes by the probe {probe.name}",
                "",
                f"choose {probe.name} as the health probe of its rule",
            )
        for rule in rules:
            yield from _rule(expected, balancer, rule)
            yield from _members(expected, balancer, rule)


# -- the probe


def _probe(expected: Expected, balancer: Balancer, probe: Probe) -> Iterator[api.Finding]:
    name = f"the probe {probe.name} of {balancer.name}"
    if probe.protocol not in {expected.answer, "tcp"}:  # whoever answers HTTP answers TCP
        wanted = "Tcp" if expected.answer == "tcp" else "Tcp or Http"
        yield _error(
            f"{name} speaks {probe.protocol}, and {expected.name} answers {expected.answer}",
            f"port {probe.port}",
            f'make it {wanted}, or set answer = "http" for an Http probe',
        )
    else:
        value = f"{probe.protocol} {probe.port}"
        yield _ok(f"{name} asks the port of {expected.name}", value)
    yield _times(expected, name, probe)
    if probe.spreads:
        yield _warning(
            f"while nobody answers {name}, clients are sent to every server",
            "noHealthyBackendsBehavior AllProbedUp",
            "set it to AllProbedDown: during a failover nobody serves them",
        )


def _times(expected: Expected, name: str, probe: Probe) -> api.Finding:
    """Tell the balancer's part of a failover: as long until a server is out as until one is in."""
    seconds = probe.interval * probe.threshold
    silent = expected.heartbeat_timeout / 1_000 + seconds
    value = (
        f"{probe.interval} s x {probe.threshold} = {seconds} s until a server is in or out; a"
        f" silent server: about {silent:g} s and the activation until clients are served"
    )
    if seconds > _SLOW:
        less = "give it a shorter interval (5 s) or a lower threshold (2)"
        return _warning(f"{name} is slow: clients wait for it at every move", value, less)
    return _ok(f"the times of {name}", value)


# -- rules


def _rule(expected: Expected, balancer: Balancer, rule: Rule) -> Iterator[api.Finding]:
    name = f"the rule {rule.name} of {balancer.name}"
    yield from _floating(expected, name, rule) if rule.floating else _plain(expected, name, rule)
    ports = expected.reset_ports
    every = rule.backend_port == 0  # a rule for all ports at once (HA ports)
    if ports and not every and rule.backend_port not in ports:
        yield _warning(
            f"{name} sends clients to a port whose connections stay when the group leaves",
            f"port {rule.backend_port}, reset_ports {', '.join(map(str, ports))}",
            f"add {rule.backend_port} to reset_ports of {expected.name}",
        )


def _floating(expected: Expected, name: str, rule: Rule) -> Iterator[api.Finding]:
    if rule.port != rule.backend_port:
        yield _error(
            f"{name} uses floating IP with two different ports: nothing rewrites them",
            f"frontend {rule.port}, backend {rule.backend_port}",
            "give it equal ports, and let the application listen there",
        )
    if rule.frontend in expected.loopbacks.values():
        yield _ok(f"{name} and the loopback resource have one address", rule.frontend)
    elif rule.frontend or not expected.loopbacks:
        have = ", ".join(f"{key} {ip}" for key, ip in expected.loopbacks.items())
        yield _warning(
            f"{name} uses floating IP, and no loopback resource has the address of its frontend:"
            " unless a script puts it on lo, packets are dropped",
            f"{rule.frontend or 'a public address'}; {have or 'no loopback resource'}",
            "add a loopback resource with this ip, before the application",
        )
    else:  # the public address is a resource of its own, which a role need not let us read
        shown = ", ".join(expected.loopbacks.values())
        yield api.Finding(
            api.Severity.UNKNOWN,
            f"{name} has a public frontend: whether it is the address of the loopback resource",
            shown,
            "compare it with the frontend's public IP address in the portal",
        )


def _plain(expected: Expected, name: str, rule: Rule) -> Iterator[api.Finding]:
    for resource, ip in expected.loopbacks.items():
        if ip == rule.frontend:
            yield _error(
                f"{name} does not use floating IP: packets arrive at the server's own address, not"
                f" at that of {resource}",
                ip,
                f"enable floating IP in the rule, or remove {resource}",
            )


# -- the pool


def _members(expected: Expected, balancer: Balancer, rule: Rule) -> Iterator[api.Finding]:
    pools = balancer.pools_of(rule)
    there = frozenset[str]().union(*(pool.addresses for pool in pools))
    label = f"the pool {', '.join(pool.name for pool in pools)} of {balancer.name}"
    if any(pool.cards for pool in pools):
        return  # who asked for the cards' addresses has told why there are none
    missing = {
        server: own for server, own in expected.interconnects.items() if not there & set(own)
    }
    strangers = there - {each for own in expected.interconnects.values() for each in own}
    for server, own in missing.items():
        text = f"{server} is not in {label}"
        value = f"{', '.join(own)}; the pool: {', '.join(sorted(there)) or 'empty'}"
        remedy = f"add the network card of {server} to the pool"
        if len(strangers) >= len(missing):
            yield _warning(f"{text}, unless by another card", value, remedy)
        else:
            yield _error(text, value, remedy)
    if not missing:
        yield _ok(f"all servers are in {label}", ", ".join(sorted(there)))


def cards_unknown(balancer: Balancer, pool: Pool, why: str) -> api.Finding:
    """Say that a pool could not be compared."""
    return api.Finding(
        api.Severity.UNKNOWN,
        f"whether all servers are in the pool {pool.name} of {balancer.name}",
        why,
        "allow Microsoft.Network/networkInterfaces/read, or look at it in the portal",
    )


def _ok(what: str, value: str) -> api.Finding:
    return api.Finding(api.Severity.OK, what, value)


def _warning(what: str, value: str, remedy: str) -> api.Finding:
    return api.Finding(api.Severity.WARNING, what, value, remedy)


def _error(what: str, value: str, remedy: str) -> api.Finding:
    return api.Finding(api.Severity.ERROR, what, value, remedy)
