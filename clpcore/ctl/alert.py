"""`clp alert`: shows where messages go beside the journal, and tries it."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

from clpcore.ctl import names, words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.screen import paint_for

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.model.alerts import Alert
    from clpcore.model.config import ClusterConfig
    from clpcore.runtime.alerts.message import Message
    from clpcore.runtime.places import Whereabouts

_LIST = Verb(
    "list",
    "Show the alerts of the configuration here, and how many of the messages each would send.",
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
        return _list(args, config, where.server)
    return _test(args, config, where)


def _config(where: Whereabouts) -> ClusterConfig:
    from clpcore import config, host

    registry = host.load()
    loaded = config.load(where.root.conf, registry.specs, registry.refused)
    if loaded.config is None:
        what = f"the configuration in {where.root.conf} has errors"
        raise Failure(Exit.BAD_CONFIG, what, "`clp config check` shows all of them")
    return loaded.config


def _list(args: Namespace, config: ClusterConfig, server: str) -> Exit:
    from clpcore.runtime.alerts import choice

    rows = [
        {
            "name": alert.name,
            "type": alert.type,
            "here": alert.is_sent_by(server),
            "messages": sorted(choice.wanted(alert).keys or ()),
        }
        for alert in config.alerts
    ]
    if args.json:
        print(json.dumps({"server": server, "alerts": rows}))
        return Exit.DONE
    for row, alert in zip(rows, config.alerts, strict=True):
        by = ", ".join(alert.servers) or "every server"
        count = f"{len(choice.wanted(alert).keys or ())} messages"
        print(f"  {row['name']:<12} {row['type']:<8} {count:<13} from {by}")
    if not rows:
        print("No alert: messages stay in the journal, which `clp log` shows.")
    return Exit.DONE


def _test(args: Namespace, config: ClusterConfig, where: Whereabouts) -> Exit:
    """Send one, without the agent: what the journal has is not touched."""
    from clpcore.runtime.alerts import senders
    from clpcore.runtime.alerts.errors import Refused, Unsent

    alert = _named(args.name, config)
    begun = time.monotonic()
    try:
        senders.make(alert, where.root.path).send([_message(alert, config, where)])
    except (Unsent, Refused) as why:
        remedy = f"correct [alert.{alert.name}], or what it talks to"
        what = f"alert {alert.name} ({alert.type}) could not send: {words.plain(str(why))}"
        raise Failure(Exit.REFUSED, what, remedy) from None
    ms = round((time.monotonic() - begun) * 1_000)
    if args.json:
        print(json.dumps({"alert": alert.name, "type": alert.type, "sent": True, "ms": ms}))
    else:
        done = paint_for(sys.stdout).state("Normal")
        print(f"{done}: alert {alert.name} ({alert.type}) has sent a test message in {ms} ms.")
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
