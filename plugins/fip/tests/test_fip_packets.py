"""What comes from the network, and where an address goes: values in, values out."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from clpcore import api, config, host
from clpcore_fip import arp, ndisc, neighbours, place
from clpcore_lib_netlink import Held, Link

ETH0 = Link(index=2, name="eth0", up=True, carrier=True, mac="02:00:00:00:00:01")
ETH1 = Link(index=3, name="eth1", up=True, carrier=True, mac="02:00:00:00:00:02")
DOWN = Link(index=4, name="eth2", up=True, carrier=False, mac="02:00:00:00:00:03")
THEIRS = bytes.fromhex("0200000000ff")
IP = "10.9.0.100"
IP6 = "fd00:9::100"


class Arrived:
    """A socket on which one packet has come."""

    def __init__(self, packet: bytes, kind: int = 0, hops: int = 255) -> None:
        self._packet, self._kind, self._hops = packet, kind, hops

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int, int, int, bytes]]:
        return self._packet, ("eth0", 0x0806, self._kind, 1, THEIRS)

    def recvmsg(self, *_: int) -> tuple[bytes, list[Any], int, tuple[str, int]]:
        control = [(socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("=i", self._hops))]
        return self._packet, control if self._hops else [], 0, ("fe80::ff", 0)


def _arp(
    *,
    head: tuple[int, int, int, int] = (1, 0x0800, 6, 4),
    operation: int = 2,
    mac: bytes = THEIRS,
    ip: str = IP,
) -> bytes:
    return arp._PACKET.pack(*head, operation, mac, socket.inet_aton(ip), bytes(6), bytes(4))


@pytest.mark.parametrize(
    ("packet", "kind", "who"),
    [
        (_arp(), 0, "02:00:00:00:00:ff"),
        (_arp(operation=1), 0, "02:00:00:00:00:ff"),  # whoever asks in its name has it, too
        (_arp() + bytes(18), 0, "02:00:00:00:00:ff"),  # padded to the shortest Ethernet frame
        (_arp(), 4, ""),  # our own, on its way out
        (_arp(mac=bytes.fromhex("020000000001")), 0, ""),
        (_arp(ip="10.9.0.101"), 0, ""),
        (_arp(ip="0.0.0.0"), 0, ""),  # noqa: S104 - a probe: it wants it, it does not have it
        (_arp(head=(1, 0x86DD, 6, 4)), 0, ""),
        (_arp(head=(6, 0x0800, 6, 4)), 0, ""),
        (_arp(head=(1, 0x0800, 4, 6)), 0, ""),
        (_arp()[:-1], 0, ""),
        (b"", 0, ""),
    ],
)
def test_who_says_by_arp_that_he_has_it(packet: bytes, kind: int, who: str) -> None:
    assert arp.answer(Arrived(packet, kind), ETH0, IP) == who  # type: ignore[arg-type]


def _advertisement(options: bytes = b"", *, kind: int = 136, code: int = 0, ip: str = IP6) -> bytes:
    return struct.pack("!BBHI", kind, code, 0, 0) + socket.inet_pton(socket.AF_INET6, ip) + options


_MAC = bytes((2, 1)) + THEIRS


@pytest.mark.parametrize(
    ("packet", "hops", "who"),
    [
        (_advertisement(_MAC), 255, "02:00:00:00:00:ff"),
        (_advertisement(bytes((14, 2)) + bytes(14) + _MAC), 255, "02:00:00:00:00:ff"),
        (_advertisement(), 255, "fe80::ff"),
        (_advertisement(bytes((2, 0)) + bytes(6)), 255, "fe80::ff"),  # an option without length
        (_advertisement(bytes((14, 200)) + bytes(6)), 255, "fe80::ff"),  # longer than the packet
        (_advertisement(_MAC[:5]), 255, "fe80::ff"),
        (_advertisement(bytes((2, 1)) + bytes.fromhex("020000000001")), 255, ""),  # ourselves
        (_advertisement(_MAC), 254, ""),  # from behind a router: forged
        (_advertisement(_MAC), 0, ""),
        (_advertisement(_MAC, kind=135), 255, ""),
        (_advertisement(_MAC, code=1), 255, ""),
        (_advertisement(_MAC, ip="fd00:9::101"), 255, ""),
        (_advertisement()[:-1], 255, ""),
        (b"", 255, ""),
    ],
)
def test_who_says_by_neighbour_discovery_that_he_has_it(packet: bytes, hops: int, who: str) -> None:
    assert ndisc.answer(Arrived(packet, hops=hops), ETH0, IP6) == who  # type: ignore[arg-type]


def test_a_probe_teaches_nobody_and_an_announcement_everybody() -> None:
    probe, _ = arp.question(ETH0, IP)
    announcement, (name, *_, to) = arp.announcement(ETH0, IP)
    assert probe.hex() == "0001080006040001" + "020000000001" + "00000000" + "0" * 12 + "0a090064"
    assert announcement.hex() == probe.hex().replace("00000000" + "0" * 12, "0a090064" + "0" * 12)
    assert (name, to) == ("eth0", b"\xff" * 6)


def test_a_solicitation_goes_to_those_whose_address_ends_so() -> None:
    _, sockaddr = ndisc.question(ETH0, "fd00:9::12:3456")
    assert sockaddr == ("ff02::1:ff12:3456", 0, 0, 2)


def test_on_an_interface_without_mac_addresses_nobody_is_asked_or_told() -> None:
    tunnel = Link(index=9, name="tun0", up=True, carrier=True)
    assert neighbours.who_has(tunnel, IP, 1) == ""
    neighbours.announce(tunnel, IP)


@pytest.mark.parametrize("ip", [IP, IP6])
def test_what_cannot_be_sent_is_an_error(ip: str) -> None:
    nowhere = Link(index=99, name="nosuch0", up=True, carrier=True, mac="02:00:00:00:00:09")
    with pytest.raises(OSError):  # noqa: PT011 - without the right to open it, it is another one
        neighbours.who_has(nowhere, ip, 1)
    with pytest.raises(OSError):  # noqa: PT011
        neighbours.announce(nowhere, ip)


# -- where it goes


def _held(*places: str) -> list[Held]:
    pairs = (one.split() for one in places)
    return [Held(link=link, address=address) for link, address in pairs]


HERE = _held("lo 127.0.0.1/8", "eth0 10.9.0.1/24", "eth1 10.8.0.1/16", "eth1 fd00:9::1/64")


@pytest.mark.parametrize(
    ("wanted", "interface", "held", "found"),
    [
        (IP, "", HERE, ("eth0", "10.9.0.100/24")),
        ("10.9.0.100/32", "", HERE, ("eth0", "10.9.0.100/32")),
        ("10.8.7.6", "", HERE, ("eth1", "10.8.7.6/16")),
        (IP6, "", HERE, ("eth1", "fd00:9::100/64")),
        (IP, "eth0", HERE, ("eth0", "10.9.0.100/24")),
        ("10.9.0.100/28", "eth1", HERE, ("eth1", "10.9.0.100/28")),
        # of two, the narrower subnet; one that works before one that does not
        (IP, "", [*HERE, *_held("eth1 10.9.0.9/25")], ("eth1", "10.9.0.100/25")),
        (IP, "", [*HERE, *_held("eth1 10.9.0.9/24")], ("eth0", "10.9.0.100/24")),
        (IP, "", [*HERE, *_held("eth2 10.9.0.9/25")], ("eth0", "10.9.0.100/24")),
        # its own presence on an interface is no reason
        (IP, "", [*_held("eth1 10.9.0.100/24"), *HERE], ("eth0", "10.9.0.100/24")),
        # nor is an address that is alone in its subnet
        (IP, "", [*_held("eth1 10.9.0.100/32"), *HERE], ("eth0", "10.9.0.100/24")),
    ],
)
def test_the_place_is_the_interface_of_the_same_subnet(
    wanted: str, interface: str, held: list[Held], found: tuple[str, str]
) -> None:
    chosen = place.choose(wanted, interface, "fip1", [ETH0, ETH1, DOWN], held)
    assert (chosen.held.link, chosen.held.address) == found
    assert chosen.link.name == chosen.held.link
    assert chosen.held.label == ("" if ":" in wanted else f"{found[0]}:fip1")


def test_a_label_is_no_longer_than_the_kernel_takes() -> None:
    link = Link(index=2, name="enp129s0f0", up=True, carrier=True)
    held = _held("enp129s0f0 10.9.0.1/24")
    chosen = place.choose(IP, "", "fip-of-the-shop", [link], held)
    assert chosen.held.label == "enp129s0f0:fip-"


@pytest.mark.parametrize(
    ("wanted", "interface", "said"),
    [
        (
            "192.168.1.1",
            "",
            r"192\.168\.1\.1 is in no subnet of this server, which has 127\.0\.0\.1/8 on lo, 10\.9",
        ),
        (IP, "eth7", r"no interface eth7: it has eth0, eth1, eth2; correct interface"),
        (IP, "eth1", r'eth1 has no address in the subnet .* such as "10\.9\.0\.100/24"'),
    ],
)
def test_no_place_is_told_with_what_there_is(wanted: str, interface: str, said: str) -> None:
    lo = Link(index=1, name="lo", up=True, carrier=True, loopback=True)
    with pytest.raises(api.Misconfigured, match=said):
        place.choose(wanted, interface, "fip1", [ETH0, ETH1, DOWN, *[lo] * (not interface)], HERE)


# -- the settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ip": "10.9.0"}, "10.9.0 is no IP address"),
        ({"ip": "10.9.0.1/33"}, "10.9.0.1/33 is no IP address"),
        ({"ip": "127.0.0.1"}, "cannot be the address of one server"),
        ({"ip": "224.0.0.1"}, "cannot be the address of one server"),
        ({"ip": "::"}, "cannot be the address of one server"),
        ({"ip": "10.9.0.0/24"}, "10.9.0.0 is the network itself"),
        ({"ip": "10.9.0.255/24"}, "10.9.0.255 is the network itself"),
        ({"ip": "fe80::1"}, "fe80::1 is the same subnet on every interface"),
    ],
)
@pytest.mark.parametrize(("kind", "name"), [(api.Kind.RESOURCE, "fip"), (api.Kind.MONITOR, "fipw")])
def test_wrong_addresses_are_found(
    settings: dict[str, str], said: str, kind: api.Kind, name: str
) -> None:
    with pytest.raises(config.BadSettings, match=said):
        config.structure(host.load_one("fip").specs[kind, name], settings)


@pytest.mark.parametrize("ip", ["10.9.0.100", "10.9.0.100/31", "FD00:9:0::100", "fd00:9::100/64"])
def test_addresses_that_float(ip: str) -> None:
    spec = host.load_one("fip").specs[api.Kind.RESOURCE, "fip"]
    found = config.structure(spec, {"ip": ip})
    assert found.wanted.partition("/")[0] == found.address
    assert found.address == found.address.lower()
    assert found.wanted.partition("/")[1:] == ip.partition("/")[1:]


def test_a_link_local_address_needs_its_interface() -> None:
    spec = host.load_one("fip").specs[api.Kind.RESOURCE, "fip"]
    config.structure(spec, {"ip": "fe80::100/64", "interface": "eth0"})
