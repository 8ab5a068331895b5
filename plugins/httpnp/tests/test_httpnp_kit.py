"""httpnp keeps the rules of the conformance kit."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import TypeAlias

from clpcore import api
from clpcore.testing import PartitionSuite, Request, World
from clpcore_httpnp import partition

Change: TypeAlias = Callable[[World], None]
URL = "https://witness.example/alive"
SITE = ("witness.example", 443)


def machine() -> World:
    """A machine that reaches the web server."""
    world = World(sites={URL: lambda _: 200}, reach={SITE: api.Reach.ANSWERED})
    world.library[socket.getaddrinfo] = lambda host, port: [(host, port)]
    return world


def _cut_off(world: World) -> None:
    world.sites.clear()
    world.reach[SITE] = api.Reach.SILENT


def _refuses(world: World) -> None:
    world.sites.clear()
    world.reach[SITE] = api.Reach.REFUSED


def _ill(world: World) -> None:
    def no_answer(_: Request) -> int:
        raise api.Failed("certificate verify failed")

    world.sites[URL] = no_answer


def _says(status: int) -> Change:
    return lambda world: world.sites.update({URL: lambda _: status})


def _lookup_fails(number: int) -> Change:
    def lookup(*_: object) -> None:
        raise socket.gaierror(number, "cannot")

    return lambda world: world.library.update({socket.getaddrinfo: lookup})


class TestHttpnp(PartitionSuite):
    spec = partition.SPEC
    settings = {"url": URL}

    def world(self) -> World:
        return machine()

    def faults(self) -> Mapping[str, tuple[Change, api.Answer]]:
        return {
            "cut off": (_cut_off, api.Answer.SILENT),
            "no name server answers": (_lookup_fails(socket.EAI_AGAIN), api.Answer.SILENT),
            "there is no such name": (_lookup_fails(socket.EAI_NONAME), api.Answer.UNKNOWN),
            "refused": (_refuses, api.Answer.UNKNOWN),
            "not trusted": (_ill, api.Answer.UNKNOWN),
            "any status": (_says(503), api.Answer.ANSWERED),
        }


class TestHttpnpThatWantsACode(PartitionSuite):
    spec = partition.SPEC
    settings = {"url": URL, "method": "GET", "accepted_codes": [200]}

    def world(self) -> World:
        return machine()

    def faults(self) -> Mapping[str, tuple[Change, api.Answer]]:
        return {"another one answers": (_says(302), api.Answer.SILENT)}


class TestHttpnpThroughAProxy(PartitionSuite):
    spec = partition.SPEC
    settings = {"url": URL, "proxy": "http://10.5.0.9:3128"}

    def world(self) -> World:
        world = machine()
        world.reach = {("10.5.0.9", 3128): api.Reach.ANSWERED}
        return world

    def faults(self) -> Mapping[str, tuple[Change, api.Answer]]:
        def no_proxy(world: World) -> None:
            world.sites.clear()
            world.reach = {("10.5.0.9", 3128): api.Reach.SILENT}

        return {
            "the proxy reaches nobody": (_says(502), api.Answer.UNKNOWN),
            "the proxy is out of reach": (no_proxy, api.Answer.SILENT),
        }
