"""Servers and the paths between them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Heartbeat

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]
Load = Callable[[str], config.Loaded]


def _servers(*interconnects: str) -> str:
    tables = (
        f"[server.node{n}]\npriority = {n}\ninterconnect = {addresses}\n"
        for n, addresses in enumerate(interconnects, start=1)
    )
    return "cluster = {name = 'C', platform = 'lab'}\n" + "".join(tables)


def _errors(loaded: config.Loaded) -> list[str]:
    return [
        f"{each.key}: {each.what}" for each in loaded.problems if each.severity.value == "error"
    ]


def test_servers_come_by_priority(good: Good) -> None:
    text = "[server.node0]\npriority = 9\ninterconnect = ['10.5.0.9']\nzone = '2'"
    servers = good(text).servers
    assert [(server.name, server.zone) for server in servers] == [
        ("node1", ""),
        ("node2", ""),
        ("node0", "2"),
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("priority = 1\ninterconnect = ['10.5.0.9']", "node1 has priority 1 as well."),
        ("priority = 0\ninterconnect = ['10.5.0.9']", "0 is too little. Give 1 or more."),
        ("interconnect = ['10.5.0.9']", "priority is missing. Add priority = 3."),
        ("priority = 3", 'interconnect is missing. Add interconnect = ["ADDRESS"].'),
        ("priority = 3\ninterconnect = ['10.5.0.256']", "10.5.0.256 is not the address of"),
        ("priority = 3\ninterconnect = ['node3']", "node3 is not the address of a server."),
        ("priority = 3\ninterconnect = ['0.0.0.0']", "0.0.0.0 is not the address of a server."),
        ("priority = 3\ninterconnect = ['239.0.0.1']", "239.0.0.1 is not the address of a server."),
        ("priority = 3\ninterconnect = ['10.5.0.110']", "of node3 alone: node1 has it as well."),
        ("priority = 3\ninterconnect = []", "elsewhere: 0 here, 1 on node1 and node2."),
        ("priority = 3\ninterconnect = ['10.5.0.9']\nrank = 1", "[server.node3] has no key rank."),
    ],
)
def test_a_wrong_server_is_refused(complaints: Complaints, table: str, said: str) -> None:
    (complaint,) = complaints(f"[server.node3]\n{table}")
    assert said in complaint


@pytest.mark.parametrize(
    ("interconnects", "errors"),
    [
        (("['10.5.0.1', '10.6.0.1']", "['10.5.0.2', '10.6.0.2']"), []),
        (("['fd00::1']", "['fd00::2']"), []),
        (("['fd00::1']", "['FD00:0::1']"), ["FD00:0::1 is not an address of node2 alone"]),
        (("['10.5.0.1', '10.5.0.1']", "['10.5.0.2', '10.6.0.2']"), ["it is there twice"]),
        (("[]", "[]"), ["node1.interconnect: The server has no", "node2.interconnect: The server"]),
    ],
)
def test_interconnects_are_addresses_of_their_own(
    load_only: Load, interconnects: tuple[str, ...], errors: list[str]
) -> None:
    found = _errors(load_only(_servers(*interconnects)))
    assert [said in error for said, error in zip(errors, found, strict=True)] == [True] * len(
        errors
    )


def test_one_server_is_a_warning_and_33_are_too_many(load_only: Load) -> None:
    alone = load_only(_servers("['10.5.0.1']"))
    assert alone.config
    assert [each.what for each in alone.problems] == [
        "The cluster has one server: nobody can take over from it."
    ]
    many = [f"['10.5.0.{n}']" for n in range(1, 34)]
    assert _errors(load_only(_servers(*many))) == ["server: 33 servers are too many."]
    assert load_only(_servers(*many[:32])).config


def test_without_heartbeats_every_interconnect_gets_one(load_only: Load) -> None:
    loaded = load_only(_servers("['10.5.0.1', '10.6.0.1']", "['10.5.0.2', '10.6.0.2']"))
    assert loaded.config
    assert loaded.config.heartbeats == (
        Heartbeat(name="lanhb1", type="lanhb", settings={"interconnect": 1}),
        Heartbeat(name="lanhb2", type="lanhb", settings={"interconnect": 2}),
    )


def test_heartbeats_that_are_given_are_all_there_are(good: Good) -> None:
    cluster = good("[heartbeat.lan]\ntype = 'lanhb'\ninterconnect = 1")
    assert cluster.heartbeats == (
        Heartbeat(name="lan", type="lanhb", settings={"interconnect": 1}),
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("type = 'lanhb'\ninterconnect = 2", "There is no interconnect 2: the servers have 1."),
        ("type = 'lanhb'\ninterconnect = 'x'", '"x" is not a whole number.'),
        ("type = 'lanhb'\ninterconnect = 0", "0 is too little."),
        ("type = 'lanhb'", "interconnect is missing."),
        ("type = 'lanhb'\ninterconnect = 1\nserver.node1.x = 1", "has no key server"),
        ("type = 'port'", "port is a type of resources, not of heartbeats."),
        ("type = 'lanhb'\ninterconnect = 1\n[heartbeat.b]\ntype = 'lanhb'\ninterconnect = 1",
         "a uses interconnect 1 as well."),
    ],
)  # fmt: skip
def test_a_wrong_heartbeat_is_refused(complaints: Complaints, keys: str, said: str) -> None:
    (complaint,) = complaints(f"[heartbeat.a]\n{keys}")
    assert said in complaint


def test_the_paths_of_the_core_need_their_plugin(
    complaints: Complaints, specs: dict[tuple[Kind, str], DriverSpec]
) -> None:
    del specs[Kind.HEARTBEAT, "lanhb"]
    (said,) = complaints("")
    assert said.startswith("heartbeat: Every interconnect gets a lanhb. No plugin here brings a")
