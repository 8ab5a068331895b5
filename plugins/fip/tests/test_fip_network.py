"""fip and fipw on a real network of namespaces: two servers and a client on one switch."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import attrs
import pytest

from clp_lab.lan import Lan
from clpcore import api
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_fip import arp, monitor, ndisc, neighbours
from clpcore_fip.monitor import Fipw
from clpcore_fip.resource import Config, Fip
from clpcore_lib_netlink import Held, Link, addresses, links, remove

pytestmark = pytest.mark.netns

T = TypeVar("T")

ACTIVE, STANDBY = api.Role.ACTIVE, api.Role.STANDBY


def _quick(ip: str, interface: str = "") -> Config:
    return Config(
        ip=ip,
        interface=interface,
        ping_timeout=150,
        ping_retry=0,
        announcements=2,
        announce_interval=20,
    )


@attrs.define
class Site:
    """One server with the resource failover1/fip1, driven as a worker does it."""

    lan: Lan
    machine: str
    root: Path
    config: Config

    def call(self, role: api.Role = ACTIVE) -> api.Call:
        return api.Call(
            event=api.Event.START,
            role=role,
            epoch=1,
            server=self.machine,
            home="node1",
            previous="",
            group="failover1",
            resource="fip1",
            monitor="",
        )

    def _do(self, method: Callable[..., Coroutine[Any, Any, T]], role: api.Role = ACTIVE) -> T:
        call = self.call(role)
        ports = LocalPorts(call, Folders.of(Root(self.root), call), Limits())
        done: T = self.lan.on(self.machine, lambda: asyncio.run(method(call, ports)))
        return done

    def activate(self) -> None:
        self._do(Fip(self.config).activate)

    def deactivate(self) -> None:
        self._do(Fip(self.config).deactivate)

    def probe(self) -> api.Presence:
        return self._do(Fip(self.config).probe)

    def observe(
        self, role: api.Role, *, watch_link: bool = False, watch_conflict: bool = False
    ) -> api.Observation:
        config = monitor.Config(
            ip=self.config.ip,
            interface=self.config.interface,
            watch_link=watch_link,
            watch_conflict=watch_conflict,
        )
        return self._do(Fipw(config).observe, role)

    def has(self) -> list[Held]:
        found = self.lan.on(self.machine, addresses)
        return [held for held in found if held.ip == self.config.address]


@pytest.fixture
def node1(lan: Lan, tmp_path: Path) -> Site:
    lan.add("node1", "10.9.0.1/24", "fd00:9::1/64")
    config = _quick("10.9.0.100")
    return Site(lan, "node1", tmp_path / "node1", config)


@pytest.fixture
def node2(lan: Lan, node1: Site, tmp_path: Path) -> Site:
    lan.add("node2", "10.9.0.2/24", "fd00:9::2/64")
    return Site(lan, "node2", tmp_path / "node2", node1.config)


def _mac(lan: Lan, machine: str) -> str:
    found: tuple[Link, ...] = lan.on(machine, links)
    return next(link.mac for link in found if link.name == "eth0")


def _source_towards(ip: str) -> str:
    """Give the address that this server's own packets go out from."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.connect((ip, 9))
        return str(udp.getsockname()[0])


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return value


# -- the life of an address


def test_the_address_is_there_while_the_resource_is_active(node1: Site) -> None:
    assert node1.probe() is api.Presence.INACTIVE
    for _ in range(2):
        node1.activate()
        assert node1.probe() is api.Presence.ACTIVE
        assert node1.has() == [Held(link="eth0", address="10.9.0.100/24", label="eth0:fip1")]
    for _ in range(2):
        node1.deactivate()
        assert node1.probe() is api.Presence.INACTIVE
        assert node1.has() == []


def test_an_ipv6_address_floats_as_well(node1: Site) -> None:
    node1.config = attrs.evolve(node1.config, ip="fd00:9::100")
    node1.activate()
    (held,) = node1.has()
    assert (held.address, held.tentative, held.duplicate) == ("fd00:9::100/64", False, False)
    assert node1.probe() is api.Presence.ACTIVE
    assert node1.lan.on("node1", _source_towards, "fd00:9::2") == "fd00:9::1"
    node1.deactivate()
    assert node1.has() == []


def test_it_moves_from_server_to_server(node1: Site, node2: Site) -> None:
    node1.activate()
    node1.deactivate()
    node2.activate()
    assert node1.has() == []
    assert node2.probe() is api.Presence.ACTIVE


