"""ipw and miiw keep the rules of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, World
from clpcore_lib_icmp import Answer, ping
from clpcore_lib_netlink import Link, links
from clpcore_netw import ipw, miiw

ETH0 = Link(index=2, name="eth0", up=True, carrier=True, mac="02:00:00:00:00:01")


class TestIpw(MonitorSuite):
    spec = ipw.SPEC
    settings = {"addresses": ["10.9.0.1", "10.9.0.2"]}

    def world(self) -> World:
        world = World(facts={"silent": {"10.9.0.2"}})

        def pinged(asked: tuple[str, ...], _timeout: int) -> dict[str, Answer]:
            silent = Answer(address="", why="no answer within 1 s")
            heard = Answer(address="", rtt=250)
            answers = {ip: silent if ip in world.facts["silent"] else heard for ip in asked}
            return {ip: attrs.evolve(answer, address=ip) for ip, answer in answers.items()}

        world.library = {ping: pinged}
        return world

    standby_world = world

    def faults(self) -> Faults:
        def silent(world: World) -> None:
            world.facts["silent"] = {"10.9.0.1", "10.9.0.2"}

        return {"nobody answers": (silent, api.Health.ERROR)}

    standby_faults = faults


class TestMiiw(MonitorSuite):
    spec = miiw.SPEC
    settings = {"interface": "eth0"}

    def world(self) -> World:
        world = World(facts={"links": (ETH0,)})
        world.library = {links: lambda: world.facts["links"]}
        return world

    standby_world = world

    def faults(self) -> Faults:
        def become(*found: Link) -> tuple[Callable[[World], None], api.Health]:
            def change(world: World) -> None:
                world.facts["links"] = found

            return change, api.Health.ERROR

        return {
            "the cable is out": become(attrs.evolve(ETH0, carrier=False)),
            "it was switched off": become(attrs.evolve(ETH0, up=False, carrier=False)),
            "it has another name now": become(attrs.evolve(ETH0, name="eth1")),
            "there is none": become(),
        }

    standby_faults = faults
