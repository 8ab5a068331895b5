"""ICMP echo on loopback and in a namespace with nobody else in it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable

import pytest

from clpcore import api
from clpcore_lib_icmp import Answer, echo, ping


def test_loopback_answers_in_both_families() -> None:
    addresses = ["127.0.0.1", "127.0.0.2"] + ["::1"] * socket.has_dualstack_ipv6()
    answers = ping(addresses, 2_000)
    assert list(answers) == addresses
    for answer in answers.values():
        assert answer.rtt is not None
        assert 0 <= answer.rtt < 2_000_000
        assert answer.why == ""


def test_an_address_given_twice_is_asked_once() -> None:
    assert len(ping(["127.0.0.1", "127.0.0.1"], 2_000)) == 1


def test_silence_ends_at_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "_nonce_of_reply", lambda *_: b"")  # every reply is somebody else's
    began = time.monotonic()
    answers = ping(["127.0.0.1"], 150)
    assert 0.15 <= time.monotonic() - began < 2
    assert answers["127.0.0.1"] == Answer(address="127.0.0.1", why="no answer within 0.15 s")


def test_one_that_cannot_be_asked_spoils_no_other() -> None:
    answers = ping(["255.255.255.255", "127.0.0.1"], 1_000)
    assert "cannot be asked" in answers["255.255.255.255"].why
    assert not answers["255.255.255.255"].asked
    assert answers["127.0.0.1"].rtt is not None


@pytest.mark.parametrize("address", ["localhost", "10.0.0", "", "fe80::1%nosuch0", "127.0.0.1/8"])
def test_names_are_no_addresses(address: str) -> None:
    with pytest.raises(api.Misconfigured, match=r"is no address to ping: write an IPv4"):
        ping([address], 100)


def test_no_socket_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(api.NotInstalled, match=r"CAP_NET_RAW.*ping_group_range"):
        ping(["127.0.0.1"], 100)


# -- what comes from the network

_NONCE = bytes(range(16))
_REPLY = echo._HEADER.pack(0, 0, 0, 7, 7) + _NONCE
_IP = bytes([0x45]) + bytes(19)


@pytest.mark.parametrize(
    ("packet", "nonce"),
    [
        (_IP + _REPLY, _NONCE),
        (bytes([0x46]) + bytes(23) + _REPLY, _NONCE),  # with an IP option
        (_IP + bytes([8]) + _REPLY[1:], b""),  # our own request, seen on loopback
        (_IP + _REPLY + b"x", b""),
        (_IP + _REPLY[:-1], b""),
        (_IP, b""),
        (bytes([0x4F]), b""),
        (b"", b""),
    ],
)
def test_only_a_whole_reply_counts(packet: bytes, nonce: bytes) -> None:
    assert echo._nonce_of_reply(socket.AF_INET, socket.SOCK_RAW, packet) == nonce


def test_a_reply_from_somebody_else_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(socket.socket):
        def recvfrom(self, *args: int) -> tuple[bytes, object]:
            packet, _ = super().recvfrom(*args)
            return packet, ("192.0.2.66", 0)

    monkeypatch.setattr(socket, "socket", Elsewhere)
    assert ping(["127.0.0.1"], 100)["127.0.0.1"].rtt is None


def _sum(data: Iterable[int]) -> int:
    total = 0
    for word in data:  # the textbook's way: carry at every step
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("nonce", [bytes(16), b"\xff" * 16, _NONCE])
def test_a_request_sums_up_to_all_ones(nonce: bytes) -> None:
    packet = echo._packet(8, 513, nonce)
    words = (int.from_bytes(packet[at : at + 2], "big") for at in range(0, len(packet), 2))
    assert _sum(words) == 0xFFFF
