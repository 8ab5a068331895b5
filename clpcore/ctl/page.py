"""The status document as a page of text: the shape of clpstat, with the reasons beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl import guards, rows, words
from clpcore.ctl.screen import Paint, cells, wrap
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from clpcore.ctl.document import (
        Because,
        Group,
        Monitor,
        MonitorOnServer,
        Server,
        Status,
    )

UNPROVEN: Final = {"no proof", "NP resolution"}  # evidence that is none
_FINE: Final = {"Online", "Normal", "Unused"}
_NAME: Final = 16  # cells for a name, as clpstat has it; wider where a name is longer
_STATE: Final = 16
_NARROWEST: Final = 28  # cells that a comment beside its state takes at least
_BELOW: Final = 8  # cells before one that has its own lines
_ACKNOWLEDGE: Final = "clp cluster acknowledge"


def page(status: Status, paint: Paint, columns: int | None = None) -> list[str]:
    """Give the whole page; *columns* of the terminal, None where there is none."""
    return list(_Page(status, paint, columns).lines())


def abnormal(status: Status) -> list[str]:
    """Give the names of what an operator should look at."""
    servers = [
        one["name"]
        for one in status["servers"]
        if one["state"] != "Online" or one["drained"] or unheard(one, status)
    ]
    groups = [group["name"] for group in status["groups"] if not _fine(group)]
    monitors = [m["name"] for m in status["monitors"] if m["state"] not in {*_FINE, "Offline"}]
    return [*servers, *groups, *monitors, *guards.abnormal(status)]


def unheard(server: Server, status: Status) -> list[str]:
    """Give the heartbeat paths over which a server that is Online is not heard here."""
    if server["name"] == status["server"] or server["state"] != "Online":
        return []
    return [path["name"] for path in server["heartbeats"] if path["state"] == "Error"]


def rivals(group: Group) -> list[str]:
    """Give the servers that serve the group besides the one with the highest epoch."""
    return [
        name
        for name, server in group["servers"].items()
        if name != group["server"] and server["epoch"] and server["state"] != "Offline"
    ]


def troubles(status: Status, indent: str) -> Iterator[str]:
    """Give each trouble with its next step; first those that last until they are acknowledged."""
    lasting = [trouble for trouble in status["troubles"] if "since" in trouble]
    for trouble in lasting:
        since = said(", since {time}", time=rows.moment(trouble["since"])[:-4])
        yield from _trouble(trouble, indent, since)
    if not all(_ACKNOWLEDGE in words.remedy(trouble) for trouble in lasting):
        yield indent + said("When you have seen to it: {command}", command=_ACKNOWLEDGE)
    for trouble in status["troubles"]:
        if "since" not in trouble:
            yield from _trouble(trouble, indent)


def _trouble(trouble: Because, indent: str, when: str = "") -> Iterator[str]:
    yield f"{indent}{words.sentence(trouble)} [{trouble['key']}{when}]"
    if remedy := words.remedy(trouble):
        yield f"{indent}  " + said("Next step: {step}", step=remedy)


def counted(server: Server) -> list[str]:
    """Give why a server that is not heard counts as stopped, if it does."""
    if server["evidence"] in UNPROVEN:
        return [said("counts as stopped, without proof")]
    if not server["evidence"]:
        return []
    return [said("counts as stopped: {evidence}", evidence=said(server["evidence"]))]


def look(server: MonitorOnServer) -> str:
    """Give what a monitor's last look on one server said."""
    dummy = [said("dummy failure on")] if server["dummy"] else []
    detail = words.plain(server["detail"])
    return "; ".join([*dummy, *([detail] if detail and detail != "dummy failure" else [])])


def undo(monitor: Monitor, status: Status) -> Iterator[str]:
    """Give the commands that end what an operator has done to the monitor."""
    on = monitor["servers"]
    suspended = [name for name, server in on.items() if server["state"] == "Suspend"]
    if status["suspended"]:
        yield from ["clp cluster resume"] if suspended else ()
    elif suspended and len(suspended) == len(on):
        yield f"clp monitor resume {monitor['name']}"
    else:
        yield from (f"clp monitor resume {monitor['name']} --server {each}" for each in suspended)
    for name, server in on.items():
        if server["dummy"]:
            yield f"clp monitor dummy-failure off {monitor['name']} --server {name}"


