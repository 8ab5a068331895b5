"""The driver keeps the rules of the conformance kit, in a scripted Azure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clpcore.testing import FenceSuite, World
from clpcore_azurefence import asking, spec
from clpcore_azurefence.identity import Machine
from clpcore_azurefence.settings import Config
from clpcore_lib_azure import metadata

SETTINGS: Mapping[str, Any] = {
    "subscription_id": "22222222-2222-2222-2222-222222222222",
    "resource_group": "TestGroup1",
    "managed_identity": True,
    "vm_name": "node-2",
}
_OWN = metadata.Own(
    name="node-1",
    resource_group="testgroup1",
    subscription_id=SETTINGS["subscription_id"],
    vm_id="id-of-node1",
)


def an_azure() -> World:
    """An Azure in which node2's machine node-2 runs."""
    world = World(facts={"power": "running", "deaf": False})

    def read(_config: Config, name: str, _timeout: int) -> Machine:
        return Machine(
            name=name,
            resource_group="TestGroup1",
            vm_id="id-of-node2",
            computer_name="node2",
            made_as="node2",
            power=world.facts["power"],
        )

    def request(_config: Config, name: str, _timeout: int) -> object:
        assert name == "node-2"
        if not world.facts["deaf"]:
            world.facts["power"] = "stopped"
        return object()

    world.library[asking.read] = read
    world.library[asking.request] = request
    world.library[asking.has_ended] = lambda _config, _operation, _timeout: True
    world.library[asking.lacking] = lambda _config, _name, _timeout: ()
    world.library[asking.budget] = lambda _config, _name, _timeout: {"subscription-reads": 249}
    world.library[metadata.own] = lambda _timeout: _OWN
    return world


class TestAzure(FenceSuite):
    spec = spec.SPEC
    settings = SETTINGS

    def world(self) -> World:
        return an_azure()

    def is_off(self, world: World) -> bool:
        return bool(world.facts["power"] == "stopped")

    def deaf(self, world: World) -> None:
        world.facts["deaf"] = True
