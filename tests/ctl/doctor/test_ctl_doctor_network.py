"""Our ports, the ways to the other servers and to the witness, and what the firewall shuts."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import pytest

from clpcore.ctl.doctor import firewall, network
from clpcore.ctl.doctor.case import Case, Silent
from clpcore.ctl.doctor.findings import Blind, Finding
from clpcore.ctl.doctor.machine import Machine, Ran
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Heartbeat
from clpcore.model.protection import Arbiter

Found = Callable[[Callable[[Case], Iterator[Finding]], Case], Mapping[str, tuple[str, str]]]

Given: TypeAlias = Any  # the machine of conftest.py, which cannot be imported
Document = dict[str, Any]

_HEAD = "sl local_address rem_address st\n"
_TCP = "0: 6E00050A:7149 00000000:0000 0A\n"  # 10.5.0.110:29001, listening
_UDP = "0: 6E00050A:714A 00000000:0000 07\n"
_SECOND = _TCP.replace("0005", "0006"), _UDP.replace("0005", "0006")


def _bound(machine: Given, tcp: str, udp: str) -> None:
    machine.files["/proc/net/tcp"] = _HEAD + tcp
    machine.files["/proc/net/udp"] = _HEAD + udp


def _without_agent(case: Case) -> Case:
    gone = Silent("no agent answers", "start it", gone=True)
    return attrs.evolve(case, agent=gone, status=gone)


def test_our_ports_are_open_on_every_interconnect(case: Case, machine: Given, found: Found) -> None:
    _bound(machine, _TCP + _SECOND[0], _UDP + _SECOND[1])
    told = found(network.ports, case)
    assert told["TCP 10.5.0.110:29001"] == ("ok", "open")
    assert told["UDP 10.6.0.110:29002"] == ("ok", "open")
    assert len(told) == 4


def test_a_port_that_the_agent_lacks_is_an_error(case: Case, machine: Given, found: Found) -> None:
    _bound(machine, _TCP + _SECOND[0].replace("0A\n", "01\n"), _UDP + _SECOND[1])
    told = found(network.ports, case)
    assert told["TCP 10.6.0.110:29001 is not open"][0] == "error", "a connection is no listener"


@pytest.mark.parametrize("tcp", ["", _TCP])
def test_whose_a_port_is_nobody_knows_who_may_not_ask(
    case: Case, machine: Given, tcp: str, found: Found
) -> None:
    _bound(machine, tcp, "")
    told = found(network.ports, attrs.evolve(case, agent=Silent("you may not talk to it")))
    assert {severity for severity, _ in told.values()} == {"unknown"}


@pytest.mark.parametrize("address", ["6E00050A", "00000000"])
def test_without_an_agent_a_port_must_be_free(
    case: Case, machine: Given, address: str, found: Found
) -> None:
    _bound(machine, "", "")
    assert {told for told, _ in found(network.ports, _without_agent(case)).values()} == {"ok"}
    _bound(machine, _TCP.replace("6E00050A", address), "")
    told = found(network.ports, _without_agent(case))
    assert told["TCP 10.5.0.110:29001 is taken"][0] == "error"


def test_a_port_taken_on_every_address_of_ipv6_is_taken(
    case: Case, machine: Given, found: Found
) -> None:
    _bound(machine, "", "")
    machine.files["/proc/net/udp6"] = _HEAD + f"0: {'0' * 32}:714A {'0' * 32}:0000 07\n"
    told = found(network.ports, _without_agent(case))
    assert told["UDP 10.5.0.110:29002 is taken"][0] == "error"


def test_an_address_of_another_machine(case: Case, machine: Given, found: Found) -> None:
    _bound(machine, _TCP, _UDP)
    machine.own = ("10.5.0.110",)
    told = found(network.ports, case)
    assert told["this machine has no address 10.6.0.110"][0] == "error"


# -- the other servers


def test_every_path_is_told(case: Case, found: Found) -> None:
    told = found(network.reach, case)
    assert told["heartbeats of node2 by lanhb1"] == ("ok", "Normal")
    assert told["orders to node2 over 10.6.0.111"][0] == "ok"


@pytest.mark.parametrize(
    ("why", "severity"),
    [("connection refused", "warning"), ("no route to host", "error"), ("no answer", "error")],
)
def test_orders_that_do_not_arrive(
    case: Case, machine: Given, why: str, severity: str, found: Found
) -> None:
    machine.deaf["10.6.0.111"] = why
    told = found(network.reach, case)["orders to node2 over 10.6.0.111"]
    assert told == (severity, f"TCP 10.6.0.111:29001: {why}")


@pytest.mark.parametrize(
    ("state", "severity"), [("Normal", "ok"), ("Error", "error"), ("Offline", "unknown")]
)
def test_a_path_that_is_not_heard(
    case: Case, status: Document, state: str, severity: str, found: Found
) -> None:
    status["servers"][1]["heartbeats"] = [{"name": "lanhb1", "type": "lanhb", "state": state}]
    assert found(network.reach, case)["heartbeats of node2 by lanhb1"] == (severity, state)


@pytest.mark.parametrize(
    ("type_", "told"), [("lanhb", "UDP 29002"), ("witnesshb", "`clp why`, on both servers")]
)
def test_what_to_mend_of_a_path_depends_on_where_it_goes(
    case: Case, status: Document, type_: str, told: str
) -> None:
    """What goes through a witness needs no port of ours."""
    status["servers"][1]["heartbeats"] = [{"name": "hb1", "type": type_, "state": "Error"}]
    (silent,) = (each for each in network.reach(case) if each.severity == "error")
    assert told in silent.remedy
    assert ("29002" in silent.remedy) == (type_ == "lanhb")


def test_without_an_agent_heartbeats_are_unknown_and_connecting_is_tried(
    case: Case, found: Found
) -> None:
    told = found(network.reach, _without_agent(case))
    assert told["heartbeats of node2"][0] == "unknown"
    assert told["orders to node2 over 10.5.0.111"][0] == "ok"


def test_connecting_tells_why_it_failed() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert Machine().connect("127.0.0.1", "127.0.0.1", port) == "connection refused"
        sock.listen()
        assert Machine().connect("127.0.0.1", "127.0.0.1", port) == ""


def test_the_machine_knows_its_addresses() -> None:
    assert Machine().owns("127.0.0.1")
    assert not Machine().owns("192.0.2.1")


# -- the witness


@pytest.fixture
def with_witness(case: Case, config: ClusterConfig) -> Case:
    url = {"url": "https://witness.example:443"}
    changed = attrs.evolve(
        config,
        heartbeats=(*config.heartbeats, Heartbeat(name="wit1", type="witnesshb", settings=url)),
        arbiter=Arbiter(name="arb1", type="witness", settings=url),
    )
    return attrs.evolve(case, configured=attrs.evolve(case.configured, config=changed))


def _routes(machine: Given, **by_address: str) -> None:
    machine.addresses_of["witness.example"] = ["198.51.100.9"]
    for address, hop in by_address.items():
        interface, _, router = hop.partition(" ")
        row = {"dev": interface, **({"gateway": router} if router else {})}
        place = address.replace("_", ".").lstrip("a")
        machine.programs[f"ip -j route get {place}"] = Ran(0, json.dumps([row]), "")


def test_a_witness_behind_the_hop_of_all_heartbeats(
    with_witness: Case, machine: Given, found: Found
) -> None:
    one = "eth0 10.5.0.1"
    _routes(machine, a10_5_0_111=one, a10_6_0_111=one, a198_51_100_9=one)
    told = found(network.witness, with_witness)
    assert [each for each, _ in told.values()] == ["warning", "warning"]
    assert {value for _, value in told.values()} == {"via 10.5.0.1 dev eth0"}


@pytest.mark.parametrize("second", ["eth1", "eth0 10.5.0.2", "eth0"])
def test_one_heartbeat_by_another_hop_is_enough(
    with_witness: Case, machine: Given, second: str, found: Found
) -> None:
    one = "eth0 10.5.0.1"
    _routes(machine, a10_5_0_111=one, a10_6_0_111=second, a198_51_100_9=one)
    told = found(network.witness, with_witness)
    assert told["the way to the witness arb1"] == ("ok", "via 10.5.0.1 dev eth0")


def test_a_witness_without_an_address_or_a_route(
    with_witness: Case, machine: Given, found: Found
) -> None:
    _routes(machine, a10_5_0_111="eth0", a10_6_0_111="eth1")
    machine.programs["ip -j route get 198.51.100.9"] = Ran(2, "", "Network is unreachable")
    severity, value = found(network.witness, with_witness)["the way to the witness wit1"]
    assert (severity, "unreachable" in value) == ("error", True)
    machine.addresses_of.clear()
    told = found(network.witness, with_witness)
    assert told["the way to the witness arb1"] == ("error", "witness.example has no address here")


def test_without_a_witness_no_route_is_asked_for(case: Case, found: Found) -> None:
    assert found(network.witness, case) == {}


# -- the firewall


def _nft(*rules: dict[str, Any], policy: str = "accept") -> Ran:
    place = {"family": "inet", "table": "filter"}
    chains = [
        {"chain": {**place, "name": "input", "hook": "input", "policy": policy}},
        {"chain": {**place, "name": "zone"}},
    ]
    items = [{"rule": {**place, "chain": "input", **rule}} for rule in rules]
    return Ran(0, json.dumps({"nftables": [*chains, *items]}), "")


def _dport(kind: str, right: object, verdict: str, **more: object) -> dict[str, Any]:
    left = {"payload": {"protocol": kind, "field": "dport"}}
    match = {"match": {"op": "==", "left": left, "right": right}}
    return {"expr": [match, {verdict: None}], **more}


_ALL = {"expr": [{"drop": None}]}
_ESTABLISHED = {
    "expr": [
        {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}},
        {"accept": None},
    ]
}


@pytest.mark.parametrize(
    ("rules", "policy", "tcp", "udp"),
    [
        ([], "accept", "ok", "ok"),
        ([_ESTABLISHED], "drop", "warning", "warning"),
        ([_ESTABLISHED, _ALL], "accept", "warning", "warning"),
        ([_dport("tcp", 29001, "drop")], "accept", "error", "ok"),
        ([_dport("tcp", 29001, "accept"), _ALL], "accept", "ok", "warning"),
        ([_dport("th", {"range": [29000, 29010]}, "accept")], "drop", "ok", "ok"),
        ([_dport("udp", {"set": [22, 29002]}, "accept")], "drop", "warning", "ok"),
        ([_dport("udp", 29002, "drop", chain="zone")], "accept", "ok", "ok"),
        (
            [{"expr": [{"jump": {"target": "zone"}}]}, _dport("udp", 29002, "drop", chain="zone")],
            "accept",
            "ok",
            "error",
        ),
    ],
)
def test_what_nftables_shuts(
    case: Case,
    machine: Given,
    rules: list[dict[str, Any]],
    policy: str,
    tcp: str,
    udp: str,
    found: Found,
) -> None:
    machine.programs["nft"] = _nft(*rules, policy=policy)
    assert [each for each, _ in found(firewall.firewall, case).values()] == [tcp, udp]


@pytest.mark.parametrize(
    ("rules", "tcp", "udp"),
    [
        ("-P INPUT ACCEPT", "ok", "ok"),
        ("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT", "warning", "warning"),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 29001 -j ACCEPT", "ok", "warning"),
        ("-P INPUT ACCEPT\n-A INPUT -p udp -m udp --dport 29000:29100 -j DROP", "ok", "error"),
        ("-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable",)
        + ("warning",) * 2,
        (
            "-P INPUT ACCEPT\n-A INPUT -s 10.9.0.0/16 -p tcp -m tcp --dport 29001 -j DROP",
            "ok",
            "ok",
        ),
        ("-P INPUT ACCEPT\n-A INPUT -m multiport -p udp --dports 22,29002 -j DROP", "ok", "error"),
    ],
)
def test_what_iptables_shuts(
    case: Case, machine: Given, rules: str, tcp: str, udp: str, found: Found
) -> None:
    machine.programs["iptables"] = Ran(0, rules, "")
    machine.programs["nft"] = _nft()
    assert [each for each, _ in found(firewall.firewall, case).values()] == [tcp, udp]


def test_a_firewall_that_cannot_be_read_is_not_open(case: Case, machine: Given) -> None:
    for programs in ({}, {"nft": Ran(1, "", "Operation not permitted")}):
        machine.programs = programs
        with pytest.raises(Blind):
            list(firewall.firewall(case))
