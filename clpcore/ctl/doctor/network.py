"""Checks of the network: our ports, the way to the other servers, and the way to the witness."""

from __future__ import annotations

import errno
import functools
import ipaddress
import json
import os
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clpcore.ctl.doctor.case import Case, Silent, side_by_side
from clpcore.ctl.doctor.findings import Blind, Finding, error, ok, unknown, warning
from clpcore.ctl.words import said
from clpcore.model.ports import HEARTBEAT_UDP, ORDERS_TCP

_TABLES = {"tcp": ORDERS_TCP, "tcp6": ORDERS_TCP, "udp": HEARTBEAT_UDP, "udp6": HEARTBEAT_UDP}
_ANY = ("0.0.0.0", "::")  # noqa: S104 - what is bound there has every address
_LISTEN = "0A"  # in /proc/net/tcp
_REFUSED = os.strerror(errno.ECONNREFUSED).lower()
_CONNECTING = 3.0  # seconds for all servers together


def ports(case: Case) -> Iterator[Finding]:
    """Look whether our ports are ours, or free where no agent runs."""
    taken = _taken(case)
    runs = _runs(case)
    for address in case.me.interconnect:
        if not case.machine.owns(address):
            yield error(
                said("this machine has no address {address}", address=address),
                said("an interconnect of {server}", server=case.me.name),
                said("correct [server] interconnect in conf.d, or bring the interface up"),
            )
            continue
        for kind, port in (("TCP", ORDERS_TCP), ("UDP", HEARTBEAT_UDP)):
            bound = any((kind, each) in taken for each in (address, *_ANY))
            yield _port(f"{kind} {address}:{port}", bound=bound, runs=runs)


def _runs(case: Case) -> bool | None:
    """Tell whether the agent runs; None: nobody knows."""
    if isinstance(case.agent, Silent):
        return False if case.agent.gone else None
    return True


def _port(place: str, *, bound: bool, runs: bool | None) -> Finding:
    if runs is None:
        value = said("open") if bound else said("free")
        what = said("{place}: it is not known whether the agent runs", place=place)
        return unknown(what, value, said("look again as root"))
    if runs and bound:
        return ok(place, said("open"))
    if runs:
        remedy = said("`clp why` and `journalctl -u clpcore` tell why the agent cannot open it")
        return error(said("{place} is not open", place=place), said("the agent runs"), remedy)
    if bound:
        remedy = said("see who has it: ss -lntup; the agent needs it")
        return error(said("{place} is taken", place=place), said("no agent runs"), remedy)
    return ok(place, said("free"))


def _taken(case: Case) -> set[tuple[str, str]]:
    """Give protocol and address of every socket that has our port of it; raises Blind."""
    found = set()
    for table, port in _TABLES.items():
        try:
            text = case.machine.read(Path(f"/proc/net/{table}"))
        except FileNotFoundError:  # no IPv6 here
            continue
        for row in (line.split() for line in text.splitlines()[1:]):
            address, _, number = row[1].partition(":")
            listens = table.startswith("udp") or row[3] == _LISTEN
            if listens and int(number, 16) == port:
                found.add((table[:3].upper(), _address(address)))
    return found


def _address(words: str) -> str:
    """Read an address of /proc/net: words of 32 bits as this machine has them in memory."""
    raw = bytes.fromhex(words)
    parts = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    if sys.byteorder == "little":
        parts = [part[::-1] for part in parts]
    return str(ipaddress.ip_address(b"".join(parts)))


# -- the other servers


def reach(case: Case) -> Iterator[Finding]:
    """Look whether each other server is heard on every path, and its orders port answers."""
    heard = case.seen()["servers"] if not isinstance(case.status, Silent) else []
    paths = {each["name"]: each["heartbeats"] for each in heard}
    for server in case.others:
        for path in paths.get(server.name, ()):
            yield _heard(server.name, path)
        if not paths:
            yield unknown(
                said("heartbeats of {server}", server=server.name),
                said("only the agent can hear them, and it does not answer"),
                said("start it, then look again"),
            )
    yield from _orders(case)


