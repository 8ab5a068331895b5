"""The names that the status document knows, and what was probably meant by another one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from clpcore.ctl.document import Status

# Whole sentences: no language but English puts them together by words.
_NO: Final = {
    "server": "there is no server {name}",
    "group": "there is no group {name}",
    "resource": "there is no resource {name}",
    "monitor": "there is no monitor {name}",
    "alert": "there is no alert {name}",
    "thing": "nothing is called {name}",
}


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
    there = said("there are: {names}", names=", ".join(known))
    there = there if known else said("the configuration has none at all")
    text = said(_NO[kind], name=repr(name)) if kind in _NO else f"there is no {kind} {name!r}"
    raise Failure(Exit.REFUSED, text, meant(name, known) or there)


def meant(name: str, known: Iterable[str]) -> str:
    """Give the question whether a similar *known* one was meant, or an empty text."""
    near = nearest(name, known)
    return said("did you mean {name}?", name=repr(near)) if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the *known* one that is like *name*, or an empty text."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")