def _fine(group: Group) -> bool:
    well = group["state"] == "Online" and not group["because"] and not rivals(group)
    return _stopped(group) or well


def _stopped(group: Group) -> bool:
    return group["state"] == "Offline" and group["wanted"] == "stopped"


class _Page:
    """Draws one page."""

    def __init__(self, status: Status, paint: Paint, columns: int | None) -> None:
        self.status = status
        self.paint = paint
        self.columns = columns
        self.width = max([_NAME, *(len(name) + indent for name, indent in self._names())])

    def lines(self) -> Iterator[str]:
        yield from self._cluster()
        if self.status["troubles"]:
            yield self.paint.quiet("<trouble>")
        for line in troubles(self.status, "  "):
            yield from self._loud(line)
        yield from self._protection()
        yield self.paint.quiet("<server>")
        for server in self.status["servers"]:
            yield from self._server(server)
        yield self.paint.quiet("<group>")
        for group in self.status["groups"]:
            yield from self._group(group)
        yield self.paint.quiet("<monitor>")
        for monitor in self.status["monitors"]:
            yield from self._monitor(monitor)
        yield from self._advice()

    def _names(self) -> Iterator[tuple[str, int]]:
        """Give every name with the cells that it is indented by, beyond clpstat's two."""
        for server in self.status["servers"]:
            yield server["name"], 1
            yield from ((heartbeat["name"], 2) for heartbeat in server["heartbeats"])
        for group in self.status["groups"]:
            yield group["name"], 1
            yield from ((f"also on {name}", 2) for name in rivals(group))
            yield from ((resource["name"], 2) for resource in group["resources"])
        yield from ((monitor["name"], 0) for monitor in self.status["monitors"])
        yield from ((guard.name, 0) for guard in guards.found(self.status))

    def _cluster(self) -> Iterator[str]:
        status = self.status
        yield f"Cluster : {self.paint.loud(status['cluster'])}"
        if status["suspended"]:
            text = "SUSPENDED: nothing is watched, recovered or failed over. End it: {command}"
            yield from self._loud("  " + said(text, command="clp cluster resume"))
        if status["phase"] != "online":
            yield from self._row(
                "this server", status["phase"], said(PHASES.get(status["phase"], ""))
            )
        members = ", ".join(status["view"]["members"]) or said("no member")
        view = said("view {number}: {members}", number=status["view"]["counter"], members=members)
        yield from self._row("leader", status["leader"] or said("nobody"), view)
        proven = status["exclusive"] == "guaranteed"
        risk = said("a group can run twice when only the network fails")
        rests = guards.rests_on(status) if proven else risk
        yield from self._row("exclusive", status["exclusive"], rests)
        yield from self._why(status["cut_off"], "  ")
        if status["verification"]:
            text = "recovery is real; leave: {command}"
            leave = said(text, command="clp cluster verification off")
            yield from self._row("verification", "on", leave)

    def _server(self, server: Server) -> Iterator[str]:
        here = "*" if server["name"] == self.status["server"] else " "
        yield from self._head(f"{here}{server['name']}", server["state"], self._heard(server))
        for heartbeat in server["heartbeats"]:
            yield from self._row(heartbeat["name"], heartbeat["state"], indent=4)
        if server["forced_stop"]:
            yield from self._why(server["forced_stop"]["because"])

    def _heard(self, server: Server) -> str:
        """Tell what keeps a server from being Online, as far as it shows."""
        name, heard = server["name"], server["heard_ms_ago"]
        undrain = said("drained; end it: {command}", command=f"clp server undrain {name}")
        notes = [said("a freeze is expected")] if server["freeze"] == "expected" else []
        notes += [undrain] if server["drained"] else []
        if server["state"] == "Offline":
            start = said("start it: {command}", command=f"clp server start {name}")
            return "; ".join([start, *notes])
        if name == self.status["server"] or server["state"] == "Online":
            return "; ".join(notes)
        last = said("not heard yet")
        when = last if heard is None else said("last heard {time} ago", time=ago(heard))
        return "; ".join([when, *counted(server), *notes])

    def _group(self, group: Group) -> Iterator[str]:
        start = said("start it: {command}", command=f"clp group start {group['name']}")
        stopped = start if _stopped(group) else ""
        yield from self._head(f" {group['name']}", group["state"], stopped)
        if group["server"]:
            yield from self._row("current", group["server"], indent=4)
        for resource in group["resources"]:
            yield from self._row(resource["name"], resource["state"], resource["type"], indent=4)
        for name in rivals(group):
            yield from self._row(
                f"also on {name}", group["servers"][name]["state"], said("IT RUNS TWICE"), 4
            )
        yield from self._why(group["because"])

    def _monitor(self, monitor: Monitor) -> Iterator[str]:
        its = said("watches {target}", target=monitor["target"])
        watches = its if monitor["target"] else ""
        yield from self._row(monitor["name"], monitor["state"], watches)
        for name, server in monitor["servers"].items():
            if server["dummy"] or monitor["state"] not in {"Normal", "Offline", "Unused"}:
                yield from self._row(f"on {name}", server["state"], look(server), indent=4)
        for command in [] if self.status["suspended"] else undo(monitor, self.status):
            yield from self._loud("      " + said("End it: {command}", command=command))

    def _advice(self) -> Iterator[str]:
        if self.status["phase"] == "offline":
            text = "The cluster service is stopped here. Start it: {command}"
            yield from self._wrapped(said(text, command="clp server start"))
            if all(server["state"] == "Offline" for server in self.status["servers"]):
                text = "No server runs it. Start it on all of them: {command}"
                yield from self._wrapped(said(text, command="clp cluster start"))
        elif found := abnormal(self.status):
            text = "Not normal: {names}. Reasons and next steps: {command}"
            told = said(text, names=", ".join(found), command="clp why")
            yield from self._wrapped(told)

    def _head(self, name: str, state: str, comment: str = "") -> Iterator[str]:
        """Draw a server or group: its name is padded with dots, as clpstat does."""
        dots = self.paint.quiet(" " + "." * (self.width - len(name)))
        return self._line(f" {name}{dots}", state, comment)

    def _row(self, name: str, state: str, comment: str = "", indent: int = 2) -> Iterator[str]:
        return self._line(f"{' ' * indent}{name:<{self.width + 2 - indent}}", state, comment)

    def _line(self, head: str, state: str, comment: str) -> Iterator[str]:
        """Draw a line; on a narrow terminal its comment goes on below itself, or below the line."""
        if not comment:
            yield f"{head}: {self.paint.state(state)}"
            return
        begin = self.width + 4 + _STATE + 1
        room = None if self.columns is None else self.columns - begin
        below = room is not None and room < min(_NARROWEST, cells(comment) + 1)
        first, *rest = wrap(comment, " " * (_BELOW if below else begin), self.columns)
        if below:
            yield f"{head}: {self.paint.state(state)}"
            rest = [first, *rest]
        else:
            yield f"{head}: {self.paint.state(state, _STATE)} {self.paint.quiet(first[begin:])}"
        yield from map(self.paint.quiet, rest)

    def _why(self, because: Because | None, indent: str = "      ") -> Sequence[str]:
        if not because:
            return ()
        return self._loud(f"{indent}{words.sentence(because)} [{because['key']}]")

    def _protection(self) -> Iterator[str]:
        found = guards.found(self.status)
        if found:
            yield self.paint.quiet("<protection>")
        for guard in found:
            yield from self._row(guard.name, guard.state, guard.comment())
            for name, there in guard.troubled():
                yield from self._row(name, there["state"], words.plain(there["detail"]), 4)
            for newest in itertools.islice(guard.past(), 1):
                yield from map(self.paint.quiet, self._wrapped(f"    {newest}"))

    def _loud(self, text: str) -> list[str]:
        return [self.paint.loud(line) for line in self._wrapped(text)]

    def _wrapped(self, text: str) -> Iterable[str]:
        bare = text.lstrip()
        return wrap(bare, " " * (len(text) - len(bare)), self.columns, hang="  ")


PHASES: Final = {
    "starting": "looking for the other servers, and probing what runs",
    "leaving": "stopping its groups, to leave",
    "offline": "the agent runs, the cluster service is stopped",
    "dying": "asked this machine to stop",
}


def ago(ms: int) -> str:
    """Give a duration as people say it."""
    if ms < 1_000:  # noqa: PLR2004 - a second
        return f"{ms} ms"
    if ms < 120_000:  # noqa: PLR2004 - two minutes
        return f"{ms / 1_000:.1f} s"
    return f"{ms // 60_000} min"
