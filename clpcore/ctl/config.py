"""`clp config`: checks a configuration without touching the cluster."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, Verb, verbs

if TYPE_CHECKING:
    from argparse import Namespace

_CHECK = Verb(
    "check",
    "Check a folder of configuration files: every problem at once, with its place and remedy, "
    "then what the cluster would be.",
    service="nothing happens to it; agents read their configuration when they start.",
    example="""
        clp config check
        clp config check ./conf.d && scp ./conf.d/*.toml node2:/etc/clpcore/conf.d/
    """,
)


def parser() -> Parser:
    """Give the arguments."""
    made, each = verbs("config", "Check a configuration.", (_CHECK,), waits=False)
    help_ = "where the *.toml files are; default: /etc/clpcore/conf.d"
    each["check"].add_argument("folder", nargs="?", metavar="FOLDER", help=help_)
    return made


def run(args: Namespace) -> Exit:
    """Print every problem."""
    from clpcore import config, host
    from clpcore.runtime.places import whereabouts

    registry, where = host.load(), whereabouts(os.environ)
    loaded = config.load(args.folder or where.root.conf, registry.specs, registry.refused)
    problems = loaded.problems
    if loaded.config and not args.folder and where.server in loaded.config.server_by_name:
        problems += config.check_here(
            loaded.config, registry.specs, scripts=where.root.scripts, server=where.server
        )
    if args.json:
        print(json.dumps(config.as_json(problems, loaded.config)))
    else:
        print(config.render(problems, loaded.config), end="")
    return Exit.DONE if loaded.config else Exit.BAD_CONFIG
