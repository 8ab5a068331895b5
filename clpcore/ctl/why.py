"""`clp why`: why a thing is as it is, what it waits for, and the next step."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl import control, guards, names, rows, words
from clpcore.ctl.ends import Exit
from clpcore.ctl.page import PHASES, abnormal, ago, counted, look, rivals, troubles, undo, unheard
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.screen import Paint, paint_for
from clpcore.ctl.status import ask
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Because, Group, Monitor, Row, Server, Status


_UNHEARD: Final = "{name} is {state}; not heard since the agent here started."


def parser() -> Parser:
    """Give the arguments."""
    made = command(
        "why",
        "Tell why a group, resource, monitor, server or what protects them (NP resolution, forced "
        "stop, arbiter) is in its state, what it waits for, and the next step. Every sentence has "
        "the number of its message.",
        service="nothing happens to it; this only looks.",
        example="""
            clp why                     everything that is not normal
            clp why failover1
        """,
        after="do the next step that it names; `clp log` has the whole story of this server.",
    )
    made.add_argument(
        "thing",
        nargs="?",
        metavar="THING",
        help="a group, resource, monitor, server, NP resolution, forced stop or arbiter",
    )
    return made


def run(args: Namespace) -> Exit:
    """Print what the status document and the journal say of the thing."""
    status = ask()
    subjects = _subjects(status)
    if args.thing:
        names.check("thing", args.thing, subjects)
    things = [args.thing] if args.thing else abnormal(status)
    found = [_Found(status, thing, subjects[thing]) for thing in things]
    if args.json:
        _print_json(status, found, args.thing)
    else:
        general = [] if args.thing else _general(status, fine=not things)
        paint = paint_for(sys.stdout)
        pages = [general, *(list(one.lines(paint)) for one in found)]
        print("\n\n".join("\n".join(lines) for lines in pages if lines))
    return Exit.DONE


def _print_json(status: Status, found: Sequence[_Found], thing: str | None) -> None:
    """Print one document: that of the *thing*, or of everything that is not normal."""
    documents = [one.document() for one in found]
    whole = {"things": documents, "troubles": status["troubles"]}
    print(json.dumps(documents[0] if thing else whole))


def _general(status: Status, *, fine: bool) -> list[str]:
    """Give what is wrong beside servers, groups and monitors, or that nothing at all is wrong."""
    lines = list(troubles(status, ""))
    return lines or ([said("Everything is normal.")] if fine else [])


class _Found:
    """One thing with its past, as the journal of this server has it."""

    def __init__(self, status: Status, name: str, subject: _Subject) -> None:
        self.name = name
        self.subject = subject
        self.past: list[Row] = control.ask(do="why", about=name)["because"]
        self.me = status["server"]
        self.normal = name not in abnormal(status) and subject.name not in abnormal(status)
        others = {*subject.witnesses(status)} - {self.me}
        self.others = [one for one in status["servers"] if one["name"] in others]

    def document(self) -> dict[str, object]:
        """Give it for machines."""
        return {
            "about": self.name,
            "now": self.subject.now,
            "next_step": self.subject.step(),
            "because": [rows.told(row) for row in self.past],
            "journal_of": self.me,
            "more_on": [one["name"] for one in self.others],
        }

    def lines(self, paint: Paint) -> Iterator[str]:
        """Give it for operators."""
        above = [*self.subject.lines(paint)]
        if step := self.subject.step():
            above.append("  " + said("Next step: {step}", step=step))
        yield from above
        if self.past:
            yield said("How it came to this (the journal of {server}):", server=self.me)
        yield from self._told(paint)
        if not self.normal and not step:
            yield from self._last_step("\n".join(above))
        yield from self._more()

    def _told(self, paint: Paint) -> Iterator[str]:
        """Give the sentences of the journal, and where a new life of this server began."""
        boot = self.past[0]["boot"] if self.past else 0
        for row in self.past:
            if row["boot"] != boot:
                boot = row["boot"]
                text = said("-- here {server} began anew (boot {boot})", server=self.me, boot=boot)
                yield f"  {paint.quiet(text)}"
            yield f"  {rows.line(row, paint)}"

    def _last_step(self, above: str) -> Iterator[str]:
        """Give the next step of the newest warning or error, if it is not told already."""
        for row in reversed(self.past):
            step = rows.told(row)["remedy"]
            if row["severity"] != "info" and step:
                if said("Next step: {step}", step=step) not in above:
                    yield "  " + said("Next step for {key}: {step}", key=row["key"], step=step)
                return

    def _more(self) -> Iterator[str]:
        """Say where the rest of the story is: every server journals its own part."""
        there = said("This is the journal of {server}", server=self.me)
        empty = said("The journal of {server} has nothing about it", server=self.me)
        for one in self.others:
            back = "{here}; when it is back, on {server} run: {command}"
            now = "{here}; on {server} run: {command}"
            text = back if one["state"] == "Unknown" else now
            here, command = there if self.past else empty, f"clp why {self.name}"
            yield said(text, here=here, server=one["name"], command=command)


def _subjects(status: Status) -> dict[str, _Subject]:
    """Give by name what can be explained; a resource is explained with its group."""
    subjects: dict[str, _Subject] = {}
    for guard in guards.found(status):
        subjects[guard.name] = guard
    for server in status["servers"]:
        subjects[server["name"]] = _Server(server, status)
    for monitor in status["monitors"]:
        subjects[monitor["name"]] = _Monitor(monitor, status)
    for group in status["groups"]:
        for resource in group["resources"]:
            subjects[resource["name"]] = _Group(group, resource["name"])
        subjects[group["name"]] = _Group(group)
    return subjects


class _Server:
    """Explains a server."""

    def __init__(self, server: Server, status: Status) -> None:
        self.now = server
        self.name = server["name"]
        self.phase = status["phase"] if self.name == status["server"] else ""
        self.cut_off = status["cut_off"] if self.phase else None
        self.unheard = unheard(server, status)

    def lines(self, paint: Paint) -> Iterator[str]:
        name, state = paint.loud(self.name), paint.state(self.now["state"])
        yield said(self._heard(), name=name, state=state, time=ago(self.now["heard_ms_ago"] or 0))
        if phase := PHASES.get(self.phase):
            yield "  " + said("It is {phase}: {what}.", phase=self.phase, what=said(phase))
        yield from ("  " + said("It {what}.", what=word) for word in counted(self.now))
        yield from _reason(self.cut_off)
        if self.now["forced_stop"]:
            yield from _reason(self.now["forced_stop"]["because"])
        if self.now["drained"]:
            text = "It is drained: its groups are taken away, and it takes no others."
            yield "  " + said(text)
        for heartbeat in self.now["heartbeats"]:
            yield f"  {heartbeat['name']}: {paint.state(heartbeat['state'])}"

    def _heard(self) -> str:
        """Give the text that says how it is, and when it was heard where that matters."""
        if self.now["state"] == "Offline":
            return "{name} is {state}."  # the agent of one that has left is heard on
        if self.now["heard_ms_ago"] is not None:
            return "{name} is {state}; last heard {time} ago."
        return "{name} is {state}." if self.phase else _UNHEARD

    def step(self) -> str:
        if self.now["state"] == "Offline":
            return f"clp server start {self.name}"
        if self.phase == "starting":
            return said(
                "start the other servers; if you have seen yourself that they are off and they "
                "stay off: clp server start --alone"
            )
        if self.now["state"] == "Unknown" and self.now["heard_ms_ago"] is None:
            return said("start {server}; if it runs, see there: clp status", server=self.name)
        if self.unheard:
            paths = ", ".join(self.unheard)
            return said("mend {paths}: while it is lost, one path less is left", paths=paths)
        return f"clp server undrain {self.name}" if self.now["drained"] else ""

    def witnesses(self, _: Status) -> Iterable[str]:
        return [self.name] if self.now["state"] != "Online" else []


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
                text, name = "{name} is {state}; it belongs to {group}.", paint.loud(self.resource)
                yield said(text, name=name, state=state, group=self.name)
        text = "{name} is {state} on {server}." if self.now["server"] else "{name} is {state}."
        name, state = paint.loud(self.name), paint.state(self.now["state"])
        yield said(text, name=name, state=state, server=self.now["server"])
        yield from _reason(self.now["because"])
        for name, server in self.now["servers"].items():
            can = said(", can take it") if server["can_take"] else said(", cannot take it")
            ability = "" if name == self.now["server"] else can
            yield f"  {name}: {paint.state(server['state'])}{ability}"
            # What others waited for is no news once it is online.
            note = None if self.now["state"] == "Online" else server["note"]
            for because in _apart(server["because"], note):
                if because != self.now["because"]:
                    yield from _reason(because, indent="    ")

    def step(self) -> str:
        stopped = self.now["wanted"] == "stopped"
        command = f"clp group start {self.name}"
        word = said("it is to stay stopped until you say: {command}", command=command)
        return word if stopped else ""

    def witnesses(self, status: Status) -> Iterable[str]:
        """Its server drives it, and the leader has chosen that server."""
        return [self.now["server"] or "", status["leader"] or "", *rivals(self.now)]


class _Monitor:
    """Explains a monitor."""

    def __init__(self, monitor: Monitor, status: Status) -> None:
        self.now = monitor
        self.name = monitor["name"]
        self.status = status

    def lines(self, paint: Paint) -> Iterator[str]:
        watches, stands = "{name} is {state}; it watches {target}.", "{name} is {state}."
        name, state = paint.loud(self.name), paint.state(self.now["state"])
        text, target = watches if self.now["target"] else stands, self.now["target"]
        yield said(text, name=name, state=state, target=target)
        for server, there in self.now["servers"].items():
            on = "  " + said("on {server}", server=server)
            yield ": ".join([on, paint.state(there["state"]), *filter(None, [look(there)])])

    def step(self) -> str:
        return "; ".join(undo(self.now, self.status))

    def witnesses(self, _: Status) -> Iterable[str]:
        told = {"Online", "Offline"}
        on = self.now["servers"].items()
        return [name for name, one in on if one["state"] not in told or one["dummy"]]


_Subject = _Server | _Group | _Monitor | guards.Guard


def _apart(refusal: Because | None, note: Because | None) -> list[Because]:
    """Give what a server says of a group; a note often has the refusal in it as its reason."""
    told = words.sentence(note) if note else ""
    refusals = [refusal] if refusal and words.sentence(refusal) not in told else []
    return [*refusals, *([note] if note else [])]


def _reason(because: Because | None, indent: str = "  ") -> Iterator[str]:
    if because:
        yield f"{indent}{words.sentence(because)} [{because['key']}]"
        if remedy := words.remedy(because):
            yield indent + said("Next step: {step}", step=remedy)
