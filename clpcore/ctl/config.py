"""`clp config`: checks, makes and applies configurations; their history."""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING

from clpcore.ctl import (
    config_adopt,
    config_apply,
    config_diff,
    config_history,
    config_import,
    config_new,
    config_schema,
)
from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.plugged import with_plugins

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from clpcore.host import Registry

_CHECK = Verb(
    "check",
    "Check a folder of configuration files: every problem at once, with its place and remedy, "
    "then what the cluster would be.",
    service="nothing happens to it; agents run the committed revision.",
    example="""
        clp config check
        clp config check ./conf.d
    """,
    after="`clp config apply` puts conf.d and scripts of this server on all servers. Before the "
    "first start of all, the same files must be on each.",
)
_OTHERS = {
    "apply": config_apply.run,
    "diff": config_diff.run,
    "history": config_history.run,
    "rollback": config_apply.run,
    "adopt": config_adopt.run,
    "new": config_new.run,
    "import": config_import.run,
    "schema": config_schema.run,
}


def parser() -> Parser:
    """Give the arguments."""
    words = (
        _CHECK,
        config_apply.VERB,
        config_diff.VERB,
        config_history.VERB,
        config_apply.ROLLBACK,
        config_adopt.VERB,
        config_new.VERB,
        config_import.VERB,
        config_schema.VERB,
    )
    about = "Check a configuration, apply it on all servers, or make one."
    made, each = verbs("config", about, words, waits=False)
    help_ = "where the *.toml files are; default: /etc/clpcore/conf.d"
    each["check"].add_argument("folder", nargs="?", metavar="FOLDER", help=help_)
    config_apply.arguments(each["apply"])
    config_apply.arguments(each["rollback"], source=True)
    config_diff.arguments(each["diff"])
    config_adopt.arguments(each["adopt"])
    config_new.arguments(each["new"])
    config_import.arguments(each["import"])
    return made


def run(args: Namespace) -> Exit:
    """Do what the verb says."""
    return _OTHERS.get(args.verb, _check)(args)


def _check(args: Namespace) -> Exit:
    """Print every problem."""
    text, code = with_plugins(functools.partial(_checked, args.folder, as_json=args.json))
    print(text, end="")
    return code


def _checked(folder: str | None, registry: Registry, *, as_json: bool) -> tuple[str, Exit]:
    """Give what is printed, and the exit code."""
    from clpcore import config
    from clpcore.runtime.places import whereabouts

    where = whereabouts(os.environ)
    loaded = config.load(folder or where.root.conf, registry.specs, registry.refused)
    server, scripts, note = "", None, ""
    if loaded.config and folder:
        scripts, note = _beside(folder)
    elif loaded.config:
        server, scripts = where.server, where.root.scripts
        note = f"Scripts were looked for in {scripts}, as {server} needs them."
        if server not in loaded.config.server_by_name:
            scripts, note = None, f"Scripts were not looked for: {server} is none of the servers."
    if scripts:
        loaded = config.check_here(loaded, registry.specs, scripts=scripts, server=server)
    loaded = loaded.with_more(config.deadly(registry.refused))
    code = Exit.DONE if loaded.config else Exit.BAD_CONFIG
    if as_json:
        told = config.as_json(loaded.problems, loaded.config)
        return json.dumps({**told, "scripts": str(scripts) if scripts else None}) + "\n", code
    return config.render(loaded.problems, loaded.config, note), code


def _beside(folder: str) -> tuple[Path | None, str]:
    """Give where a draft has its scripts, beside its folder or in it, and the sentence of that."""
    from pathlib import Path

    draft = Path(folder).absolute()
    there = [draft.parent / "scripts", draft / "scripts"]
    found = next((place for place in there if place.is_dir()), None)
    if found:
        return found, f"Scripts were looked for in {found}."
    text = "Scripts were not looked for: there is neither a folder"
    return None, f"{text} {there[0]} nor {there[1]}."
