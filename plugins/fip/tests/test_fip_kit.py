"""fip and fipw keep the rules of the conformance kit, in a scripted kernel and network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import attrs

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, ResourceSuite, World
from clpcore_fip import monitor, neighbours, resource
from clpcore_lib_netlink import Held, Link, add, addresses, links, remove

IP = "10.9.0.100"
ETH0 = Link(index=2, name="eth0", up=True, carrier=True, mac="02:00:00:00:00:01")
SYSTEM = Held(link="eth0", address="10.9.0.1/24", label="eth0")
OURS = Held(link="eth0", address="10.9.0.100/24", label="eth0:fip1")


def machine() -> World:
    """A server with one interface; nobody else has the address."""
    world = World(facts={"links": (ETH0,), "held": (SYSTEM,), "elsewhere": ""})

    def added(link: str, address: str, label: str) -> None:
        held = Held(link=link, address=address, label=label)
        if address in {each.address for each in world.facts["held"]}:
            raise FileExistsError(17, "File exists")
        world.facts["held"] += (held,)

    def removed(link: str, address: str) -> None:
        gone = (link, address)
        held = world.facts["held"]
        world.facts["held"] = tuple(each for each in held if (each.link, each.address) != gone)

    world.library = {
        links: lambda: world.facts["links"],
        addresses: lambda: world.facts["held"],
        add: added,
        remove: removed,
        neighbours.who_has: lambda *_: world.facts["elsewhere"],
        neighbours.announce: lambda *_: None,
    }
    return world


def moved(**changes: str | bool) -> Callable[[World], None]:
    """Change our address by hand."""

    def change(world: World) -> None:
        held = world.facts["held"]
        world.facts["held"] = tuple(
            attrs.evolve(each, **changes) if each.ip == IP else each for each in held
        )

    return change


def gone(world: World) -> None:
    world.facts["held"] = (SYSTEM,)


def unplugged(world: World) -> None:
    world.facts["links"] = (attrs.evolve(ETH0, carrier=False),)


def answered_elsewhere(world: World) -> None:
    world.facts["elsewhere"] = "02:00:00:00:00:ff"


class TestFip(ResourceSuite):
    spec = resource.SPEC
    settings = {"ip": IP}

    def world(self) -> World:
        return machine()

    def serves(self, world: World) -> bool:
        return OURS in world.facts["held"]

    def breakages(self) -> Mapping[str, Callable[[World], None]]:
        def note_lost(world: World) -> None:
            (note,) = (path for path in world.files if path.endswith("address.json"))
            del world.files[note]

        def note_damaged(world: World) -> None:
            (note,) = (path for path in world.files if path.endswith("address.json"))
            world.files[note] = '{"link": 7'

        return {
            "the address has gone": gone,
            "it was moved to another interface": moved(link="eth1"),
            "it was relabelled": moved(label="eth0"),
            "it has another prefix": moved(address=f"{IP}/32"),
            "another machine has it": moved(duplicate=True),
            "the note was lost": note_lost,
            "the note was damaged": note_damaged,
        }

    def test_an_address_on_two_interfaces_is_broken(self) -> None:
        world = self.active()
        world.facts["held"] += (attrs.evolve(OURS, link="lo", label="lo"),)
        assert self.play(world, "probe").value is api.Presence.BROKEN

    def fails(self, world: World, method: str, said: str) -> None:
        error = self.play(world, method).error
        assert isinstance(error, api.DriverError)
        assert re.search(said, str(error)), str(error)

    def test_an_address_that_comes_back_is_no_stop(self) -> None:
        world = self.active()
        world.library[remove] = lambda *_: None
        self.fails(world, "deactivate", r"10\.9\.0\.100/24 was removed and is on eth0 again: find")
        assert self.play(world, "probe").value is api.Presence.ACTIVE

    def test_an_address_that_does_not_stay_is_no_start(self) -> None:
        world = self.world()
        world.library[add] = lambda *_: None
        self.fails(world, "activate", "but the kernel has removed it at once")

    def test_an_address_that_stays_tentative_is_no_start(self) -> None:
        world = self.world()
        tentative = attrs.evolve(OURS, tentative=True)
        world.library[add] = lambda *_: world.facts.update(held=(SYSTEM, tentative))
        began = world.clock
        self.fails(world, "activate", "the kernel still asks whether another machine has it")
        assert 5_000 <= world.clock - began < 7_000

    def test_an_address_that_the_system_adds_at_this_moment_stays_the_systems(self) -> None:
        world = self.world()

        def too_late(*_: object) -> None:
            world.facts["held"] += (attrs.evolve(OURS, label="eth0"),)
            raise FileExistsError(17, "File exists")

        world.library[add] = too_late
        self.fails(world, "activate", r"10\.9\.0\.100/24 cannot be added to eth0: File exists")
        assert self.play(world, "deactivate").returned
        assert OURS.ip in {each.ip for each in world.facts["held"]}

    def test_it_is_noted_before_it_is_added(self) -> None:
        world = self.world()
        adding = world.library[add]

        def added(*place: str) -> None:
            assert any(path.endswith("address.json") for path in world.files)
            adding(*place)

        world.library[add] = added
        assert self.play(world, "activate").returned

    def test_who_answers_elsewhere_is_asked_again_as_often_as_told(self) -> None:
        world, asked = self.world(), []

        def who_has(link: Link, ip: str, timeout: int) -> str:
            asked.append((link.name, ip, timeout))
            return "02:00:00:00:00:ff"

        world.library[neighbours.who_has] = who_has
        self.fails(world, "activate", "another machine on eth0 has 10.9.0.100: 02:00:00:00:00:ff")
        assert asked == [("eth0", IP, 1_000)] * 6
        assert world.facts["held"] == (SYSTEM,)

    def test_without_the_right_the_way_out_is_told(self) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        for function in (add, addresses, neighbours.who_has, neighbours.announce):
            world = self.world()
            world.library[function] = refuse
            self.fails(world, "activate", r"Operation not permitted; run the agent as root")


class TestFipw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"ip": IP, "watch_link": True, "watch_conflict": True}

    def call(self) -> api.Call:
        return attrs.evolve(super().call(), resource="fip1")

    def world(self) -> World:
        return TestFip().active()

    def faults(self) -> Faults:
        return {
            "the address has gone": (gone, api.Health.ERROR),
            "it was moved to another interface": (moved(link="eth1"), api.Health.ERROR),
            "it was relabelled": (moved(label="eth0"), api.Health.ERROR),
            "another machine has it, says the kernel": (moved(duplicate=True), api.Health.ERROR),
            "another machine answers for it": (answered_elsewhere, api.Health.ERROR),
            "the cable is out": (unplugged, api.Health.ERROR),
        }

    def standby_world(self) -> World:
        return machine()

    def standby_faults(self) -> Faults:
        def here(world: World) -> None:
            world.facts["held"] += (OURS,)

        return {
            "the address is here": (here, api.Health.ERROR),
            "the cable is out": (unplugged, api.Health.ERROR),
        }
