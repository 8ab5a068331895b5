"""The scripted machine behaves like the real ports, and its time moves by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from clpcore import api
from clpcore.testing import Request, World
from clpcore.testing.faults import FAULTS, Fault, Manner, Plan
from clpcore.testing.playing import NOTHING_WRONG, Ended, play
from clpcore.testing.world import Unscripted


def call(deadline: int = 10_000) -> api.Call:
    return api.Call(
        event=api.Event.START,
        role=api.Role.ACTIVE,
        epoch=1,
        server="node1",
        home="node1",
        previous="",
        group="failover1",
        resource="acme1",
        deadline=1_000_000 + deadline,
    )


def act(
    does: Callable[[api.Ports], Awaitable[Any]],
    world: World | None = None,
    plan: Plan = NOTHING_WRONG,
) -> Ended[Any]:
    return play(world or World(), call(), does, plan)


def test_an_hour_takes_no_time() -> None:
    began = time.monotonic()

    async def wait(ports: api.Ports) -> int:
        await ports.sleep(3_000)
        await asyncio.sleep(4)
        return ports.now()

    assert act(wait).value == 1_007_000
    assert time.monotonic() - began < 1


def test_the_deadline_ends_a_call() -> None:
    ended = act(lambda ports: ports.sleep(3_600_000))
    assert (ended.stalled, ended.took, ended.goes_on) == (True, 10_000, False)


def test_after_its_deadline_a_call_reaches_nothing() -> None:
    world = World()

    async def late(ports: api.Ports) -> None:
        try:
            await ports.sleep(3_600_000)
        finally:
            ports.write("/run/late", "")

    assert act(late, world).stalled
    assert world.files == {}


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (None, api.Completed(0)),
        (3, api.Completed(3)),
        ("said\n", api.Completed(0, "said\n")),
        (api.Completed(1, "x"), api.Completed(1, "x")),
    ],
)
def test_a_program_answers_in_short(
    answer: api.Completed | int | str | None, seen: api.Completed
) -> None:
    world = World(programs={"acmectl": lambda _: answer})
    assert act(lambda ports: ports.run(["/usr/bin/acmectl", "status"]), world).value == seen


def test_what_is_not_there_is_not_installed() -> None:
    assert isinstance(act(lambda ports: ports.run(["acmectl"])).error, api.NotInstalled)
    assert isinstance(act(lambda ports: ports.keep("a", ["acmectl"])).error, api.NotInstalled)


def test_output_goes_to_the_log_as_well() -> None:
    world = World(programs={"acmectl": lambda _: "one\n"}, files={"/log": "zero\n"})
    act(lambda ports: ports.run(["acmectl"], log="/log"), world)
    assert world.files["/log"] == "zero\none\n"


def test_a_kept_process_holds_its_socket_until_it_ends() -> None:
    world = World(programs={"serve": lambda _: None})

    async def serve(ports: api.Ports) -> api.Reach:
        fd = ports.listen("", 80)
        await ports.keep("web", ["serve"], inherit=(fd,))
        os.close(fd)
        return await ports.connect("127.0.0.1", 80, timeout=1_000)

    assert act(serve, world).value is api.Reach.ANSWERED
    assert "00000000:0050" in (world.read("/proc/net/tcp") or "")
    assert isinstance(act(_listens, world).error, api.Failed)
    act(lambda ports: ports.end("web", grace=0), world)
    assert not world.listens(80)


async def _listens(ports: api.Ports) -> None:
    os.close(ports.listen("", 80))


def test_a_kept_process_listens_on_a_port_of_its_own_until_it_ends() -> None:
    world = World(programs={"acmed": lambda command: world.opens(command.kept, 8080)})

    async def life(ports: api.Ports) -> list[api.Reach]:
        await ports.keep("acmed", ["acmed"])
        up = await ports.connect("127.0.0.1", 8080, timeout=1_000)
        await ports.end("acmed", grace=0)
        return [up, await ports.connect("127.0.0.1", 8080, timeout=1_000)]

    assert act(life, world).value == [api.Reach.ANSWERED, api.Reach.REFUSED]


def test_web_servers_go_by_the_longest_beginning() -> None:
    def asked(request: Request) -> str:
        return request.method

    world = World(sites={"http://a/": lambda _: 404, "http://a/b": asked})
    got = act(lambda ports: ports.http("HEAD", "http://a/b/c", timeout=1), world).value
    assert got == api.HttpAnswer(status=200, body=b"HEAD")
    refused = act(lambda ports: ports.http("GET", "http://other/?token=x", timeout=1), world)
    assert str(refused.error) == "http://other/ did not answer: refused"


def test_a_function_that_the_world_does_not_know_is_told_to_its_author() -> None:
    async def catches_everything(ports: api.Ports) -> None:
        with contextlib.suppress(Exception):
            await ports.outside(os.getloadavg)

    with pytest.raises(Unscripted, match=r"world\.library\[getloadavg\]"):
        act(catches_everything)


def _every() -> list[tuple[str, Fault]]:
    return [(port, fault) for port, faults in FAULTS.items() for fault in faults]


_USES: dict[str, Callable[[api.Ports], Any]] = {
    "run": lambda ports: ports.run(["acmectl"], timeout=1_000),
    "keep": lambda ports: ports.keep("a", ["acmectl"]),
    "kept": lambda ports: ports.kept("a"),
    "end": lambda ports: ports.end("a", grace=0),
    "connect": lambda ports: ports.connect("127.0.0.1", 80, timeout=1_000),
    "http": lambda ports: ports.http("GET", "http://a/", timeout=1_000),
    "outside": lambda ports: ports.outside(os.getloadavg),
    "outside_async": lambda ports: ports.outside_async(asyncio.open_connection),
    "sleep": lambda ports: ports.sleep(1),
    "listen": lambda ports: ports.listen("", 80),
    "read": lambda ports: ports.read("/a"),
    "write": lambda ports: ports.write("/a", "b"),
    "remove": lambda ports: ports.remove("/a"),
}


def test_every_port_has_faults() -> None:
    ports = {name for name in vars(api.Ports) if not name.startswith("_")}
    assert set(FAULTS) == set(_USES) == ports - {"places", "now", "tell"}


@pytest.mark.parametrize(("port", "fault"), _every(), ids=lambda each: getattr(each, "name", each))
def test_a_fault_does_what_it_says(port: str, fault: Fault) -> None:
    done: list[object] = []

    def note(*asked: object) -> str:
        done.append(asked)
        return "output"

    world = World(
        programs={"acmectl": note},
        sites={"http://a/": note},
        library={os.getloadavg: note, asyncio.open_connection: note},
        files={"/a": "text"},
    )

    async def use(ports: api.Ports) -> object:
        answer = _USES[port](ports)
        return await answer if isinstance(answer, Awaitable) else answer

    ended = act(use, world, plan=Plan(0, fault))
    if port in {"run", "http", "outside", "outside_async"}:
        assert bool(done) is fault.done
    match fault.manner:
        case Manner.FAILS:
            assert isinstance(ended.error, api.DriverError | OSError)
        case Manner.CANCELLED:
            assert (ended.stalled, ended.took) == (True, 0)
        case Manner.HANGS if port == "connect":
            assert (ended.value, ended.took) == (api.Reach.SILENT, 1_000)
        case Manner.HANGS if port.startswith("outside"):
            assert (ended.stalled, ended.took) == (True, 10_000)
        case Manner.HANGS:
            assert (type(ended.error), ended.took) == (api.Failed, 1_000)
        case _:
            assert ended.returned
            assert ended.value not in (api.Completed(0, "output"), api.HttpAnswer(status=200))
