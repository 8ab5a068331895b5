"""The names that the status document knows, and what was probably meant by another one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit, Failure

if TYPE_CHECKING:
    from clpcore.ctl.document import Status


def group(status: Status, name: str) -> str:
    """Give *name* on if there is such a group."""
    return check("group", name, [group["name"] for group in status["groups"]])


def monitor(status: Status, name: str) -> str:
    """Give *name* on if there is such a monitor."""
    return check("monitor", name, [monitor["name"] for monitor in status["monitors"]])


def server(status: Status, name: str) -> str:
    """Give *name* on if there is such a server."""
    return check("server", name, [server["name"] for server in status["servers"]])


def check(kind: str, name: str, known: Iterable[str]) -> str:
    """Give *name* on if it is *known*.

    Raises:
        Failure: it is not; the remedy names what was probably meant.

    """
    known = list(known)
    if name in known:
        return name
    there = f"there are: {', '.join(known)}" if known else "the configuration has none at all"
    raise Failure(Exit.REFUSED, f"there is no {kind} {name!r}", meant(name, known) or there)


def meant(name: str, known: Iterable[str]) -> str:
    """Give the question whether a similar *known* one was meant, or an empty text."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the *known* one that is like *name*, or an empty text."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")
