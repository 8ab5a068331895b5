"""Asks the agent for one operation on each of several groups, and tells how each of them ended."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from clpcore.ctl import control, operate
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace

_AT_ONCE: Final = 16  # operations under way; the agent takes 32 clients


def operate_all(args: Namespace, ops: Mapping[str, Mapping[str, object]], done: str) -> Exit:
    """Ask for all of *ops*, by group, many at once: groups may wait for each other.

    A group that fails does not keep the others from it; the exit code is the first failure's.

    Args:
        args: with ``wait`` and ``json``.
        ops: what is asked of each group; never empty.
        done: what is then so of a group, without its name and the full stop.

    """
    code = Exit.DONE
    try:
        for group, seconds, failure in ends(ops, args.wait):
            if failure is not None and code is Exit.DONE:
                code = failure.code
            _tell(args, group, seconds, failure, done)
    except KeyboardInterrupt:
        text = "interrupted; what was asked for goes on"
        raise Failure(Exit.INTERRUPTED, text, operate.FOLLOW) from None
    return code


def ends(
    ops: Mapping[str, Mapping[str, object]], wait: float
) -> Iterator[tuple[str, float, Failure | None]]:
    """Give each group as its operation ends, after how many seconds, and why it failed."""
    began = time.monotonic()
    deadline = began + max(wait, control.ANSWER_WITHIN) + operate.GRACE
    todo = dict(ops)
    with contextlib.ExitStack() as stack:
        waiting: dict[control.Connection | int, str] = {}
        while todo or waiting:
            for group in list(todo)[: _AT_ONCE - len(waiting)]:
                request = {"do": "ask", "op": todo.pop(group), "wait": int(wait * 1_000)}
                waiting[stack.enter_context(control.Connection(request))] = group
            ready = control.wait(deadline, *waiting)
            ended = ready or list(waiting)
            for connection in ended:
                group = waiting.pop(connection)
                reply = _reply(connection) if ready else {"ok": False, "pending": True}
                if reply is None:
                    waiting[connection] = group
                    continue
                failure = reply if isinstance(reply, Failure) else operate.failure_of(reply, wait)
                yield group, time.monotonic() - began, failure


def _reply(connection: control.Connection | int) -> control.Reply | Failure | None:
    """Give the reply; None while it is not whole."""
    if isinstance(connection, int):
        raise TypeError("only connections are waited for")
    try:
        replies = connection.receive()
    except control.Lost as lost:
        text = f"{lost.text}: whether it was done is unknown"
        return Failure(Exit.UNKNOWN, text, "see `clp status`")
    if not replies:
        return None
    connection.close()
    return replies[0]


def _tell(args: Namespace, group: str, seconds: float, failure: Failure | None, done: str) -> None:
    if args.json:
        well = {"ok": True, "exit": Exit.DONE, "ms": int(seconds * 1_000)}
        print(json.dumps({"group": group, **(failure.as_json() if failure else well)}), flush=True)
    elif failure is not None:
        print(f"clp: {plain(failure.text)}", file=sys.stderr)
        if failure.remedy:
            print(f"     {plain(failure.remedy)}", file=sys.stderr)
    elif args.wait:
        print(f"Group {group} {done} ({seconds:.2f} s).", flush=True)
    else:
        print(f"Group {group}: asked for; {operate.FOLLOW}.", flush=True)
