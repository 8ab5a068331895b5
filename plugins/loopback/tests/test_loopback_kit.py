"""loopback and loopbackw keep the rules of the conformance kit, in a scripted kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, ResourceSuite, World
from clpcore_lib_netlink import Held, Link, add, addresses, links, remove, set_sysctl
from clpcore_loopback import monitor, resource

IP = "10.5.0.200"
LINKS = (
    Link(index=1, name="lo", up=True, carrier=True, loopback=True),
    Link(index=2, name="eth0", up=True, carrier=True, mac="02:00:00:00:00:01"),
)
OURS = Held(link="lo", address=f"{IP}/32", label="lo:loopback1")
CONF = "/proc/sys/net/ipv4/conf"


def machine() -> World:
    """A server with one interface that answers ARP for whatever the server has."""
    files = {
        f"{CONF}/{link}/{setting}": "0\n"
        for link in ("all", "lo", "eth0")
        for setting in ("arp_ignore", "arp_announce")
    }
    world = World(files=files, facts={"held": ()})

    def added(link: str, address: str, label: str) -> None:
        world.facts["held"] += (Held(link=link, address=address, label=label),)

    def removed(link: str, address: str) -> None:
        gone = (link, address)
        held = world.facts["held"]
        world.facts["held"] = tuple(each for each in held if (each.link, each.address) != gone)

    def set_to(name: str, value: str) -> None:
        world.files[f"/proc/sys/{name}"] = f"{value}\n"

    world.library = {
        links: lambda: LINKS,
        addresses: lambda: world.facts["held"],
        add: added,
        remove: removed,
        set_sysctl: set_to,
    }
    return world


def gone(world: World) -> None:
    world.facts["held"] = ()


def moved(world: World) -> None:
    world.facts["held"] = (attrs.evolve(OURS, link="eth0"),)


def loud(world: World) -> None:
    world.files[f"{CONF}/eth0/arp_ignore"] = "0\n"


class TestLoopback(ResourceSuite):
    spec = resource.SPEC
    settings = {"ip": IP}

    def world(self) -> World:
        return machine()

    def serves(self, world: World) -> bool:
        silent = world.files[f"{CONF}/eth0/arp_ignore"] == "1\n"
        return OURS in world.facts["held"] and silent

    def breakages(self) -> Mapping[str, Callable[[World], None]]:
        return {"the address has gone": gone, "it was moved": moved}


class TestLoopbackw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"ip": IP}

    def call(self) -> api.Call:
        return attrs.evolve(super().call(), resource="loopback1")

    def world(self) -> World:
        return TestLoopback().active()

    def faults(self) -> Faults:
        return {
            "the address has gone": (gone, api.Health.ERROR),
            "it was moved": (moved, api.Health.ERROR),
            "an interface answers ARP for it": (loud, api.Health.ERROR),
        }

    def standby_world(self) -> World:
        return machine()

    def standby_faults(self) -> Faults:
        def here(world: World) -> None:
            world.facts["held"] = (OURS,)

        return {"the address is here": (here, api.Health.ERROR)}
