"""pingnp keeps the rules of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import clpcore_lib_icmp as icmp
from clpcore import api
from clpcore.testing import PartitionSuite, World
from clpcore_pingnp import partition


def _answers(*reachable: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        def ping(addresses: tuple[str, ...], timeout: int) -> dict[str, icmp.Answer]:
            if silent := [each for each in addresses if each not in reachable]:
                world.pass_time(timeout)
            return {
                each: icmp.Answer(address=each, why="no answer")
                if each in silent
                else icmp.Answer(address=each, rtt=300)
                for each in addresses
            }

        world.library[icmp.ping] = ping

    return change


def _could_not_ask(*which: str) -> Callable[[World], None]:
    """Nobody answers, and *which* were not even asked: no buffers, our own firewall."""

    def change(world: World) -> None:
        world.library[icmp.ping] = lambda addresses, _timeout: {
            each: icmp.Answer(address=each, why="cannot be asked", asked=each not in which)
            for each in addresses
        }

    return change


class TestPingnp(PartitionSuite):
    spec = partition.SPEC
    settings = {"groups": [["10.5.0.1", "10.5.0.2"], ["10.6.0.1"]]}

    def world(self) -> World:
        world = World()
        _answers("10.5.0.1", "10.5.0.2", "10.6.0.1")(world)
        return world

    def faults(self) -> Mapping[str, tuple[Callable[[World], None], api.Answer]]:
        return {
            "one of each group": (_answers("10.5.0.2", "10.6.0.1"), api.Answer.ANSWERED),
            "nobody of one group": (_answers("10.5.0.1", "10.5.0.2"), api.Answer.SILENT),
            "nobody": (_answers(), api.Answer.SILENT),
            "nobody, and one of a group was not asked": (
                _could_not_ask("10.5.0.1", "10.6.0.1"),
                api.Answer.UNKNOWN,
            ),
            "nobody of a group that was asked": (_could_not_ask("10.5.0.1"), api.Answer.SILENT),
        }
