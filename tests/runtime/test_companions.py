"""Companions that end, babble and outlive: the agent goes on, and tells what matters."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import attrs
import pytest

from clpcore import messages
from clpcore.model.alerts import Alert, File
from clpcore.model.config import ClusterConfig
from clpcore.model.reasons import Because
from clpcore.runtime import briefs, companions
from clpcore.runtime.companions import Companion, Companions
from clpcore.runtime.places import whereabouts
from clpcore.runtime.troubles import Troubles

Until = Callable[[Callable[[], object]], Awaitable[None]]

_HEAD = """
import json, socket, sys
agent = socket.socket(fileno=0)
brief = agent.recv(1000).decode().strip()
def say(**word): agent.sendall(json.dumps(word).encode() + b"\\n")
"""


@attrs.define
class World:
    said: list[Because] = attrs.field(factory=list)
    processes: list[subprocess.Popen[bytes]] = attrs.field(factory=list)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A companion's module is a program here."""
    made = World()

    def start(program: str, stdin: socket.socket) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _HEAD + program]
        made.processes.append(subprocess.Popen(command, stdin=stdin.fileno()))
        return made.processes[-1]

    monkeypatch.setattr(companions, "_start", start)
    monkeypatch.setattr(companions, "_AGAIN_FIRST", 0.01)
    monkeypatch.setenv("CLP_LEFT_COMPANIONS", "")
    yield made
    for process in made.processes:
        with contextlib.suppress(ChildProcessError):  # it was waited for
            os.waitpid(process.pid, 0)  # it sees by itself that nobody is there


def run(world: World, program: str, until: Until, holds: Callable[[], object]) -> Troubles:
    async def live() -> Troubles:
        troubles = Troubles(world.said.append)
        kept = Companions(troubles)
        kept.start(Companion("The thing", program, "the brief"))
        try:
            await until(holds)
        finally:
            kept.close()
            await asyncio.sleep(0.01)
        return troubles

    return asyncio.run(live())


def keys(world: World) -> list[str]:
    return [reason.key for reason in world.said]


def test_it_gets_its_brief_and_its_words_are_told(world: World, until: Until) -> None:
    program = """
heard = {"key": "nm1", "args": {"server": brief}}
say(begin="Alert a", because=heard)
say(begin="Alert a", because=heard)
say(tell={"key": "nm13", "args": {"server": "x", "ms": "1"}})
say(end="Alert a", because={"key": "nm14", "args": {"server": "x"}})
agent.recv(1)
"""
    troubles = run(world, program, until, lambda: len(world.said) == 3)
    assert keys(world) == ["nm1", "nm13", "nm14"]
    assert messages.render(world.said[0]) == "Server the brief is heard."
    assert troubles.now == {}


def test_one_that_ends_is_started_again_and_told_once(world: World, until: Until) -> None:
    troubles = run(world, "sys.exit(3)", until, lambda: len(world.processes) > 2)
    assert keys(world) == ["pm520"]
    assert "exit code 3" in messages.render(world.said[0])
    assert list(troubles.now) == ["The thing"]


def test_one_that_is_ready_again_is_no_trouble_any_more(world: World, until: Until) -> None:
    program = """
say(ready=True)
agent.recv(1)
"""

    async def live() -> Troubles:
        troubles = Troubles(world.said.append)
        kept = Companions(troubles)
        kept.start(Companion("The thing", program, "x"))
        await until(lambda: world.processes)
        world.processes[0].kill()
        await until(lambda: keys(world) == ["pm520", "pm521"])
        kept.close()
        await asyncio.sleep(0.01)
        return troubles

    assert asyncio.run(live()).now == {}


@pytest.mark.parametrize("words", ["b'no json\\n'", "b'[1]\\n'", "b'x' * 200_000"])
def test_one_that_babbles_is_ended_and_started_again(
    world: World, until: Until, words: str
) -> None:
    run(world, f"agent.sendall({words}); agent.recv(1)", until, lambda: len(world.processes) > 1)
    assert keys(world)[0] == "pm520"


def test_no_zombie_is_left_when_the_process_starts_again(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setenv("CLP_LEFT_COMPANIONS", f"{process.pid} 999999999 x")

    async def live() -> None:
        kept = Companions(Troubles(lambda _: None))
        assert "CLP_LEFT_COMPANIONS" not in os.environ
        assert process.stdin is not None
        process.stdin.close()
        await until(lambda: not os.path.exists(f"/proc/{process.pid}"))  # noqa: PTH110
        kept.close()
        await asyncio.sleep(0.01)

    asyncio.run(live())
    process.returncode = 0


def test_who_needs_which() -> None:
    where = whereabouts({"CLP_SERVER": "node1", "CLP_ROOT": "/r"})
    plain = ClusterConfig(name="c", servers=())
    asks = attrs.evolve(plain, metrics="127.0.0.1:29090")
    alert = Alert(name="a", type="file", settings=File(), servers=("node2",))
    elsewhere = attrs.evolve(plain, alerts=(alert,))
    here = attrs.evolve(plain, alerts=(attrs.evolve(alert, servers=("node1",)),))

    def modules(config: ClusterConfig) -> list[str]:
        return [each.module.rpartition(".")[2] for each in briefs.companions(config, where)]

    assert modules(plain) == []
    assert modules(asks) == ["port"]
    assert modules(elsewhere) == []
    assert modules(here) == ["service"]
