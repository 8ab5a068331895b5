"""``clpstat``: the cluster's state, and its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl.ends import Exit
from clpcore.ctl.product import entry, maps
from clpcore.ctl.product.overview import overview
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser

_STATES: Final = {
    "-s": ("overview", "servers, groups and monitors; the default"),
    "-g": ("groups", "which server runs which groups"),
    "-m": ("monitors", "each monitor on each server"),
    "-n": ("heartbeats", "which server is heard on which path"),
    "-f": ("fencing", "NP resolution and forced stop: o it would work, x it would not"),
}
PARTS: Final = {
    "cl": "the cluster",
    "sv": "server",
    "hb": "heartbeat",
    "fnc": "forced stop",
    "svg": "server group",
    "grp": "group",
    "rsc": "resource",
    "mon": "monitor",
    "xcl": "exclusion rule",
}


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpstat",
        "Show the cluster as this server sees it, or another one that is named; or what is "
        "configured.",
        "`clp status` and `clp why` tell the reasons, too.",
        """
        clpstat
        clpstat -g
        clpstat --mon pidw1 --detail
        """,
    )
    for option, (page, what) in _STATES.items():
        made.add_argument(option, dest="page", action="store_const", const=page, help=what)
    made.add_argument("-i", dest="parts", action="store_const", const="all", help="all settings")
    for part, what in PARTS.items():
        if part == "cl":
            made.add_argument("--cl", action="store_true", help=f"settings of {what}")
            continue
        help_ = f"settings of each {what}, or of the one that is named"
        made.add_argument(f"--{part}", nargs="?", const="", metavar="NAME", help=help_)
    made.add_argument("--detail", action="store_true", help="settings with their defaults, too")
    made.add_argument("--long", action="store_true", help="do not cut long names")
    made.add_argument("--local", action="store_true", help="only what concerns this server")
    entry.add_server(made, "as that server sees it")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    wanted = _wanted(args)
    if wanted:
        from clpcore.ctl.product import settings

        print(settings.page(wanted, detail=args.detail))
        return Exit.DONE
    status = ask(args.server)
    if args.page in {None, "overview"}:
        print(overview(status, long=args.long, local=args.local))
    else:
        print(getattr(maps, args.page)(status))
    return Exit.DONE


def _wanted(args: Namespace) -> dict[str, str]:
    """Give the parts of the configuration that are asked for, each with a name or none."""
    if args.parts:
        return dict.fromkeys(PARTS, "")
    given = {part: getattr(args, part) for part in PARTS if part != "cl"}
    return {**({"cl": ""} if args.cl else {}), **{p: n for p, n in given.items() if n is not None}}
