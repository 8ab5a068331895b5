"""The four name servers, asked with dnspython over UDP and TCP."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.resolver
import pytest
from azure.mgmt.dns import DnsManagementClient

from clp_azuresim.azure import Azure
from clp_azuresim.dns_server import Mood

_ZONE, _NAME = "cluster1.zone", "test-record1.cluster1.zone"
Question = Callable[..., dns.message.Message]


@pytest.fixture
def ask(azure: Azure) -> Question:
    """Ask one name server, counted from 1."""

    def question(
        name: str = _NAME, kind: str = "A", number: int = 1, way: str = "udp", timeout: float = 2
    ) -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        send = dns.query.udp if way == "udp" else dns.query.tcp
        where = azure.dns_addresses[number - 1]
        return send(query, where, timeout=timeout, port=azure.dns_port)

    return question


@pytest.fixture
def resolver(azure: Azure) -> dns.resolver.Resolver:
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = [azure.dns_addresses[0]], azure.dns_port
    return found


@pytest.fixture
def kept() -> Iterator[contextlib.ExitStack]:
    """What is open longer than the Azure of a test that asks for this first."""
    with contextlib.ExitStack() as stack:
        yield stack


def _addresses(answer: dns.message.Message) -> list[str]:
    return [str(record) for rrset in answer.answer for record in rrset]


@pytest.mark.parametrize("way", ["udp", "tcp"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_what_arm_holds_is_served_at_once(
    azure: Azure, ask: Question, number: int, way: str
) -> None:
    for address in ("10.5.0.110", "10.5.0.111"):
        azure.put_record(_ZONE, "test-record1", address, ttl=60)
        answer = ask(number=number, way=way)
        assert _addresses(answer) == [address]
        assert answer.answer[0].ttl == 60
        assert answer.flags & dns.flags.AA
    azure.delete_record(_ZONE, "test-record1")
    assert ask(number=number, way=way).rcode() is dns.rcode.NXDOMAIN


def test_the_name_servers_are_found_through_ns(
    azure: Azure, resolver: dns.resolver.Resolver
) -> None:
    names = [str(record.target) for record in resolver.resolve(_ZONE, "NS")]
    found = {name: str(resolver.resolve(name, "A")[0]) for name in names}
    assert found == azure.name_servers
    assert len(set(found.values())) == 4


def test_a_name_without_such_records_is_no_lie(azure: Azure, ask: Question) -> None:
    azure.put_record(_ZONE, "a.deep", "10.5.0.110")
    answer = ask(f"a.deep.{_ZONE}", "AAAA")
    assert (answer.rcode(), answer.answer) == (dns.rcode.NOERROR, [])
    assert answer.authority[0][0].minimum == 300  # for so long it is not asked again
    assert ask(f"deep.{_ZONE}").rcode() is dns.rcode.NOERROR
    assert ask(f"eep.{_ZONE}").rcode() is dns.rcode.NXDOMAIN


def test_a_cname_is_followed_inside_of_the_zone(azure: Azure, ask: Question) -> None:
    azure.put_record(_ZONE, "real", "10.5.0.110")
    azure.put_alias(_ZONE, "test-record1", f"real.{_ZONE}")
    assert _addresses(ask()) == [f"real.{_ZONE}.", "10.5.0.110"]
    azure.put_alias(_ZONE, "test-record1", "elsewhere.example")
    assert _addresses(ask()) == ["elsewhere.example."]
    azure.put_alias(_ZONE, "test-record1", _NAME)  # a circle
    assert ask().answer


def test_other_zones_are_refused(ask: Question) -> None:
    assert ask("www.example").rcode() is dns.rcode.REFUSED


def test_other_types_are_served_as_they_were_written(
    azure_dns: DnsManagementClient, ask: Question
) -> None:
    written: dict[str, tuple[dict[str, Any], str]] = {
        "AAAA": ({"AAAARecords": [{"ipv6Address": "fd00::1"}]}, "fd00::1"),
        "MX": ({"MXRecords": [{"preference": 5, "exchange": "mail.x"}]}, "5 mail.x."),
        "PTR": ({"PTRRecords": [{"ptrdname": "host.x"}]}, "host.x."),
        "SRV": (
            {"SRVRecords": [{"priority": 1, "weight": 2, "port": 3, "target": "t.x"}]},
            "1 2 3 t.x.",
        ),
        "TXT": ({"TXTRecords": [{"value": ['a "b"', "c\\d"]}]}, '"a \\"b\\"" "c\\\\d"'),
    }
    for kind, (records, told) in written.items():
        body = io.BytesIO(json.dumps({"properties": {"TTL": 60, **records}}).encode())
        azure_dns.record_sets.create_or_update("TestGroup1", _ZONE, "x", kind, body)
        assert _addresses(ask(f"x.{_ZONE}", kind)) == [told]


def test_soa_serial_does_not_change(azure: Azure, resolver: dns.resolver.Resolver) -> None:
    before = resolver.resolve(_ZONE, "SOA")[0].serial
    azure.put_record(_ZONE, "test-record1", "10.5.0.110")
    assert resolver.resolve(_ZONE, "SOA")[0].serial == before


def test_a_dead_one_is_silent_and_the_others_answer(azure: Azure, ask: Question) -> None:
    azure.put_record(_ZONE, "test-record1", "10.5.0.110")
    azure.set_name_server(1, "dead")
    with pytest.raises(dns.exception.Timeout):
        ask(timeout=0.1)
    with pytest.raises((dns.exception.Timeout, EOFError)):
        ask(way="tcp", timeout=0.1)
    assert _addresses(ask(number=2)) == ["10.5.0.110"]


def test_a_liar_lies(azure: Azure, ask: Question) -> None:
    azure.put_record(_ZONE, "test-record1", "10.5.0.110")
    azure.set_name_server(3, "lies", lie="10.5.0.99")
    assert _addresses(ask(number=3)) == ["10.5.0.99"]
    assert _addresses(ask(number=4)) == ["10.5.0.110"]


@pytest.mark.parametrize(
    ("mood", "code"), [("refuses", dns.rcode.REFUSED), ("fails", dns.rcode.SERVFAIL)]
)
def test_errors(azure: Azure, ask: Question, mood: str, code: dns.rcode.Rcode) -> None:
    azure.set_name_server(1, mood)
    assert ask().rcode() is code


def test_every_mood_has_been_tried() -> None:
    tried = {"good", "dead", "lies", "refuses", "fails", "truncates"}
    assert {mood.value for mood in Mood} == tried


def test_truncated_over_udp_means_tcp(azure: Azure, ask: Question) -> None:
    azure.put_record(_ZONE, "test-record1", "10.5.0.110")
    azure.set_name_server(1, "truncates")
    assert ask().flags & dns.flags.TC
    assert _addresses(ask(way="tcp")) == ["10.5.0.110"]


def test_what_has_no_room_is_truncated(azure: Azure, ask: Question) -> None:
    many = [f"10.1.{third}.{last}" for third in range(4) for last in range(1, 251)]
    azure.put_record(_ZONE, "test-record1", *many)
    short = ask()
    assert short.flags & dns.flags.TC
    assert not short.answer
    assert sorted(_addresses(ask(way="tcp"))) == sorted(many)


def test_an_answer_can_take_its_time(azure: Azure, ask: Question) -> None:
    azure.put_record(_ZONE, "test-record1", "10.5.0.110")
    azure.set_name_server(1, delay=0.15)
    began = time.monotonic()
    assert _addresses(ask())
    assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"x", b"\0" * 12, b"\xff" * 512, dns.message.make_query("x", "A").to_wire()[:-3]],
    ids=["nothing", "a byte", "zeros", "ones", "cut"],
)
def test_rubbish_is_not_answered_and_ends_nothing(
    azure: Azure, ask: Question, rubbish: bytes
) -> None:
    azure.put_record(_ZONE, "test-record1", "10.5.0.110")
    place = (azure.dns_addresses[0], azure.dns_port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(rubbish, place)
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(4096)
    with socket.create_connection(place, timeout=2) as connection:
        connection.sendall(len(rubbish).to_bytes(2, "big") + rubbish)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096) == b""
    assert _addresses(ask()) == ["10.5.0.110"]


def test_an_open_connection_does_not_hold_the_end_up(
    kept: contextlib.ExitStack, azure: Azure
) -> None:
    place = (azure.dns_addresses[0], azure.dns_port)
    kept.enter_context(connection := socket.create_connection(place, timeout=2))
    connection.sendall(b"\0")  # half a length


def test_questions_are_in_the_journal(azure: Azure, ask: Question) -> None:
    ask(number=2)
    (entry,) = azure.journal("test-record1")
    assert (entry.service, entry.method, entry.who) == ("dns", "UDP", "ns2-02.azure-dns.net.")
