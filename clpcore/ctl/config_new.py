"""`clp config new`: the guide's clusters, from a few questions or from flags."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clpcore.ctl import fresh
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, Verb, whole_number
from clpcore.ctl.questions import Questions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from clpcore.config import Problem
    from clpcore.config.new import New, Wanted

_SHAPES: Final = ("public-lb", "internal-lb", "dns", "on-premises")
_PORT: Final = 26_001
_SERVERS: Final = "Server as name=address, the preferred one first; empty: no more"

VERB = Verb(
    "new",
    "Write a configuration to begin with into a new folder: one group with an application, and "
    "how clients find it. What no flag says is asked for at a terminal. It passes `clp config "
    "check` as it is.",
    service="nothing happens to it: the folder is a new one, for you to read before you use it.",
    example="""
        clp config new ./cluster1
        clp config new ./c1 --name C1 --kind public-lb --server a=10.5.0.110 --server b=10.5.0.111
        clp config new ./c2 --name C2 --kind on-premises --address 10.0.0.9 --server a=10.0.0.1
    """,
    after="the steps that it prints: scripts, key, copies.",
)


def arguments(parser: Parser) -> None:
    """Add its own."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=fresh.HELP)
    parser.add_argument("--name", help="of the cluster")
    parser.add_argument(
        "--server",
        action="append",
        metavar="NAME=ADDRESS",
        help="a server and its address, the preferred one first; once for each",
    )
    parser.add_argument("--kind", choices=_SHAPES, help="how clients find the group")
    help_ = f"what the load balancer probes; default: {_PORT}"
    parser.add_argument("--port", type=whole_number, metavar="PORT", help=help_)
    parser.add_argument("--address", help="the floating address; on premises only")


def run(args: Namespace) -> Exit:
    """Ask for what is missing, write the folder, and tell the next steps."""
    from clpcore import config, host
    from clpcore.config import new

    registry = host.load()
    made = new.make(_wanted(args), registry.specs)
    with fresh.folder(args.folder) as draft:
        _write(made, draft)
        loaded = config.load(draft / "conf.d", registry.specs, registry.refused)
        if loaded.config is None:
            raise _refusal(loaded.problems)
    if args.json:
        done = {"ok": True, "folder": str(args.folder), "files": sorted(made.files)}
        print(json.dumps({**done, "steps": list(made.steps)}))
    else:
        print(f"Wrote {args.folder}:", *sorted(made.files), sep="\n  ")
        print("Next:", *(f"{index}. {step}" for index, step in _counted(made)), sep="\n  ")
    return Exit.DONE


def _refusal(problems: Iterable[Problem]) -> Failure:
    errors = [one for one in problems if one.severity.value == "error"]
    said = " ".join(f"{one.key}: {one.what} {one.remedy}".rstrip() for one in errors)
    what = f"these answers make no cluster. {said}"
    return Failure(Exit.BAD_CONFIG, what, "nothing was written; answer again")


def _counted(made: New) -> enumerate[str]:
    return enumerate(made.steps, start=1)


def _write(made: New, folder: Path) -> None:
    for name, text in made.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        if file.suffix == ".sh":
            file.chmod(0o755)


def _wanted(args: Namespace) -> Wanted:
    from clpcore.config.new import Shape, Wanted

    questions = Questions(asks=sys.stdin.isatty())
    name = args.name or questions.ask("--name", "Name of the cluster", "Cluster1")
    kinds = ", ".join(_SHAPES)
    shape = Shape(args.kind or questions.ask("--kind", f"Kind: {kinds}", _SHAPES[0], _is_kind))
    servers = args.server or questions.ask_list("--server", _SERVERS, _is_pair)
    address = args.address or ""
    if shape is Shape.ON_PREMISES and not address:
        address = questions.ask("--address", "Floating address of the group")
    questions.refuse_if_missing()
    return Wanted(
        name=name,
        servers=tuple(map(_pair, servers)),
        shape=shape,
        port=_PORT if args.port is None else args.port,
        address=address,
    )


def _is_kind(answer: str) -> bool:
    return answer in _SHAPES


def _is_pair(answer: str) -> bool:
    name, _, address = answer.partition("=")
    return bool(name and address)


def _pair(text: str) -> tuple[str, str]:
    if not _is_pair(text):
        what = f"--server {text!r} is no server"
        raise Failure(Exit.USAGE, what, "write a name and an address: node1=10.5.0.110")
    name, _, address = text.partition("=")
    return name, address
