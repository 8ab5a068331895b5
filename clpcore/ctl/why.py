"""`clp why`: why a thing is as it is, what it waits for, and the next step."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clpcore.ctl import control, names, rows, words
from clpcore.ctl.ends import Exit
from clpcore.ctl.page import abnormal, ago
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.screen import Paint, paint_for
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Because, Group, Monitor, Row, Server, Status


def parser() -> Parser:
    """Give the arguments."""
    made = command(
        "why",
        "Tell why a group, resource, monitor or server is in its state, what it waits for, and "
        "the next step. Every sentence has the number of its message.",
        service="nothing happens to it; this only looks.",
        example="""
            clp why                     everything that is not normal
            clp why failover1
        """,
    )
    made.add_argument(
        "thing", nargs="?", metavar="THING", help="a group, resource, monitor or server"
    )
    return made


def run(args: Namespace) -> Exit:
    """Print what the status document and the journal say of the thing."""
    status = ask()
    subjects = _subjects(status)
    if args.thing:
        names.check("server, group, resource or monitor", args.thing, subjects)
    things = [args.thing] if args.thing else abnormal(status)
    if not args.thing and not args.json:
        _print_general(status, fine=not things)
    for number, thing in enumerate(things):
        if number and not args.json:
            print()
        past: list[Row] = control.ask(do="why", about=thing)["because"]
        _print(thing, subjects[thing], past, as_json=args.json)
    return Exit.DONE


def _print_general(status: Status, *, fine: bool) -> None:
    """Print what is wrong with the agent itself, or that nothing at all is wrong."""
    for trouble in status["troubles"]:
        print("\n".join([f"The agent of {status['server']} has trouble.", *_reason(trouble)]))
    if fine and not status["troubles"]:
        print("Everything is normal.")


def _print(about: str, subject: _Subject, past: list[Row], *, as_json: bool) -> None:
    if as_json:
        told = [rows.told(row) for row in past]
        print(json.dumps({"about": about, "now": subject.now, "because": told}))
        return
    paint = paint_for(sys.stdout)
    lines = [*subject.lines(paint)]
    print("\n".join([*lines, *_history(past, paint, lines)]))


def _subjects(status: Status) -> dict[str, _Subject]:
    """Give by name what can be explained; a resource is explained with its group."""
    subjects: dict[str, _Subject] = {}
    for server in status["servers"]:
        subjects[server["name"]] = _Server(server)
    for monitor in status["monitors"]:
        subjects[monitor["name"]] = _Monitor(monitor)
    for group in status["groups"]:
        for resource in group["resources"]:
            subjects[resource["name"]] = _Group(group, resource["name"])
        subjects[group["name"]] = _Group(group)
    return subjects


class _Server:
    """Explains a server."""

    def __init__(self, server: Server) -> None:
        self.now = server
        self.name = server["name"]

    def lines(self, paint: Paint) -> Iterator[str]:
        heard = self.now["heard_ms_ago"]
        last = "" if heard is None else f"; last heard {ago(heard)} ago"
        yield f"{paint.loud(self.name)} is {paint.state(self.now['state'])}{last}."
        for heartbeat in self.now["heartbeats"]:
            yield f"  {heartbeat['name']}: {paint.state(heartbeat['state'])}"


class _Group:
    """Explains a group, or one resource of it."""

    def __init__(self, group: Group, resource: str = "") -> None:
        self.now = group
        self.name = group["name"]
        self.resource = resource

    def lines(self, paint: Paint) -> Iterator[str]:
        for resource in self.now["resources"]:
            if resource["name"] == self.resource:
                state = paint.state(resource["state"])
                yield f"{paint.loud(self.resource)} is {state}; it belongs to {self.name}."
        where = f" on {self.now['server']}" if self.now["server"] else ""
        yield f"{paint.loud(self.name)} is {paint.state(self.now['state'])}{where}."
        if self.now["wanted"] == "stopped":
            yield f"  It is to stay stopped; start it: clp group start {self.name}"
        yield from _reason(self.now["because"])
        for name, server in self.now["servers"].items():
            can = "can" if server["can_take"] else "cannot"
            ability = "" if name == self.now["server"] else f", {can} take it"
            yield f"  {name}: {paint.state(server['state'])}{ability}"
            yield from _reason(server["because"], indent="    ")


class _Monitor:
    """Explains a monitor."""

    def __init__(self, monitor: Monitor) -> None:
        self.now = monitor
        self.name = monitor["name"]

    def lines(self, paint: Paint) -> Iterator[str]:
        target = f"; it watches {self.now['target']}" if self.now["target"] else ""
        yield f"{paint.loud(self.name)} is {paint.state(self.now['state'])}{target}."
        for name, server in self.now["servers"].items():
            dummy = ", dummy failure on" if server["dummy"] else ""
            detail = f": {words.plain(server['detail'])}" if server["detail"] else ""
            yield f"  on {name}: {paint.state(server['state'])}{dummy}{detail}"


_Subject = _Server | _Group | _Monitor


def _reason(because: Because | None, indent: str = "  ") -> Iterator[str]:
    if because:
        yield f"{indent}{words.sentence(because)} [{because['key']}]"
        if remedy := words.remedy(because):
            yield f"{indent}Next step: {remedy}"


def _history(past: list[Row], paint: Paint, above: list[str]) -> Iterator[str]:
    """Give what led here, oldest first, and each next step that is not *above* already."""
    if past:
        yield "How it came to this:"
    steps = {row["key"]: rows.told(row)["remedy"] for row in past}
    for row in past:
        yield f"  {rows.line(row, paint)}"
    for key, step in steps.items():
        if step and not any(f"Next step: {step}" in line for line in above):
            yield f"  Next step for {key}: {step}"
