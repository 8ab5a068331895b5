"""Asks the agent for an operation, shows how far it is, and tells how it ended."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from clpcore.ctl import control, words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.screen import Line

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Because, Status

GRACE = 2.0  # seconds beyond the operator's patience, in which the agent itself says "not yet"
_AGENT_BACK = 30.0  # seconds that an agent may take to start anew
_LOOK_EVERY = 0.1  # seconds
# Refusals that do not say how it ended: given up waiting, the server that decided is silent, the
# leader has changed.
_NOBODY_KNOWS = {"op12", "op13", "op14"}
FOLLOW = "follow it with `clp status --watch`"


def operate(
    args: Namespace,
    op: Mapping[str, object],
    done: str,
    *,
    group: str = "",
    joins: str = "",
    place: Callable[[], str] | None = None,
) -> Exit:
    """Ask for *op* and wait for its end.

    Args:
        args: with ``wait`` and ``json``.
        op: a class of ``model.requests`` by its name, as ``is``, and its fields.
        done: what is then so, as a sentence without its full stop.
        group: whose progress is shown; without one, that of everything that is on its way.
        joins: the server that must then be Online; its agent may start anew meanwhile.
        place: asked at the end for the server where it is done, empty if that is not known;
            *done* then ends with the word before it.

    Raises:
        Failure: refused, failed, or not known to have ended in time.

    """
    began = time.monotonic()
    reply = carry_out(op, args.wait, group=group, joins=joins)
    ms = int((time.monotonic() - began) * 1_000)
    because: list[Because] = reply.get("because", [])
    server = place() if place and args.wait else ""
    if server:
        done += f" {server}"
    elif place:
        done = done.rpartition(" ")[0]
    if args.json:
        told = {"ok": True, "exit": Exit.DONE, "request": reply.get("request"), "ms": ms}
        told |= {"server": server} if server else {}
        print(json.dumps({**told, "because": because} if because else told))
    else:
        for one in because:  # what is done, but not as it was meant
            print(f"clp: {words.plain(words.sentence(one))} [{one['key']}]", file=sys.stderr)
        print(f"{done} ({ms / 1_000:.2f} s)." if args.wait else f"Asked for; {FOLLOW}.")
    return Exit.DONE


def carry_out(
    op: Mapping[str, object], wait: float, *, group: str = "", joins: str = ""
) -> control.Reply:
    """Ask for *op* and wait so many seconds for its end, or with 0 only ask; give the reply.

    Raises:
        Failure: refused, failed, or not known to have ended in time.

    """
    began = time.monotonic()
    try:
        reply = _asked(op, wait, group, may_vanish=bool(joins))
        if joins and wait and reply.get("ok"):
            until_online(joins, began, wait)
    except KeyboardInterrupt:
        text = "interrupted; what was asked for goes on"
        raise Failure(Exit.INTERRUPTED, text, FOLLOW) from None
    if failure := failure_of(reply, wait):
        raise failure
    return reply


def tell_nothing(args: Namespace, why: str, remedy: str) -> Exit:
    """Say that all is as it was asked for already, so that nothing is asked of the agent."""
    if args.json:
        told = {"ok": True, "exit": Exit.DONE, "changed": False, "because": why, "remedy": remedy}
        print(json.dumps(told))
    else:
        print(f"Nothing changes: {why}.")
        if remedy:
            print(f"  {remedy}")
    return Exit.DONE


def _asked(op: Mapping[str, object], wait: float, group: str, *, may_vanish: bool) -> control.Reply:
    """Give the reply. *may_vanish*: the agent may start anew before it has answered.

    Raises:
        Failure: the agent vanished.

    """
    try:
        return _reply(op, wait, group)
    except control.Lost as lost:
        if may_vanish:
            return {"ok": True}
        text = f"{lost.text}: whether it was done is unknown"
        raise Failure(Exit.UNKNOWN, text, "see `clp status`") from None


def _reply(op: Mapping[str, object], wait: float, group: str) -> control.Reply:
    """Ask and wait, drawing meanwhile how far it is if there is a terminal."""
    request = {"do": "ask", "op": op, "wait": int(wait * 1_000)}
    began = time.monotonic()
    deadline = began + max(wait, control.ANSWER_WITHIN) + GRACE
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


def until_online(server: str, began: float, wait: float) -> None:
    """Wait until *server* is Online, also while no agent answers here for a while.

    Raises:
        Failure: it was not in time, or the agent stayed away.

    """
    with Line() as line:
        heard = began
        while True:
            now = time.monotonic()
            try:
                state = _state_of(server)
                heard = now
            except Failure as failure:
                if now - heard > _AGENT_BACK:
                    text = f"{failure.text}: whether {server} is Online is unknown"
                    raise Failure(Exit.UNKNOWN, text, failure.remedy) from None
                state = "starts anew"
            if state == "Online":
                return
            if now - began > wait:
                text = f"{server} is not Online within {wait:g} s; it goes on"
                raise Failure(Exit.UNKNOWN, text, f"clp why {server}")
            line.draw(f"{now - began:4.1f} s  {server} {state}")
            time.sleep(_LOOK_EVERY)


def _state_of(server: str) -> str:
    states = {one["name"]: one["state"] for one in control.ask(do="status")["status"]["servers"]}
    return str(states[server])


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


def failure_of(reply: control.Reply, wait: float) -> Failure | None:
    """Give why what was asked for is not done, or not known to be; None: it is done."""
    code = _code(reply, wait)
    return None if code is Exit.DONE else _failure(code, reply, wait)


def _code(reply: control.Reply, wait: float) -> Exit:
    if reply.get("pending"):
        return Exit.UNKNOWN if wait else Exit.DONE
    if reply.get("ok"):
        return Exit.DONE
    keys = {one["key"] for one in reply.get("because", ())}
    return Exit.UNKNOWN if keys & _NOBODY_KNOWS else Exit.REFUSED


def _failure(code: Exit, reply: control.Reply, wait: float) -> Failure:
    if reply.get("pending"):
        return Failure(code, f"not ended within {wait:g} s; it goes on", FOLLOW)
    because: list[Because] = reply.get("because", [])
    text = "; ".join(f"{words.sentence(one)} [{one['key']}]" for one in because)
    remedy = next(filter(None, map(words.remedy, because)), "")
    return Failure(
        code,
        text or str(reply.get("error") or "the agent refused without a reason"),
        remedy or str(reply.get("remedy") or ""),
        because,
    )
