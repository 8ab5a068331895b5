"""loopback and loopbackw on a real network of namespaces."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from clp_lab.lan import Lan
from clpcore import api, config, host
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_lib_netlink import Held, addresses, set_sysctl
from clpcore_loopback.monitor import Loopbackw
from clpcore_loopback.resource import Config, Loopback

T = TypeVar("T")

IP = "10.5.0.200"
_IP_RECVERR = 11


@attrs.define
class Site:
    """node1 with the resource failover1/loopback1, driven as a worker does it."""

    lan: Lan
    root: Path
    config: Config

    def _do(self, method: Callable[..., Coroutine[Any, Any, T]]) -> T:
        call = api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource="loopback1",
        )
        ports = LocalPorts(call, Folders.of(Root(self.root), call), Limits())
        done: T = self.lan.on("node1", lambda: asyncio.run(method(call, ports)))
        return done

    def activate(self) -> None:
        self._do(Loopback(self.config).activate)

    def deactivate(self) -> None:
        self._do(Loopback(self.config).deactivate)

    def probe(self) -> api.Presence:
        return self._do(Loopback(self.config).probe)

    def observe(self) -> api.Observation:
        return self._do(Loopbackw(self.config).observe)

    def has(self) -> list[Held]:
        found = self.lan.on("node1", addresses)
        return [held for held in found if held.ip == self.config.ip]

    def sysctl(self, name: str) -> str:
        path = Path("/proc/sys/net/ipv4/conf", name)
        text: str = self.lan.on("node1", path.read_text)
        return text.strip()

    def set_sysctl(self, name: str, value: str) -> None:
        self.lan.on("node1", set_sysctl, f"net/ipv4/conf/{name}", value)


@pytest.fixture
def site(lan: Lan, tmp_path: Path) -> Site:
    lan.add("node1", "10.5.0.1/24", "fd00:5::1/64")
    lan.add("client", "10.5.0.9/24")
    return Site(lan, tmp_path, Config(ip=IP))


def _arp_answers(lan: Lan, ip: str) -> bool:
    """Let the client look for the machine that has *ip*; give whether one said so."""

    def look() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(10)
            udp.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)  # to be told when ARP gives up
            udp.connect((ip, 9))
            try:
                udp.send(b"?")
                udp.recv(1)
            except ConnectionRefusedError:  # it has come to the machine, where nobody listens
                return True
            except OSError as error:
                if error.errno != errno.EHOSTUNREACH:
                    raise
                return False  # nobody has answered ARP
            return True

    answered: bool = lan.on("client", look)
    return answered


@pytest.mark.netns
def test_the_address_is_there_while_the_resource_is_active(site: Site) -> None:
    assert site.probe() is api.Presence.INACTIVE
    for _ in range(2):
        site.activate()
        assert site.probe() is api.Presence.ACTIVE
        assert site.has() == [Held(link="lo", address=f"{IP}/32", label="lo:loopback1")]
    for _ in range(2):
        site.deactivate()
        assert site.probe() is api.Presence.INACTIVE
        assert site.has() == []


@pytest.mark.netns
def test_nobody_on_the_network_is_told_of_it(site: Site) -> None:
    site.lan.on("client", set_sysctl, "net/ipv4/neigh/eth0/retrans_time_ms", "50")
    site.activate()
    assert _arp_answers(site.lan, "10.5.0.1")
    assert not _arp_answers(site.lan, IP)
    site.set_sysctl("eth0/arp_ignore", "0")
    assert _arp_answers(site.lan, IP)  # so it was our setting that kept it silent


@pytest.mark.netns
def test_packets_for_it_that_a_balancer_delivers_are_accepted(site: Site) -> None:
    site.activate()
    site.lan.on("client", _route_as_a_balancer, IP, "10.5.0.1")
    assert _arp_answers(site.lan, IP)


def _route_as_a_balancer(ip: str, via: str) -> None:
    import pyroute2  # type: ignore[import-untyped] # noqa: PLC0415

    with pyroute2.IPRoute() as netlink:
        netlink.route("add", dst=f"{ip}/32", gateway=via)


@pytest.mark.netns
def test_silence_stays_when_the_address_goes(site: Site) -> None:
    site.activate()
    site.deactivate()
    assert (site.sysctl("eth0/arp_ignore"), site.sysctl("eth0/arp_announce")) == ("1", "2")
    assert site.sysctl("lo/arp_ignore") == "0"


@pytest.mark.netns
def test_a_stricter_silence_is_left_alone(site: Site) -> None:
    site.set_sysctl("eth0/arp_ignore", "2")
    site.activate()
    assert site.sysctl("eth0/arp_ignore") == "2"


@pytest.mark.netns
def test_a_setting_for_all_that_speaks_up_is_told(site: Site) -> None:
    site.set_sysctl("all/arp_ignore", "3")  # answers for every address that is not local
    with pytest.raises(
        api.Failed,
        match=r"eth0 would answer ARP .* arp_ignore is 3, needed is 1 or 2 or 8; set"
        r" net\.ipv4\.conf\.all\.arp_ignore .* to 1",
    ):
        site.activate()
    assert site.has() == []


@pytest.mark.netns
def test_an_interface_that_is_not_there_is_told_with_those_that_are(site: Site) -> None:
    site.config = attrs.evolve(site.config, interfaces=("eth0", "eth7"))
    with pytest.raises(api.Misconfigured, match=r"no interface eth7 .* it has eth0; correct"):
        site.activate()
    assert site.sysctl("eth0/arp_ignore") == "0"


@pytest.mark.netns
def test_ipv6_needs_no_silence(site: Site) -> None:
    site.config = Config(ip="fd00:5::200")
    site.activate()
    assert site.has() == [Held(link="lo", address="fd00:5::200/128")]
    assert site.sysctl("eth0/arp_ignore") == "0"
    assert site.observe().health is api.Health.NORMAL
    site.deactivate()
    assert site.has() == []


@pytest.mark.netns
def test_the_monitor_hears_an_interface_that_speaks_up(site: Site) -> None:
    site.activate()
    assert site.observe() == api.Observation(api.Health.NORMAL, f"this server has {IP}/32 on lo")
    site.set_sysctl("eth0/arp_announce", "0")
    seen = site.observe()
    assert seen.health is api.Health.ERROR
    assert seen.sentence.startswith("eth0 would answer ARP for the address: arp_announce is 0")
    site.activate()
    assert site.observe().health is api.Health.NORMAL


@pytest.mark.netns
def test_an_address_of_the_system_is_neither_adopted_nor_removed(lan: Lan, site: Site) -> None:
    lan.add("node1", f"{IP}/32", device="lo")
    with pytest.raises(api.Failed, match=r"already has 10\.5\.0\.200/32 on lo, .* take it out"):
        site.activate()
    site.deactivate()
    assert len(site.has()) == 1


@pytest.mark.parametrize(
    ("ip", "said"),
    [
        ("10.5.0.200/24", "10.5.0.200/24 is no IP address"),
        ("balancer", "balancer is no IP address"),
        ("127.0.0.2", "127.0.0.2 cannot be the address of a load balancer"),
        ("fe80::1", "fe80::1 cannot be the address of a load balancer"),
        ("224.0.0.1", "224.0.0.1 cannot be the address of a load balancer"),
    ],
)
def test_wrong_addresses_are_found(ip: str, said: str) -> None:
    spec = host.load_one("loopback").specs[api.Kind.RESOURCE, "loopback"]
    with pytest.raises(config.BadSettings, match=said):
        config.structure(spec, {"ip": ip})
