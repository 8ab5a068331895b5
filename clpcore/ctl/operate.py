"""Asks the agent for an operation, shows how far it is, and tells how it ended."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from clpcore.ctl import control, words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.screen import Line

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Because, Status

_GRACE = 2.0  # seconds beyond the operator's patience, in which the agent itself says "not yet"
# Refusals that do not say how it ended: given up waiting, the server that decided is silent, the
# leader has changed.
_NOBODY_KNOWS = {"op12", "op13", "op14"}
_FOLLOW = "follow it with `clp status --watch`"


def operate(args: Namespace, op: Mapping[str, object], done: str, group: str = "") -> Exit:
    """Ask for *op* and wait for its end.

    Args:
        args: with ``wait`` and ``json``.
        op: a class of ``model.requests`` by its name, as ``is``, and its fields.
        done: what is then so, as a sentence without its full stop.
        group: whose progress is shown; without one, that of everything that is on its way.

    Raises:
        Failure: refused, failed, or not known to have ended in time.

    """
    began = time.monotonic()
    try:
        reply = _reply(op, args.wait, began, group)
    except control.Lost as lost:
        text = f"{lost.text}: whether it was done is unknown"
        raise Failure(Exit.UNKNOWN, text, "see `clp status`") from None
    except KeyboardInterrupt:
        text = "interrupted; what was asked for goes on"
        raise Failure(Exit.INTERRUPTED, text, _FOLLOW) from None
    ms = int((time.monotonic() - began) * 1_000)
    code = _code(reply, args.wait)
    if code is not Exit.DONE:
        raise _failure(code, reply, args.wait)
    if args.json:
        print(json.dumps({"ok": True, "exit": code, "request": reply.get("request"), "ms": ms}))
    else:
        print(f"{done} ({ms / 1_000:.2f} s)." if args.wait else f"Asked for; {_FOLLOW}.")
    return code


def _reply(op: Mapping[str, object], wait: float, began: float, group: str) -> control.Reply:
    """Ask and wait, drawing meanwhile how far it is if there is a terminal."""
    request = {"do": "ask", "op": op, "wait": int(wait * 1_000)}
    deadline = began + max(wait, control.ANSWER_WITHIN) + _GRACE
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(Line())
        watch = control.Connection({"do": "watch"}) if line.shown else None
        if watch:
            stack.enter_context(watch)
        asked = stack.enter_context(control.Connection(request))
        while (now := time.monotonic()) < deadline:
            ready = control.wait(min(deadline, now + 1.0), *filter(None, (asked, watch)))
            if asked in ready:
                for reply in asked.receive():
                    return reply
            if watch and watch in ready:
                for reply in watch.receive():
                    line.draw(f"{now - began:4.1f} s  {progress(reply['status'], group)}")
    return {"ok": False, "pending": True}


def progress(status: Status, group: str) -> str:
    """Give in one line how far *group* is, or whatever is on its way."""
    parts = []
    for one in status["groups"]:
        if one["name"] == group or (not group and "Pending" in one["state"]):
            where = f" on {one['server']}" if one["server"] else ""
            resources = ", ".join(f"{r['name']} {r['state']}" for r in one["resources"])
            parts.append(f"{one['name']} {one['state']}{where}: {resources}")
    servers = [one for one in status["servers"] if not group and "Pending" in one["state"]]
    return "; ".join([*(f"{one['name']} {one['state']}" for one in servers), *parts])


def _code(reply: control.Reply, wait: float) -> Exit:
    if reply.get("pending"):
        return Exit.UNKNOWN if wait else Exit.DONE
    if reply.get("ok"):
        return Exit.DONE
    keys = {one["key"] for one in reply.get("because", ())}
    return Exit.UNKNOWN if keys & _NOBODY_KNOWS else Exit.REFUSED


def _failure(code: Exit, reply: control.Reply, wait: float) -> Failure:
    if reply.get("pending"):
        return Failure(code, f"not ended within {wait:g} s; it goes on", _FOLLOW)
    because: list[Because] = reply.get("because", [])
    text = "; ".join(f"{words.sentence(one)} [{one['key']}]" for one in because)
    remedy = next(filter(None, map(words.remedy, because)), "")
    return Failure(
        code,
        text or str(reply.get("error") or "the agent refused without a reason"),
        remedy or str(reply.get("remedy") or ""),
        because,
    )
