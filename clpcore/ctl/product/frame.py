"""The frames, columns and letters of ``clpstat``, as scripts know them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from clpcore.ctl.document import Status

_WIDE: Final = 69  # signs of a rule
_LEFT: Final = {"CLUSTER STATUS": 24}  # signs before a title that clpstat does not centre
RULE: Final = "  " + "-" * 68
NAME: Final = 16  # cells for a name
LONG: Final = 33  # with --long
_STATE: Final = 16
_LETTERS: Final = {
    "Online": "o",
    "Normal": "o",
    "Caution": "o",
    "Offline": "x",
    "Online Pending": "u",
    "Offline Pending": "u",
    "Error": "e",
    "Online Failure": "e",
    "Offline Failure": "e",
}


def framed(title: str, lines: Iterable[str]) -> str:
    """Put *lines* under a rule with a title, and a rule below."""
    free = _WIDE - len(title) - 4
    left = _LEFT.get(title, free // 2)
    head = f" {'=' * left}  {title}  {'=' * (free - left)}"
    return "\n".join([head, *lines, f" {'=' * _WIDE}"])


def letter(state: str) -> str:
    """Give the sign of a server's or group's state: o, x, u on its way, e failed, - unknown."""
    return _LETTERS.get(state, "-")


def legend(status: Status) -> Iterator[str]:
    """Give the cluster's name, and the numbers that servers go by below; * is this one."""
    yield f"  Cluster : {plain(status['cluster'])}"
    for number, server in enumerate(status["servers"]):
        mark = "*" if server["name"] == status["server"] else " "
        yield f"   {mark}server{number} : {server['name']}"


class Columns:
    """Rows of name and state, with the colons below each other."""

    def __init__(self, *, long: bool) -> None:
        """Make the column of names as wide as usual, or *long*."""
        self._wide = LONG if long else NAME

    def head(self, name: str, state: str, comment: str = "", *, mark: str = " ") -> str:
        """Draw a server or a group: its name is padded with dots."""
        cut = name[: self._wide]
        return f"   {mark}{f'{cut} ':.<{self._wide + 1}}: {_said(state, comment)}"

    def row(self, name: str, state: str, comment: str = "", *, indent: int = 4) -> str:
        """Draw what belongs to it, or with *indent* 4 what stands alone."""
        room = self._wide + 4 - indent
        return f"{' ' * indent}{name[:room]:<{room}} : {_said(state, comment)}"


def _said(state: str, comment: str) -> str:
    return f"{state:<{_STATE}} {plain(comment)}" if comment else state
