"""`clp config apply` and `rollback`: on all servers, or on none; the plan comes first."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from clpcore.ctl import config_offline, control, words
from clpcore.ctl.config_revisions import agree, plan_lines
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.operate import tell_nothing
from clpcore.ctl.parsing import Parser, Verb, whole_text
from clpcore.ctl.screen import Line

if TYPE_CHECKING:
    from argparse import Namespace

VERB = Verb(
    "apply",
    "Apply conf.d and scripts of this server on all servers: every one checks them as it would use "
    "them, then all commit, or nobody. What restarts is said before it happens.",
    service="it goes on while agents start again; groups whose resources or scripts change are "
    "stopped before and started after. The plan names them, and nothing begins before you agree.",
    example="""
        clp config apply --dry-run
        clp config apply --comment "a faster monitor"
        clp config apply --yes --without node2     node2 has left, and adopts when it comes
        clp config apply --offline                 the agent here cannot start as it is
    """,
    after="`clp config history` shows the new revision; `clp config rollback NUMBER` goes back.",
)
ROLLBACK = Verb(
    "rollback",
    "Apply a kept revision once more, as a new one; conf.d and scripts in /etc/clpcore follow if "
    "they were not edited.",
    service="as with `clp config apply`: the plan names the groups that are restarted.",
    example="""
        clp config history
        clp config rollback 3
        clp config rollback 3 --offline            the agent here cannot start as it is
    """,
    after="`clp config history` shows the new revision with the old digest.",
)

_AGENTS_BACK = 60.0  # seconds until the agents must show the new revision
_LOOK_EVERY = 0.1  # seconds


def arguments(parser: Parser, *, source: bool = False) -> None:
    """Add its own."""
    if source:
        help_ = "as `clp config history` has it: its number, or the beginning of its digest"
        parser.add_argument("source", metavar="NUMBER", help=help_)
    parser.add_argument("--dry-run", action="store_true", help="check everywhere, change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    help_ = "why, for the history"
    parser.add_argument("--comment", type=whole_text, default="", metavar="TEXT", help=help_)
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SERVER",
        help="a server that is not connected; it adopts the revision when it comes",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="also if nobody knows that a missing or removed server is stopped, and whatever the "
        "others have",
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="on this server alone, where no agent runs; the others adopt it when they hear it",
    )


def run(args: Namespace) -> Exit:
    """Show the plan, ask, apply, and wait until every server runs it."""
    if getattr(args, "offline", False):
        return config_offline.run(args)
    wish = {
        "do": "apply",
        "source": getattr(args, "source", ""),
        "without": args.without,
        "force": args.force,
        "comment": args.comment,
    }
    began = time.monotonic()
    told: dict[str, Any] = {}
    if not args.yes or args.dry_run:
        told = _asked({**wish, "dry": True})
        if told["same"]:
            return tell_nothing(args, f"it is revision {told['revision']} already", "")
        if args.dry_run:
            return _tell(args, told, began)
        agree(told["changes"], "Apply it on all servers?")
        began = time.monotonic()
    told = _asked({**wish, "dry": False, "digest": told.get("digest", "")})
    if told["same"]:
        return tell_nothing(args, f"it is revision {told['revision']} already", "")
    late, homes = _until_all_run(told)
    return _tell(args, told, began, late, homes)


def _asked(request: Mapping[str, object]) -> dict[str, Any]:
    """Give what the agent did; Ctrl-C before the commit lets it abandon everything."""
    try:
        with Line() as line:
            began = time.monotonic()

            def draw(step: Mapping[str, Any]) -> None:
                line.draw(f"{time.monotonic() - began:4.1f} s  {_progress(step)}")

            reply = long_reply(request, draw)
    except control.Lost as lost:
        text = f"{lost.text}: whether it was applied is unknown"
        raise Failure(Exit.UNKNOWN, text, "see `clp config history`") from None
    if not reply.get("ok"):
        raise refused(reply)
    applied: dict[str, Any] = reply["applied"]
    return applied


def _progress(step: Mapping[str, Any]) -> str:
    if step["step"] == "stop":
        return f"stops group {step['group']}"
    doing = "committing" if step["step"] == "commit" else "checking"
    return f"{', '.join(step['servers'])}: {doing}"


def long_reply(
    request: Mapping[str, object], draw: Callable[[Mapping[str, Any]], None]
) -> control.Reply:
    """Give the reply to a request that may take long; *draw* shows how far it is."""
    with control.Connection(request) as connection:
        while True:
            control.wait(None, connection)
            for reply in connection.receive():
                if "progress" not in reply:
                    return reply
                draw(reply["progress"])


class Refusal(Failure):
    """A refusal with what each server said."""

    servers: Mapping[str, Any] = {}

    def as_json(self) -> dict[str, object]:
        """Give it as machines read it."""
        return {**super().as_json(), "servers": self.servers}


def refused(reply: control.Reply) -> Failure:
    """Give the failure for a refusal of the agent; what servers found is printed before it."""
    because = reply.get("because", [])
    servers = reply.get("servers", {})
    text = "; ".join(map(words.sentence, because)) or str(reply.get("error"))
    remedy = next(filter(None, map(words.remedy, because)), "") or str(reply.get("remedy") or "")
    for name, said in servers.items():
        print(*_said(name, said), sep="\n", file=sys.stderr)
    found = any(said["findings"] for said in servers.values())
    failure = Refusal(Exit.BAD_CONFIG if found else Exit.REFUSED, text, remedy, because)
    failure.servers = servers
    return failure


def _said(server: str, said: Mapping[str, Any]) -> list[str]:
    """Give the lines of what one server said."""
    lines = [f"{server}: {words.sentence(said['because'])}"] if said["because"] else []
    for finding in said["findings"]:
        place = f"{finding['file']}:{finding['line']}: " if finding["file"] else ""
        key = f"{finding['key']}: " if finding["key"] else ""
        lines.append(words.plain(f"{server}: {place}{key}{finding['what']}"))
        if finding["remedy"]:
            lines.append(words.plain(f"  {finding['remedy']}"))
    return lines


def _until_all_run(told: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Wait until all servers run it, and the groups that were stopped.

    Gives what is late, with its state, and where the groups are. Those that are on their way are
    waited for; Ctrl-C ends only the waiting.
    """
    began = time.monotonic()
    deadline, late = began + _AGENTS_BACK, dict.fromkeys(told["servers"], "")
    homes: dict[str, str] = {}
    with Line() as line:
        while late and (now := time.monotonic()) < deadline:
            late, homes = _late(told)
            if any("Pending" in state for state in late.values()):
                deadline = now + _AGENTS_BACK
            parts = (f"{name}: {state or 'starts again with it'}" for name, state in late.items())
            line.draw(f"{now - began:4.1f} s  {'; '.join(parts)}")
            time.sleep(_LOOK_EVERY if late else 0)
    return late, homes