# -- an address that answers elsewhere


@pytest.mark.parametrize("ip", ["10.9.0.100", "fd00:9::100"])
def test_an_address_that_answers_elsewhere_is_refused(lan: Lan, node1: Site, ip: str) -> None:
    node1.config = attrs.evolve(node1.config, ip=ip)
    lan.add("client", f"{ip}/{64 if ':' in ip else 24}")
    _within(5, lambda: not any(h.tentative for h in lan.on("node1", addresses)))
    with pytest.raises(
        api.Failed,
        match=rf"another machine on eth0 has {ip}: {_mac(lan, 'client')} answers for it; find that",
    ):
        node1.activate()
    assert node1.has() == []
    assert node1.probe() is api.Presence.INACTIVE


def test_force_takes_it_all_the_same(lan: Lan, node1: Site) -> None:
    lan.add("client", "10.9.0.100/24")
    node1.config = attrs.evolve(node1.config, force=True)
    node1.activate()
    assert node1.probe() is api.Presence.ACTIVE


def test_a_former_owner_that_stops_in_time_is_waited_for(
    lan: Lan, node1: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan.add("client", "10.9.0.100/24")
    node1.config = attrs.evolve(node1.config, ping_retry=1, ping_interval=0)
    asking, asked = neighbours.who_has, []

    def who_has(link: Link, ip: str, timeout: int) -> str:
        asked.append(asking(link, ip, timeout))
        lan.on("client", remove, "eth0", "10.9.0.100/24")
        return asked[-1]

    monkeypatch.setattr(neighbours, "who_has", who_has)
    node1.activate()
    assert asked == [_mac(lan, "client"), ""]
    assert node1.probe() is api.Presence.ACTIVE


def test_the_kernel_finds_a_double_ipv6_address_by_itself(
    lan: Lan, node1: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan.add("client", "fd00:9::100/64")
    node1.config = attrs.evolve(node1.config, ip="fd00:9::100")
    monkeypatch.setattr(neighbours, "who_has", lambda *_: "")
    with pytest.raises(api.Failed, match="another machine on eth0 has fd00:9::100: find it"):
        node1.activate()
    assert node1.probe() is api.Presence.BROKEN
    node1.deactivate()
    assert node1.has() == []


def test_silence_is_waited_for_no_longer_than_told(lan: Lan) -> None:
    eth0 = next(link for link in lan.on("node1", links) if link.name == "eth0")
    began = time.monotonic()
    assert lan.on("node1", neighbours.who_has, eth0, "10.9.0.100", 300) == ""
    assert 0.3 <= time.monotonic() - began < 2


# -- what the others on the network see


def test_the_others_learn_the_new_mac_address_at_once(lan: Lan, node1: Site, node2: Site) -> None:
    lan.add("client", "10.9.0.3/24")
    node1.activate()

    def cached() -> str:
        for line in Path("/proc/thread-self/net/arp").read_text().splitlines():
            if line.startswith("10.9.0.100 "):
                return line.split()[3]
        return ""

    def knock() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"?", ("10.9.0.100", 9))

    lan.on("client", knock)
    _within(5, lambda: lan.on("client", cached) == _mac(lan, "node1"))
    node1.deactivate()
    node2.activate()
    assert _within(5, lambda: lan.on("client", cached) == _mac(lan, "node2"))


@pytest.mark.parametrize(("ip", "protocol"), [("10.9.0.100", arp), ("fd00:9::100", ndisc)])
def test_every_announcement_is_heard(lan: Lan, node1: Site, ip: str, protocol: ModuleType) -> None:
    node1.config = attrs.evolve(node1.config, ip=ip, announcements=3)
    eth0 = next(link for link in lan.on("client", links) if link.name == "eth0")
    heard: list[str] = []
    listening = threading.Event()

    def listen() -> None:
        with protocol.opened(eth0) as opened:
            opened.settimeout(10)
            listening.set()
            while len(heard) < 3:
                heard.extend(who for who in [protocol.answer(opened, eth0, ip)] if who)

    listener = threading.Thread(target=lan.on, args=("client", listen))
    listener.start()
    assert listening.wait(5)
    node1.activate()
    listener.join(10)
    assert heard == [_mac(lan, "node1")] * 3


# -- addresses that are not ours, or not as we left them


def test_an_address_of_the_system_is_neither_adopted_nor_removed(lan: Lan, node1: Site) -> None:
    lan.add("node1", "10.9.0.100/24")
    assert node1.probe() is api.Presence.INACTIVE
    with pytest.raises(
        api.Failed,
        match=r"this server already has 10\.9\.0\.100/24 on eth0, and not from this .* take it out",
    ):
        node1.activate()
    node1.deactivate()
    assert len(node1.has()) == 1


@pytest.mark.parametrize("moved", ["lo", "eth0"])
def test_an_address_that_was_moved_by_hand_is_broken(lan: Lan, node1: Site, moved: str) -> None:
    node1.activate()
    lan.on("node1", remove, "eth0", "10.9.0.100/24")
    lan.add("node1", "10.9.0.100/24", device=moved)  # on eth0: without our label
    assert node1.probe() is api.Presence.BROKEN
    seen = node1.observe(ACTIVE)
    assert seen.health is api.Health.ERROR
    assert seen.sentence == (
        f"this server has 10.9.0.100/24 on {moved}, but not as it was added"
        " (10.9.0.100/24 on eth0, label eth0:fip1)"
    )
    node1.activate()
    assert node1.probe() is api.Presence.ACTIVE


def test_an_address_on_two_interfaces_goes_from_both(lan: Lan, node1: Site) -> None:
    node1.activate()
    lan.add("node1", "10.9.0.100/32", device="lo")
    assert node1.probe() is api.Presence.BROKEN
    node1.deactivate()
    assert node1.has() == []


def test_a_lost_note_does_not_hide_our_address(node1: Site) -> None:
    node1.activate()
    note = node1.root / "run/clpcore/resources/failover1/fip1/address.json"
    note.unlink()
    assert node1.probe() is api.Presence.BROKEN
    node1.deactivate()
    assert node1.has() == []


# -- where it goes


def test_an_interface_without_a_link_is_refused(lan: Lan, node1: Site) -> None:
    lan.unplug("node1")
    with pytest.raises(api.Failed, match=r"10\.9\.0\.100 is not activated: eth0 has no link"):
        node1.activate()
    node1.config = attrs.evolve(node1.config, link_check=False)
    node1.activate()
    assert node1.probe() is api.Presence.ACTIVE


def test_an_interface_of_choice_needs_no_address_of_its_own(lan: Lan, tmp_path: Path) -> None:
    config = _quick("10.9.0.100/24", "eth0")
    site = Site(lan, "node1", tmp_path, config)
    site.activate()
    assert site.probe() is api.Presence.ACTIVE


# -- the monitor


def test_the_monitor_looks_on_both_sides(node1: Site) -> None:
    assert node1.observe(STANDBY) == api.Observation(
        api.Health.NORMAL, "10.9.0.100 is not on this server"
    )
    gone = node1.observe(ACTIVE)
    assert (gone.health, gone.certain) == (api.Health.ERROR, True)
    assert gone.sentence == "10.9.0.100 is gone from this server"
    node1.activate()
    assert node1.observe(ACTIVE) == api.Observation(
        api.Health.NORMAL, "this server has 10.9.0.100/24 on eth0"
    )
    seen = node1.observe(STANDBY)
    assert seen.health is api.Health.ERROR
    assert seen.sentence.startswith(
        "the group is not active here, but this server has 10.9.0.100/24 on eth0"
    )


@pytest.mark.parametrize("role", [ACTIVE, STANDBY])
def test_the_link_is_watched_when_asked_for(lan: Lan, node1: Site, role: api.Role) -> None:
    if role is ACTIVE:
        node1.activate()
    assert node1.observe(role, watch_link=True).health is api.Health.NORMAL
    lan.unplug("node1")
    assert node1.observe(role).health is api.Health.NORMAL
    assert node1.observe(role, watch_link=True) == api.Observation(
        api.Health.ERROR, "eth0 has no link (cable, switch or virtual network)"
    )


def test_a_second_owner_is_seen_when_asked_for(
    lan: Lan, node1: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "_ANSWER", 200)
    node1.activate()
    assert node1.observe(ACTIVE, watch_conflict=True).health is api.Health.NORMAL
    lan.add("client", "10.9.0.100/24")
    assert node1.observe(ACTIVE).health is api.Health.NORMAL
    seen = node1.observe(ACTIVE, watch_conflict=True)
    assert seen.health is api.Health.ERROR
    assert seen.sentence == (
        f"{_mac(lan, 'client')} on eth0 answers for 10.9.0.100, too: find that machine"
    )
    assert node1.observe(STANDBY, watch_conflict=True).sentence.startswith("the group is not")
