"""Name servers that answer what no name server should: none of it is taken for an answer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from clpcore_azuredns import resolution
from clpcore_azuredns.resolution import Said, Server

NAME: Final = "www.cluster1.zone"
Answer = Callable[[dns.message.Message], bytes]


def answer(*records: str, flags: int = dns.flags.AA, rcode: int = dns.rcode.NOERROR) -> Answer:
    """Answer with records, each "NAME TYPE DATA"."""

    def make(question: dns.message.Message) -> bytes:
        found = dns.message.make_response(question)
        found.flags |= flags
        found.set_rcode(dns.rcode.Rcode(rcode))
        for record in records:
            name, kind, data = record.split(" ")
            found.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, data))
        return found.to_wire()

    return make


def another_id(question: dns.message.Message) -> bytes:
    question.id ^= 1
    return answer(f"{NAME} A 192.0.2.66")(question)


def another_question(_: dns.message.Message) -> bytes:
    return answer("other.zone A 192.0.2.66")(dns.message.make_query("other.zone", "A"))


class Stranger:
    """A name server on loopback; set what it says."""

    def __init__(self) -> None:
        self.says: Answer = answer()
        self.asked: list[dns.message.Message] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def serve(self) -> None:
        while True:
            data, who = self.socket.recvfrom(2_000)
            if not data:
                return
            self.asked.append(dns.message.from_wire(data))
            if reply := self.says(dns.message.from_wire(data)):
                self.socket.sendto(reply, who)

    def ask(self, timeout: int = 300) -> Said:
        server = Server(name="ns1", address="127.0.0.1", port=self.socket.getsockname()[1])
        (said,) = asyncio.run(resolution.ask((server,), NAME, timeout))
        return said


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    found = Stranger()
    thread = threading.Thread(target=found.serve)
    thread.start()
    yield found
    found.socket.sendto(b"", found.socket.getsockname())
    thread.join()
    found.socket.close()


@pytest.mark.parametrize(
    ("says", "addresses"),
    [
        (answer(f"{NAME} A 10.5.0.110"), ("10.5.0.110",)),
        (answer(f"{NAME} A 10.5.0.111", f"{NAME} A 10.5.0.110"), ("10.5.0.110", "10.5.0.111")),
        (answer("other.zone A 192.0.2.66"), ()),
        (answer(), ()),
        (answer(rcode=dns.rcode.NXDOMAIN), ()),
    ],
)
def test_what_it_says_of_the_name_counts(
    stranger: Stranger, says: Answer, addresses: tuple[str, ...]
) -> None:
    stranger.says = says
    assert stranger.ask().addresses == addresses
    (asked,) = stranger.asked
    assert not asked.flags & dns.flags.RD  # its own knowledge


@pytest.mark.parametrize(
    ("says", "trouble"),
    [
        (answer(f"{NAME} A 10.5.0.110", flags=dns.flags.RA), "for a zone that is not its own"),
        (answer(f"{NAME} CNAME other.zone."), "the name is a CNAME"),
        (answer(rcode=dns.rcode.REFUSED), "answers REFUSED"),
        (answer(rcode=dns.rcode.SERVFAIL), "answers SERVFAIL"),
        (lambda _: b"", "no answer within 0.3 s"),
        (lambda _: b"\x00\xffgarbage", "no answer within 0.3 s"),
        (another_id, "no answer within 0.3 s"),
        (another_question, "no answer within 0.3 s"),
    ],
    ids=["not its own", "alias", "refused", "failed", "dead", "garbage", "id", "question"],
)
def test_what_is_no_answer_is_trouble(stranger: Stranger, says: Answer, trouble: str) -> None:
    stranger.says = says
    began = time.monotonic()
    said = stranger.ask()
    assert said.addresses is None
    assert trouble in said.trouble
    assert time.monotonic() - began < 1.0


def test_a_datagram_that_is_lost_is_asked_again(stranger: Stranger) -> None:
    right = answer(f"{NAME} A 10.5.0.110")
    stranger.says = lambda question: b"" if len(stranger.asked) == 1 else right(question)
    assert stranger.ask(timeout=1_000).addresses == ("10.5.0.110",)


def test_names_without_an_address_are_left_out() -> None:
    found = asyncio.run(resolution.locate(("localhost", "no such name", "a..b"), 2_000))
    assert [server.name for server in found] == ["localhost"]
