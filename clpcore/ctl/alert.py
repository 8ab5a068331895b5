"""`clp alert`: shows where messages go beside the journal, and tries it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from clpcore.ctl import names, words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.screen import paint_for
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.model.alerts import Alert
    from clpcore.model.config import ClusterConfig
    from clpcore.runtime.alerts.message import Message
    from clpcore.runtime.places import Whereabouts

# Of this server's messages since the alert was made, by their key in JSON.
_COUNTS: Final = {"sent": "{n} sent", "given_up": "{n} given up", "waiting": "{n} waiting"}
_LIST = Verb(
    "list",
    "Show the alerts of the configuration here: how many kinds of message each sends, and how many "
    "messages of this server it has sent and given up since it was made, and how many wait.",
    service="nothing happens to it; this only looks.",
    example="clp alert list",
    after="`clp alert test NAME`. What an agent cannot send is told by `clp status`.",
)
_TEST = Verb(
    "test",
    "Send a test message through one alert, now and from this process, and tell what happened. "
    "It reads the configuration's files, so that it can be tried before the agent's restart.",
    service="nothing happens to it. Whoever gets the alert's messages gets one more.",
    example="clp alert test mail1",
    after="clp config apply: until then the agents send by the former configuration.",
)


def parser() -> Parser:
    """Give the arguments."""
    made, each = verbs("alert", "Messages beside the journal.", (_LIST, _TEST), waits=False)
    each["test"].add_argument("name", metavar="NAME", help="the alert, as [alert.NAME] has it")
    return made


def run(args: Namespace) -> Exit:
    """Do what the verb says."""
    from clpcore.runtime.places import whereabouts

    where = whereabouts(os.environ)
    config = _config(where)
    if args.verb == "list":
        return _list(args, config, where)
    return _test(args, config, where)


def _config(where: Whereabouts) -> ClusterConfig:
    from clpcore import config, host

    registry = host.load()
    loaded = config.load(where.root.conf, registry.specs, registry.refused)
    if loaded.config is None:
        what = said("the configuration in {folder} has errors", folder=where.root.conf)
        raise Failure(Exit.BAD_CONFIG, what, said("`clp config check` shows all of them"))
    return loaded.config


def _list(args: Namespace, config: ClusterConfig, where: Whereabouts) -> Exit:
    rows = [_row(alert, where) for alert in config.alerts]
    if args.json:
        print(json.dumps({"server": where.server, "alerts": rows}))
        return Exit.DONE
    for row, alert in zip(rows, config.alerts, strict=True):
        by = ", ".join(alert.servers) or said("every server")
        print(f"  {row['name']:<12} {row['type']:<8} {_kinds(row, by)}")
        print(f"{'':<15}{_fares(row, where.server)}")
    if not rows:
        print(said("No alert: messages stay in the journal, which `clp log` shows."))
    return Exit.DONE


def _row(alert: Alert, where: Whereabouts) -> dict[str, Any]:
    """Give an alert, with what became of its messages here as far as that can be read."""
    from clpcore.runtime.alerts import choice

    here = alert.is_sent_by(where.server)
    return {
        "name": alert.name,
        "type": alert.type,
        "here": here,
        "messages": sorted(choice.wanted(alert).keys or ()),
        **dict.fromkeys(_COUNTS),
        **(_counts(alert, where) if here else {}),
    }


def _counts(alert: Alert, where: Whereabouts) -> dict[str, int]:
    """Give how many were sent, given up and still wait; nothing where it has not begun."""
    import sqlite3

    from clpcore.runtime.alerts import choice
    from clpcore.runtime.alerts.cursor import Cursor
    from clpcore.runtime.store import journal

    cursor = Cursor.read(where.root.alerts / f"{alert.name}.json")
    if cursor.mark is None:
        return {}
    told = {"sent": cursor.mark.sent, "given_up": cursor.mark.given_up}
    try:
        store = where.root.store
        after, newest = cursor.after(store), journal.newest(store)
        wanted = choice.wanted(alert)
        return {**told, "waiting": journal.count(store, after=after, upto=newest, wanted=wanted)}
    except sqlite3.Error:
        return told


def _kinds(row: Mapping[str, Any], servers: str) -> str:
    from clpcore import messages

    text, known = "{count} of {known} kinds of message, from {servers}", messages.entries()
    return said(text, count=len(row["messages"]), known=len(known), servers=servers)


def _fares(row: Mapping[str, Any], server: str) -> str:
    if not row["here"]:
        return said("{server} sends nothing by it", server=server)
    counts = [said(text, n=row[key]) for key, text in _COUNTS.items() if row[key] is not None]
    if not counts:
        text = "{server}: no counts here: it has not begun, or only root can read them"
        return said(text, server=server)
    return f"{server}: {', '.join(counts)}"


def _test(args: Namespace, config: ClusterConfig, where: Whereabouts) -> Exit:
    """Send one, without the agent: what the journal has is not touched."""
    from clpcore.runtime.alerts import senders
    from clpcore.runtime.alerts.errors import Refused, Unsent

    alert = _named(args.name, config)
    begun = time.monotonic()
    try:
        senders.make(alert, where.root.path).send([_message(alert, config, where)])
    except (Unsent, Refused) as why:
        remedy = said("correct [alert.{name}], or what it talks to", name=alert.name)
        what = said(
            "alert {name} ({type}) could not send: {why}",
            name=alert.name,
            type=alert.type,
            why=words.plain(str(why)),
        )
        raise Failure(Exit.REFUSED, what, remedy) from None
    ms = round((time.monotonic() - begun) * 1_000)
    if args.json:
        print(json.dumps({"alert": alert.name, "type": alert.type, "sent": True, "ms": ms}))
    else:
        done = paint_for(sys.stdout).state("Normal")
        text = "{done}: alert {name} ({type}) has sent a test message in {ms} ms."
        print(said(text, done=done, name=alert.name, type=alert.type, ms=ms))
    return Exit.DONE


def _named(name: str, config: ClusterConfig) -> Alert:
    known = {alert.name: alert for alert in config.alerts}
    return known[names.check("alert", name, known)]


def _message(alert: Alert, config: ClusterConfig, where: Whereabouts) -> Message:
    from clpcore import messages
    from clpcore.runtime.alerts import message
    from clpcore.runtime.alerts.message import Origin
    from clpcore.runtime.operators.accounts import user_name

    reason = messages.because(
        "pm525", alert=alert.name, by=user_name(os.getuid()), server=where.server
    )
    now = time.time_ns() // 1_000_000
    origin = Origin(cluster=config.name, server=where.server)
    return message.of(reason, origin, alert.language.value, at=(0, now, now))
