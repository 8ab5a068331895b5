"""The pages of ``clpstat`` with a server in each line: groups, monitors, heartbeats, fencing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from clpcore.ctl.product.frame import RULE, framed, legend, letter

if TYPE_CHECKING:
    from clpcore.ctl.document import Fencing, Group, Monitor, Np, Server, Status


def groups(status: Status) -> str:
    """Give the group map: which groups each server runs; a group that runs nowhere is not there."""
    return framed("GROUPMAP INFORMATION", _groups(status))


def _groups(status: Status) -> Iterator[str]:
    yield from legend(status)
    yield RULE
    for number, server in enumerate(status["servers"]):
        runs = [group for group in status["groups"] if _is_on(group, server["name"])]
        there = " ".join(f"{group['name']}[{letter(group['state'])}]" for group in runs)
        yield f"    server{number} [{letter(server['state'])}] : {there}".rstrip()


def _is_on(group: Group, server: str) -> bool:
    return group["server"] == server and group["state"] != "Offline"


def monitors(status: Status) -> str:
    """Give each monitor's state, then what it says on each server."""
    return framed("MONITOR RESOURCE STATUS", _monitors(status))


def _monitors(status: Status) -> Iterator[str]:
    yield from legend(status)
    for number, monitor in enumerate(status["monitors"]):
        yield ""
        yield f"   Monitor{number} : [{monitor['name']} : {monitor['state']}]"
        yield RULE
        for place, server in enumerate(status["servers"]):
            sign, state = letter(server["state"]), _on(monitor, server)
            yield f"    server{place} [{sign}] : {state}"


def _on(monitor: Monitor, server: Server) -> str:
    """Give a monitor's state on a server: of one that is not heard, nobody knows it."""
    there = monitor["servers"].get(server["name"])
    if there:
        return there["state"]
    return "Offline" if server["state"] == "Offline" else "Unknown"


def heartbeats(status: Status) -> str:
    """Give what is heard on each path; of the other servers' ears only they themselves know."""
    return framed("HEARTBEAT RESOURCE STATUS", _heartbeats(status))


def _heartbeats(status: Status) -> Iterator[str]:
    yield from legend(status)
    yield ""
    paths = range(max((len(server["heartbeats"]) for server in status["servers"]), default=0))
    for path, heartbeat in enumerate(status["servers"][0]["heartbeats"]):
        yield f"    HB{path} : {heartbeat['name']}"
    for server in status["servers"]:
        mine = server["name"] == status["server"]
        yield ""
        yield f"  [on {server['name']} : {server['state']}]"
        yield "           HB" + "".join(f"{path:>4}" for path in paths)
        yield RULE
        for number, other in enumerate(status["servers"]):
            hear = _heard if mine else _unknown
            cells = "".join(f"{hear(status, other, path):>4}" for path in paths)
            yield f"    server{number} : {cells}"


def _heard(status: Status, server: Server, path: int) -> str:
    """Give o heard, x not heard, - nobody knows or nobody listens."""
    state = server["heartbeats"][path]["state"]
    if state in {"Offline", "Unused", "Unknown"}:
        return "-"
    return "x" if state == "Error" and server["name"] != status["server"] else "o"


def _unknown(_status: Status, _server: Server, _path: int) -> str:
    return "-"


def fencing(status: Status) -> str:
    """Give whether NP resolution answers, and who could be stopped by force from where."""
    return framed("FENCING STATUS", _fencing(status))


def _fencing(status: Status) -> Iterator[str]:
    yield from legend(status)
    yield ""
    columns = [*_columns("NP", status["np"]), *_columns("FST", status["fencing"])]
    if not columns:
        yield "    no forced stop resource"
        return
    for column in columns:
        yield f"    {column.head.replace(' ', '')} : {column.entry['name']}"
    for server in status["servers"]:
        yield ""
        yield f"  [on {server['name']} : {server['state']}]"
        yield "            " + "".join(f"{column.head:>7}" for column in columns)
        yield RULE
        mine = server["name"] == status["server"]  # what others find out, only they know
        for number, other in enumerate(status["servers"]):
            cells = [_found(column, other["name"]) if mine else "-" for column in columns]
            yield f"    server{number} : " + "".join(f"{cell:>7}" for cell in cells)


class _Column(NamedTuple):
    """One way of NP resolution, or of forced stop."""

    head: str
    entry: Np | Fencing


def _columns(word: str, entries: Sequence[Np | Fencing]) -> list[_Column]:
    return [_Column(f"{word} {number}", entry) for number, entry in enumerate(entries)]


def _found(column: _Column, server: str) -> str:
    """Give o it answers or could be stopped, x it does not, - nobody knows or nobody asks."""
    there = column.entry["servers"].get(server)
    state = there["state"] if there else "Unknown"
    return {"Normal": "o", "Error": "x"}.get(state, "-")
