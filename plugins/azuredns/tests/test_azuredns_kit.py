"""azuredns and azurednsw keep the rules of the conformance kit, in a scripted Azure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import attrs

import clpcore_lib_azure
from clpcore import api
from clpcore.testing import Faults, MonitorSuite, ResourceSuite, World
from clpcore_azuredns import records, resolution, specs
from clpcore_azuredns.record import Record
from clpcore_azuredns.resolution import Said, Server
from clpcore_azuredns.settings import Config

SETTINGS: Mapping[str, Any] = {
    "subscription_id": "22222222-2222-2222-2222-222222222222",
    "resource_group": "TestGroup1",
    "managed_identity": True,
    "zone": "cluster1.zone",
    "record_set": "test-record1",
    "ip": "10.5.0.110",
}
OURS = {"clpcore_group": "failover1", "clpcore_epoch": "7", "clpcore_server": "node1"}
READ = "Microsoft.Network/dnsZones/A/read"


def an_azure() -> World:  # noqa: C901 - its parts share the world
    """An Azure with an empty zone, and two name servers that say what it holds."""
    world = World(facts={"record": None, "lies": (), "dead": (), "blind": False, "silent": False})
    etags = itertools.count(1)

    def record() -> Record | None:
        if world.facts["silent"]:
            raise clpcore_lib_azure.Silent("the A record was asked for, and nobody answers")
        found: Record | None = world.facts["record"]
        return found

    def read(_config: Config, _timeout: int) -> Record | None:
        if world.facts["blind"]:
            raise clpcore_lib_azure.Denied(f"app may not {READ} on it", READ, "it")
        return record()

    def check(match: str) -> None:
        found = record()
        if match and match != (found.etag if found else records.NEW):
            raise clpcore_lib_azure.Changed("it was changed")

    def write(_config: Config, wanted: Record, match: str, _timeout: int) -> Record:
        check(match)
        found = attrs.evolve(wanted, etag=f"etag-{next(etags)}")
        world.facts["record"] = found
        return found

    def delete(_config: Config, etag: str, _timeout: int) -> None:
        if record() is not None:
            check(etag)
        world.facts["record"] = None

    def names(_config: Config, _timeout: int) -> tuple[str, ...]:
        record()
        return ("ns1", "ns2")

    def locate(names: tuple[str, ...], _timeout: int) -> tuple[Server, ...]:
        return tuple(Server(name=name, address="192.0.2.1") for name in names)

    def ask(servers: tuple[Server, ...], _fqdn: str, _timeout: int) -> tuple[Said, ...]:
        return tuple(say(server.name) for server in servers)

    def say(name: str) -> Said:
        if name in world.facts["dead"]:
            return Said(server=name, trouble="no answer within 2 s")
        if name in world.facts["lies"]:
            return Said(server=name, addresses=("192.0.2.66",))
        found = world.facts["record"]
        return Said(server=name, addresses=found.addresses if found else ())

    world.library = {
        records.read: read,
        records.write: write,
        records.delete: delete,
        records.name_servers: names,
        records.sign_in: lambda _config, _timeout: record() and 300,
        resolution.locate: locate,
        resolution.ask: ask,
    }
    return world


def with_record(**changes: Any) -> Callable[[World], None]:  # noqa: ANN401 - fields of a record
    """Change the record by hand."""

    def change(world: World) -> None:
        record = Record(addresses=("10.5.0.110",), ttl=3600, metadata=OURS, etag="by hand")
        world.facts["record"] = attrs.evolve(record, **changes)

    return change


def fact(name: str, value: object) -> Callable[[World], None]:
    return lambda world: world.facts.update({name: value})


def deleted(world: World) -> None:
    world.facts["record"] = None


def note_damaged(world: World) -> None:
    (note,) = world.files
    world.files[note] = "["


class TestAzuredns(ResourceSuite):
    spec = specs.AZUREDNS
    settings = SETTINGS

    def world(self) -> World:
        return an_azure()

    def serves(self, world: World) -> bool | None:
        found = world.facts["record"]
        wanted = Record(addresses=("10.5.0.110",), ttl=3600, metadata=OURS)
        if found is None or not found.says(wanted):
            return False
        return None  # what a move leaves for the next one stands there, and is nobody's

    def breakages(self) -> Mapping[str, Callable[[World], None]]:
        return {
            "it was deleted by hand": deleted,
            "it was changed by hand": with_record(addresses=("10.9.9.9",), metadata={}),
            "a second address was added": with_record(addresses=("10.5.0.110", "10.9.9.9")),
            "the note is damaged": note_damaged,
        }


class TestAzurednsThatMayNotRead(ResourceSuite):
    """The guide's role: A/write, A/delete, NS/read."""

    spec = specs.AZUREDNS
    settings = {**SETTINGS, "ttl": 60, "delete_at_deactivation": False}

    def world(self) -> World:
        world = an_azure()
        world.facts["blind"] = True
        return world


class TestAzurednsw(MonitorSuite):
    spec = specs.AZUREDNSW
    settings = SETTINGS

    def world(self) -> World:
        world = an_azure()
        with_record()(world)
        return world

    def standby_world(self) -> World:
        return self.world()

    def standby_faults(self) -> Faults:
        return {"Azure does not answer": (fact("silent", True), api.Health.UNKNOWN)}

    def faults(self) -> Faults:
        return {
            "it was deleted": (deleted, api.Health.ERROR),
            "it names another": (with_record(addresses=("10.5.0.111",)), api.Health.ERROR),
            "all name servers lie": (fact("lies", ("ns1", "ns2")), api.Health.ERROR),
            "one name server lies": (fact("lies", ("ns1",)), api.Health.WARNING),
            "nobody answers": (
                lambda world: world.facts.update(silent=True, dead=("ns1", "ns2")),
                api.Health.UNKNOWN,
            ),
        }


class TestAzurednswThatRecovers(MonitorSuite):
    spec = specs.AZUREDNSW
    settings = {**SETTINGS, "on_no_answer": "recover"}

    def world(self) -> World:
        world = an_azure()
        with_record()(world)
        return world

    def standby_world(self) -> World:
        return self.world()

    def faults(self) -> Faults:
        return {
            "nobody answers": (
                lambda world: world.facts.update(silent=True, dead=("ns1", "ns2")),
                api.Health.ERROR,
            ),
            "no name server answers": (fact("dead", ("ns1", "ns2")), api.Health.ERROR),
        }
