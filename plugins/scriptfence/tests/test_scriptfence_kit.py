"""The script driver keeps the rules of the conformance kit."""

from __future__ import annotations

from clpcore import api
from clpcore.testing import Command, FenceSuite, World
from clpcore_scriptfence import fence

SCRIPT = "/etc/clpcore/scripts/failover1/script1/forcestop.sh"
LOG = "/var/log/clpcore/failover1/script1/script.log"


def _script(world: World, command: Command) -> int:
    """Do what the product's sample does: stop, then read until it is off."""
    assert command.env["CLP_SERVER_LOCAL"] == "node1"
    assert command.env["CLP_SERVER_VICTIM"] == "node2"
    if command.env["CLP_FORCESTOP_MODE"] == "0":
        assert "CLP_SERVER_DOWN" not in command.env
        return 0
    assert command.env["CLP_SERVER_DOWN"] == "node2"
    if not world.facts["deaf"]:
        world.facts["off"] = True
    return 0 if world.facts["off"] and world.facts["readable"] else 1


class TestScript(FenceSuite):
    spec = fence.SPEC

    def world(self) -> World:
        world = World(facts={"off": False, "deaf": False, "readable": True}, files={LOG: ""})
        world.programs[SCRIPT] = lambda command: _script(world, command)
        return world

    def is_off(self, world: World) -> bool:
        return bool(world.facts["off"])

    def deaf(self, world: World) -> None:
        world.facts["deaf"] = True

    def test_off_is_never_said_without_a_read_back(self) -> None:
        """The kit looks for a second outside call; here the script itself reads, and says so."""
        world = self.world()
        world.facts["readable"] = False
        ended = self.play(world, "fence")
        assert self.is_off(world)
        assert isinstance(ended.error, api.Failed)
