"""Whole sequences as text: what Azure announces, and what each server's service says and asks for.

``CLP_RECORD=1 pytest plugins/azureevents`` writes down what they say now: read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore_azureevents import cluster, decide, events, machines, memory

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.txt"))
Document = dict[str, Any]


@attrs.define
class World:
    """Azure, the cluster, and one service on each server; all of it does only what it is told."""

    path: Path
    now: int = 1_800_000_000
    endured: int = 30_000
    servers: dict[str, Document] = attrs.field(factory=dict)
    groups: dict[str, str] = attrs.field(factory=dict)
    events: dict[str, Document] = attrs.field(factory=dict)
    machines: dict[str, str] = attrs.field(factory=dict)
    written: dict[str, str] = attrs.field(factory=dict)
    said: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    stopped: set[str] = attrs.field(factory=set)
    suspended: bool = False
    zones: bool = False  # each machine is told of its own events only

    # -- what happens

    def cluster(self, *names: str) -> None:
        for name in names:
            self.servers[name] = {
                "name": name,
                "state": "Online",
                "drained": False,
                "freeze": None,
                "evidence": None,
            }

    def group(self, name: str, _on: str, server: str) -> None:
        self.groups[name] = "" if server == "nowhere" else server

    def event(self, number: str, kind: str, *words: str) -> None:
        """Announce: the machines, then `in SECONDS`, `for SECONDS`, `user`, `started`."""
        options, machines, todo = {"in": "900", "for": "-1"}, [], iter(words)
        for word in todo:
            if word in options:
                options[word] = next(todo)
            elif word not in {"user", "started"}:
                machines.append(word)
        started = "started" in words
        self.events[number] = {
            "EventId": number,
            "EventStatus": "Started" if started else "Scheduled",
            "EventType": kind,
            "ResourceType": "VirtualMachine",
            "Resources": machines,
            "NotBefore": "" if started else formatdate(self.now + int(options["in"]), usegmt=True),
            "Description": "",
            "EventSource": "User" if "user" in words else "Platform",
            "DurationInSeconds": int(options["for"]),
        }

    def starts(self, number: str) -> None:
        self.events[number] |= {"EventStatus": "Started", "NotBefore": ""}

    def over(self, number: str) -> None:
        del self.events[number]

    def is_(self, name: str, key: str, *words: str) -> None:
        value = " ".join(words)
        usual = {"yes": True, "no": False, "none": None}
        self.servers[name][key] = usual.get(value, value)

    def service(self, name: str, how: str) -> None:
        """Restart it, stop it, or start it; or let it forget what it knew."""
        self.said.pop(name, None)
        if how == "forgets":
            (self.path / name).unlink(missing_ok=True)
        (self.stopped.add if how == "stops" else self.stopped.discard)(name)

    # -- looking

    def look(self, *names: str) -> list[str]:
        """Let services look one after the other; each sees what the others have done."""
        lines = []
        for name in names or self.servers:
            if name not in self.stopped:
                lines += self.done(name, self.decided(name))
        return lines

    def together(self) -> list[str]:
        """Let all look at the same moment."""
        found = {name: self.decided(name) for name in self.servers}
        return [line for name, decision in found.items() for line in self.done(name, decision)]

    def decided(self, me: str) -> decide.Decision:
        machine = self.machines.get(me, me)
        told = [e for e in self.events.values() if not self.zones or machine in e["Resources"]]
        document = events.document({"DocumentIncarnation": 1, "Events": told})
        seen = cluster.cluster(self.status(me))
        names = machines.told(self.written, me, machine, (*self.servers,))
        known = memory.load(self.path / me)
        return decide.decide(document.events, seen, known, names, self.now)

    def status(self, me: str) -> Document:
        return {
            "server": me,
            "leader": next(n for n, each in self.servers.items() if each["state"] == "Online"),
            "suspended": self.suspended,
            "endured_freeze_ms": self.endured,
            "servers": [*self.servers.values()],
            "groups": [
                {"name": name, "server": server or None, "servers": {}}
                for name, server in self.groups.items()
            ],
        }

    def done(self, me: str, decision: decide.Decision) -> list[str]:
        memory.save(self.path / me, decision.known)
        fresh = [one for one in decision.said if one not in self.said.get(me, ())]
        self.said[me] = decision.said
        return [f"  {me}: {one}" for one in fresh] + [
            f"  {me} asks: {self.asked(me, ask)}" for ask in decision.asks
        ]

    def asked(self, me: str, ask: decide.Ask) -> str:
        row = self.servers[me]
        match ask:
            case decide.Drain() | decide.Undrain():
                row["drained"] = isinstance(ask, decide.Drain)
                return "drain" if row["drained"] else "undrain"
            case decide.ExpectFreeze(seconds=seconds):
                row["freeze"] = "announcing" if seconds else None
                return f"expect a freeze during {seconds} s"
            case decide.Approve(event=event):
                return f"approve {event}"


def play(script: str, path: Path) -> str:
    world, lines = World(path), []
    for line in script.splitlines():
        if line.startswith("#") or not line:
            lines.append(line)
        elif line.startswith("> "):
            lines += [line, *_happens(world, line[2:].split())]
    return "\n".join(lines) + "\n"


def _happens(world: World, words: list[str]) -> list[str]:
    verbs: dict[str, Callable[..., list[str] | None]] = {
        "cluster": world.cluster,
        "group": world.group,
        "event": world.event,
        "starts": world.starts,
        "over": world.over,
        "is": world.is_,
        "service": world.service,
        "look": world.look,
        "together": world.together,
        "machine": lambda server, name: world.machines.update({server: name}),
        "written": lambda server, name: world.written.update({server: name}),
        "endures": lambda seconds: setattr(world, "endured", int(seconds) * 1_000),
        "suspended": lambda word: setattr(world, "suspended", word == "yes"),
        "zones": lambda: setattr(world, "zones", True),
        "later": lambda seconds: setattr(world, "now", world.now + int(seconds)),
    }
    return verbs[words[0]](*words[1:]) or []


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_services_say_what_is_recorded(file: Path, tmp_path: Path) -> None:
    recorded = file.read_text(encoding="utf-8")
    played = play(recorded, tmp_path)
    if os.environ.get("CLP_RECORD"):
        file.write_text(played, encoding="utf-8")
    else:
        assert played == recorded
