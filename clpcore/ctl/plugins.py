"""`clp plugins`: which drivers there are, whose they are, and which plugins were refused, why."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from clpcore.ctl import control, words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.plugged import with_plugins
from clpcore.ctl.screen import Paint, paint_for

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Plugins
    from clpcore.host import Registry


def parser() -> Parser:
    """Give the arguments."""
    return command(
        "plugins",
        "Show the drivers that the agent has, and the plugins that it refused, with the reason. "
        "Without an agent: those that it would have.",
        service="nothing happens to it. A plugin that you install is used after the agent's "
        "restart, which interrupts no service.",
        example="clp plugins",
        after="`clp config check`, once all that the configuration names is here.",
    )


def run(args: Namespace) -> Exit:
    """Print what the agent has, or what is installed."""
    try:
        found: Plugins = control.ask(do="plugins")["plugins"]
        agent = True
    except Failure as failure:
        if failure.code is not Exit.NO_AGENT:
            raise
        found, agent = with_plugins(_installed), False
    deadly = [one["distribution"] for one in found["refused"] if one.get("deadly")]
    if args.json:
        print(json.dumps({"agent": agent, **found}))
        return Exit.REFUSED if deadly else Exit.DONE
    if not agent:
        print("No agent runs here; this is what it would have:")
    print("\n".join(_lines(found, paint_for(sys.stdout))))
    if deadly:
        what = f"{', '.join(deadly)} cannot be loaded: whoever loads it ends or hangs"
        raise Failure(Exit.REFUSED, what, "mend or uninstall it")
    return Exit.DONE


def _installed(registry: Registry) -> Plugins:
    return {
        "drivers": [
            {
                "kind": spec.kind.value,
                "name": spec.name,
                "summary": spec.summary,
                "plugin": registry.owners[key].plugin,
                "distribution": registry.owners[key].distribution,
                "version": registry.owners[key].version,
            }
            for key, spec in registry.specs.items()
        ],
        "refused": [
            {
                "plugin": one.plugin,
                "distribution": one.distribution,
                "reason": one.reason,
                "remedy": one.remedy,
                "deadly": one.deadly,
            }
            for one in registry.refused
        ],
    }


def _lines(found: Plugins, paint: Paint) -> Iterator[str]:
    for one in sorted(found["drivers"], key=lambda one: (one["distribution"], one["kind"])):
        owner = paint.quiet(f"{one['distribution']} {one['version']}")
        yield f"  {one['kind']:<10} {one['name']:<12} {one['summary']}  {owner}"
    if not found["drivers"]:
        yield "  no driver at all: install plugins, for example clpcore-exec"
    for refused in found["refused"]:
        state = paint.state("Error")
        yield f"  {state}: plugin {refused['plugin']} of {refused['distribution']} is refused:"
        yield f"    {words.plain(refused['reason'])}"
        yield f"    Next step: {words.plain(refused['remedy'])}"