def _heard(server: str, path: dict[str, str]) -> Finding:
    what = said("heartbeats of {server} by {path}", server=server, path=path["name"])
    state = path["state"]
    if state == "Normal":
        return ok(what, state)
    if state == "Error":
        return error(what, state, _way(server, path))
    return unknown(what, state, said("start the cluster service of {server}", server=server))


def _way(server: str, path: dict[str, str]) -> str:
    """Tell what to mend of a path that is silent."""
    if path["type"] == "lanhb":
        text = "if {server} runs: let UDP {port} through on both servers, and in between"
        return said(text, server=server, port=HEARTBEAT_UDP)
    return said("`clp why`, on both servers, tells why {name} does not work", name=path["name"])


def _orders(case: Case) -> Iterator[Finding]:
    """Connect to each other server over each interconnect, from our own address of it."""
    jobs: dict[str, Callable[[], str]] = {}
    servers = {}
    for server in case.others:
        for mine, its in zip(case.me.interconnect, server.interconnect, strict=False):
            jobs[its] = functools.partial(case.machine.connect, mine, its, ORDERS_TCP)
            servers[its] = server.name
    late = said("no answer in time")
    answers = side_by_side(jobs, _CONNECTING)
    for address, name in servers.items():
        why = answers.get(address, late)
        what = said("orders to {server} over {address}", server=name, address=address)
        value = f"TCP {address}:{ORDERS_TCP}"
        remedy = said("start its agent, or let TCP {port} through", port=ORDERS_TCP)
        # Its machine answers, so most likely only its agent is stopped.
        make = warning if why == _REFUSED else error
        yield make(what, f"{value}: {why}", remedy) if why else ok(what, value)


# -- the witness


class Hop(NamedTuple):
    """The first step to an address: the interface, and the router if there is one."""

    interface: str
    router: str

    def __str__(self) -> str:
        """Give it as `ip route` writes it."""
        return f"via {self.router} dev {self.interface}" if self.router else f"dev {self.interface}"


def witness(case: Case) -> Iterator[Finding]:
    """Look whether a fault of the heartbeats' network silences the witness, too."""
    hosts = _witnesses(case)
    if not hosts or not case.others:
        return
    beats = {
        _hop(case, its, mine)
        for server in case.others
        for mine, its in zip(case.me.interconnect, server.interconnect, strict=False)
    }
    for name, host in hosts.items():
        try:
            hops = {_hop(case, address) for address in case.machine.addresses(host)}
        except Blind as why:
            mend = said("correct url of {name} in conf.d, the resolver, or the routes", name=name)
            yield error(said("the way to the witness {name}", name=name), str(why), mend)
            continue
        yield _apart(name, hops, beats)


def _apart(name: str, hops: set[Hop], beats: set[Hop]) -> Finding:
    value = ", ".join(sorted(map(str, hops)))
    if hops & beats and beats <= hops:
        return warning(
            said(
                "the witness {name} is reached by the same first hop as every heartbeat: when it "
                "fails, this server hears nobody and can ask nobody, and may stop its groups",
                name=name,
            ),
            value,
            said("give it, or one interconnect, an interface or a router of its own"),
        )
    return ok(said("the way to the witness {name}", name=name), value)


def _witnesses(case: Case) -> dict[str, str]:
    """Give the hosts of the witnesses, by the name of what uses them."""
    config, server = case.config, case.where.server
    asked = {each.name: each.settings for each in config.heartbeats if each.type != "lanhb"}
    if config.arbiter is not None:
        asked[config.arbiter.name] = config.arbiter.settings_for(server)
    return {name: host for name, each in asked.items() if (host := _host(each.get("url")))}


def _host(url: Any) -> str:  # noqa: ANN401 - a driver's setting
    try:
        return urllib.parse.urlsplit(str(url or "")).hostname or ""
    except ValueError:
        return ""


def _hop(case: Case, address: str, source: str = "") -> Hop:
    """Ask the kernel for the first step; raises Blind."""
    start = ("from", source) if source else ()
    ran = case.machine.run("ip", "-j", "route", "get", address, *start)
    if ran.code:
        raise Blind(said("no route to {address}: {why}", address=address, why=ran.err.strip()))
    row = json.loads(ran.out)[0]
    return Hop(row.get("dev", ""), row.get("gateway", ""))
