"""The companion as a process: it sends what the journal gets, and the last words of its agent."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import messages
from clpcore.model.alerts import Alert, Command, File
from clpcore.runtime.briefs import AlertsBrief
from clpcore.runtime.store.database import Database
from clpcore.runtime.store.journal import Scribe
from clpcore.wire import values


@attrs.define
class Companion:
    """One companion, and the agent's end of its socket."""

    process: subprocess.Popen[bytes]
    end: socket.socket

    @classmethod
    def start(cls, brief: AlertsBrief) -> Companion:
        ours, its = socket.socketpair()
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", "clpcore.runtime.alerts.service"], stdin=its.fileno()
            )
        ours.settimeout(10)
        ours.sendall(values.to_json(brief).encode() + b"\n")
        return cls(process, ours)

    def hear(self) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            piece = self.end.recv(1)
            assert piece, "it says nothing any more"
            line += piece
        said: dict[str, Any] = json.loads(line)
        return said

    def leave(self) -> int:
        self.end.close()
        return self.process.wait(15)


@attrs.define
class World:
    root: Path
    database: Database
    scribe: Scribe = attrs.field(factory=lambda: Scribe(boot=1))
    started: list[Companion] = attrs.field(factory=list)

    @property
    def log(self) -> list[str]:
        path = self.root / "alert.log"
        return path.read_text().splitlines() if path.exists() else []

    def start(self, *more: Alert) -> Companion:
        file = Alert(name="file1", type="file", settings=File(path="/alert.log"))
        brief = AlertsBrief(
            cluster="Cluster1", server="node1", root=str(self.root), alerts=(file, *more)
        )
        self.started.append(Companion.start(brief))
        return self.started[-1]

    def say(self, server: str) -> None:
        heard = messages.because("nm1", server=server)
        self.database.write((), self.scribe.sentences((heard,), 1))

    def wait(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, Database(tmp_path / "var/lib/clpcore/store.db"))
    yield made
    for each in made.started:
        each.end.close()
        each.process.kill()
        each.process.wait()
    made.database.close()


def test_it_sends_while_the_agent_lives_and_its_last_words(world: World) -> None:
    companion = world.start()
    assert companion.hear() == {"ready": True}
    world.wait((world.root / "var/lib/clpcore/alerts/file1.json").exists)
    world.say("node2")
    world.wait(lambda: len(world.log) == 1)
    companion.end.close()
    world.say("node3")
    assert companion.process.wait(15) == 0
    assert [line.rpartition(" ")[0].split()[-1] for line in world.log] == ["is", "is"]
    assert "node3" in world.log[1]


def test_a_second_one_waits_for_the_first_and_goes_on_from_it(world: World) -> None:
    first = world.start()
    assert first.hear() == {"ready": True}
    world.wait((world.root / "var/lib/clpcore/alerts/file1.json").exists)
    second = world.start()
    world.say("node2")
    world.wait(lambda: len(world.log) == 1)
    second.end.settimeout(1.5)
    with pytest.raises(TimeoutError):
        second.hear()
    second.end.settimeout(10)
    assert first.leave() == 0
    assert second.hear() == {"ready": True}
    world.say("node3")
    world.wait(lambda: len(world.log) == 2)


def test_the_agent_hears_of_what_cannot_be_sent(world: World) -> None:
    bad = Alert(
        name="page1", type="command", ids=("nm1",), settings=Command(command=("/nothing/there",))
    )
    companion = world.start(bad)
    assert companion.hear() == {"ready": True}
    world.wait((world.root / "var/lib/clpcore/alerts/page1.json").exists)
    world.say("node2")
    said = companion.hear()
    assert said["begin"] == "Alert page1"
    assert said["because"]["key"] == "pm522"
    assert "No such file" in said["because"]["args"]["reason"]
    world.wait(lambda: len(world.log) == 1)  # the other one is not held up


def test_the_mark_of_an_alert_that_is_none_any_more_is_forgotten(world: World) -> None:
    old = world.root / "var/lib/clpcore/alerts/old.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"seq": 1, "wall_ms": 1}')
    companion = world.start()
    assert companion.hear() == {"ready": True}
    assert not old.exists()