def _late(told: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Give what does not run it yet, with its state, and where each group is."""
    try:
        status = control.ask(do="status")["status"]
    except Failure:  # the agent here starts again
        return dict.fromkeys(told["servers"], ""), {}
    revisions = status.get("revisions", {})
    servers = {one["name"]: one["state"] for one in status["servers"]}
    groups = {one["name"]: one for one in status["groups"]}
    late = {
        name: ""
        for name in told["servers"]
        if name in servers
        and (revisions.get(name) != told["revision"] or "Pending" in servers[name])
    }
    states = {name: groups.get(name, {}).get("state", "gone") for name in told["restarted"]}
    late |= {f"group {name}": state for name, state in states.items() if state != "Online"}
    return late, {name: one.get("server") for name, one in groups.items()}


def _tell(
    args: Namespace,
    told: Mapping[str, Any],
    began: float,
    late: Mapping[str, str] | None = None,
    homes: Mapping[str, str] | None = None,
) -> Exit:
    ms = int((time.monotonic() - began) * 1_000)
    code = Exit.UNKNOWN if late else Exit.DONE
    if args.json:
        print(
            json.dumps({"ok": not late, "exit": code, **told, "late": list(late or ()), "ms": ms})
        )
        return code
    print(*plan_lines(told["changes"]), sep="\n")
    servers = ", ".join(told["servers"])
    if told["dry"]:
        print(f"Can be applied on {servers} ({ms / 1_000:.2f} s). Nothing was changed.")
        return code
    for name, because in told.get("failed", {}).items():
        print(f"{name}: {words.sentence(because)}\n  {words.remedy(because)}", file=sys.stderr)
    if late:
        whom = ", ".join(f"{name} ({state})" if state else name for name, state in late.items())
        what = f"revision {told['revision']} is committed, but {whom} does not run it yet"
        raise Failure(code, what, "follow it with `clp status --watch` and `clp log`")
    print(*_moved(told, homes or {}), sep="\n", end="")
    print(f"Revision {told['revision']} is on {servers} ({ms / 1_000:.2f} s).")
    return code


def _moved(told: Mapping[str, Any], homes: Mapping[str, str]) -> list[str]:
    """Give a line for the groups that were started again, and one for those that were stopped."""
    again = [f"{name} on {homes[name]}" for name in told["restarted"] if homes.get(name)]
    lines = [f"Stopped and started again: {', '.join(again)}."] if again else []
    if stopped := told.get("stopped"):
        lines.append(f"Stopped, as the configuration has them no more: {', '.join(stopped)}.")
    return [*lines, ""] if lines else []
