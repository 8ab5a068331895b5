"""``clplogcmd``: writes a message of a script into the log."""

from __future__ import annotations

import syslog
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl import control
from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import whole_number
from clpcore.ctl.product import entry

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser

_LEVELS: Final = {"ERR": "error", "WARN": "warning", "INFO": "info"}
_PRIORITIES: Final = {
    "ERR": syslog.LOG_ERR,
    "WARN": syslog.LOG_WARNING,
    "INFO": syslog.LOG_INFO,
}
_JOURNAL: Final = ("alert", "mail", "trap")


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clplogcmd",
        "Write a message into the journal of this server, from where it goes where the "
        "configuration lets messages go ([alert.NAME]); or into the system log alone.",
        "`clp log` shows what is in the journal.",
        """
        clplogcmd -m "backup begins"
        clplogcmd -m "backup failed" -l ERR -i 17
        """,
    )
    made.add_argument("-m", dest="text", metavar="TEXT", required=True, help="the message")
    made.add_argument(
        "-i", dest="number", type=whole_number, default=1, metavar="ID", help="default: 1"
    )
    made.add_argument("-l", dest="level", choices=tuple(_LEVELS), default="INFO")
    for where in _JOURNAL:
        made.add_argument(
            f"--{where}",
            dest="where",
            action="append_const",
            const="journal",
            help="into the journal; the default",
        )
    made.add_argument(
        "--syslog",
        dest="where",
        action="append_const",
        const="syslog",
        help="into the system log, also where no agent runs",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    where = args.where or ["journal"]
    if "syslog" in where:
        text = f"[{args.level[0]}] <type: logcmd><event: {args.number}> {args.text}"
        syslog.openlog("clpcore", 0, syslog.LOG_DAEMON)
        syslog.syslog(_PRIORITIES[args.level], text)
    if "journal" in where:
        level = _LEVELS[args.level]
        control.ask(do="tell", text=args.text, severity=level, number=args.number)
    print(entry.SUCCEEDED)
    return Exit.DONE
