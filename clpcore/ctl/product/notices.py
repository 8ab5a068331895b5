"""Notices for a message-receive monitor (mrw), which the agent of its server keeps."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Final

from clpcore.ctl import control, names
from clpcore.ctl.ends import Exit, Failure

if TYPE_CHECKING:
    from clpcore.ctl.document import Status

_TYPE: Final = "mrw"
_KEY: Final = re.compile(r"([\w-]{1,100})(?:\.([\w-]{1,100}))?", re.ASCII)

Key = tuple[str, str]  # category, keyword or an empty text


def key(text: str) -> Key:
    """Read ``CATEGORY`` or ``CATEGORY.KEYWORD``."""
    found = _KEY.fullmatch(text)
    if not found:
        why = f"{text!r} is no category or category.keyword: letters, digits, - and _"
        raise argparse.ArgumentTypeError(why)
    return found[1], found[2] or ""


def ask(status: Status, monitor: str, server: str, what: Key | None, *, clear: bool) -> None:
    """Let *server* give its *monitor* a notice, or take notices back: *what* of them, or all.

    Raises:
        Failure: the monitor receives none, or the server did not do it.

    """
    names.monitor(status, monitor)
    its = next(each for each in status["monitors"] if each["name"] == monitor)
    if its["type"] != _TYPE:
        text = f"{monitor} is of type {its['type']}, which receives no notices"
        raise Failure(Exit.REFUSED, text, f"name a monitor of type {_TYPE}")
    category, keyword = what or ("", "")
    control.ask(
        do="notice",
        server=server,
        monitor=monitor,
        category=category,
        keyword=keyword,
        clear=clear,
    )
