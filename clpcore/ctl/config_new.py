"""`clp config new`: the guide's clusters, from a few questions or from flags."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clpcore.ctl import config_new_azure, fresh
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, Verb, whole_number
from clpcore.ctl.plugged import with_plugins
from clpcore.ctl.questions import Questions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from clpcore.config import Problem
    from clpcore.config.new import New
    from clpcore.config.wanted import Server, Shape, Wanted
    from clpcore.host import Registry

_PORT: Final = 26_001
_MOST_PORT: Final = 65_535
_SHAPES: Final = {
    "public-lb": "a public load balancer of Azure probes a port",
    "internal-lb": "an internal load balancer of Azure probes a port",
    "internal-lb-dsr": "the same, with direct server return (Floating IP in its rule)",
    "dns": "an A record in Azure DNS",
    "on-premises": "a floating address",
}
_KIND: Final = "\n".join(
    [
        "How do clients find the server where the group is active?",
        *(f"  {shape:<16} {what}" for shape, what in _SHAPES.items()),
        "Kind",
    ]
)
_FIRST: Final = "First server, the preferred one, as NAME=ADDRESS (node1=10.5.0.110)"
_NEXT: Final = "Next server, as NAME=ADDRESS; empty: no more"
_ADDRESSES: Final = {
    "on-premises": "Floating address of the group, a free one in the subnet of the servers",
    "internal-lb-dsr": "Address of the load balancer's front end (10.5.0.200)",
}

VERB = Verb(
    "new",
    "Write a configuration to begin with into a new folder: one group with an application, how "
    "clients find it, and what a takeover rests on. What no flag says is asked for at a terminal. "
    "It passes `clp config check` as it is.",
    service="nothing happens to it: the folder is a new one, for you to read before you use it.",
    example="""
        clp config new ./cluster1
        clp config new ./c1 --name C1 --kind public-lb --server a=10.5.0.110 --server b=10.5.0.111
        clp config new ./c2 --name C2 --kind on-premises --address 10.5.0.100 \\
            --server a=10.5.0.110 --server b=10.5.0.111
        clp config new ./c3 --name C3 --kind dns --zone cluster1.zone --record-set test-record1 \\
            --server a=10.5.0.110 --server b=10.5.0.111 \\
            --subscription 22222222-2222-2222-2222-222222222222 --resource-group TestGroup1
    """,
    after="the steps that it prints: scripts, key, copies, rights in Azure.",
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
    help_ = f"what the load balancer probes; with the kinds that have one; default: {_PORT}"
    parser.add_argument("--port", type=whole_number, metavar="PORT", help=help_)
    parser.add_argument(
        "--address",
        help="the floating address with on-premises, the balancer's front end with "
        "internal-lb-dsr, where it must be given",
    )
    parser.add_argument(
        "--witness", metavar="URL", help="a witness for heartbeats and NP resolution"
    )
    config_new_azure.arguments(parser)


def run(args: Namespace) -> Exit:
    """Ask for what is missing, write the folder, and tell the next steps."""
    fresh.refuse_taken(args.folder)
    wanted = _wanted(args)
    with fresh.folder(args.folder) as draft:
        made = with_plugins(functools.partial(_make, wanted, args.folder, draft))
    if args.json:
        done = {"ok": True, "folder": str(args.folder), "files": sorted(made.files)}
        print(json.dumps({**done, "steps": list(made.steps)}))
    else:
        print(f"Wrote {args.folder}:", *sorted(made.files), sep="\n  ")
        print("Next:", *(f"{index}. {step}" for index, step in _counted(made)), sep="\n  ")
    return Exit.DONE


def _make(wanted: Wanted, folder: Path, draft: Path, registry: Registry) -> New:
    """Write the files into *draft*, which becomes *folder*.

    Raises:
        Failure: they would not pass the check.

    """
    from clpcore import config
    from clpcore.config import new

    made = new.make(wanted, registry.specs, str(folder))
    _write(made, draft)
    loaded = config.load(draft / "conf.d", registry.specs, registry.refused)
    if loaded.config is None:
        raise _refusal(loaded.problems)
    return made


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
    """Give the answers: from flags, and from whoever is at the terminal.

    Raises:
        Failure: one of them is wrong, or missing.

    """
    from clpcore.config.wanted import Shape, Wanted, wrong_name

    questions = Questions(asks=sys.stdin.isatty())
    name = args.name or questions.ask("--name", "Name of the cluster", wrong_name, "Cluster1")
    _refuse("--name", wrong_name(name))
    shape = Shape(args.kind or questions.ask("--kind", _KIND, _wrong_kind, "public-lb"))
    port = _port(args, shape, questions)
    given = args.server or questions.ask_list("--server", _FIRST, _NEXT, _wrong_server)
    servers = tuple(_pair(text) for text in given)
    address = _address(args, shape, servers, questions)
    azure = config_new_azure.answers(args, shape, questions)
    witness = _witness(args, questions)
    questions.refuse_if_missing()
    for index, text in enumerate(args.server or ()):
        _refuse(f"--server {text}", _wrong_server(text, given[:index]))
    _refuse_needless(args, shape)
    _refuse(*config_new_azure.wrong(args, shape, azure))
    _refuse("--address", _wrong_address(args.address, servers) if args.address else "")
    return Wanted(
        name=name,
        servers=servers,
        shape=shape,
        port=port,
        address=address,
        witness=witness,
        **azure,
    )


def _refuse(flag: str, why: str) -> None:
    if why:
        raise Failure(Exit.USAGE, f"{flag}: {why}", "nothing was written; correct it")


def _refuse_needless(args: Namespace, shape: Shape) -> None:
    """Refuse a flag of another kind: what it says would be ignored."""
    if args.address and not shape.has_address:
        why = f"with --kind {shape.value} no server gets an address from the cluster"
        _refuse("--address", why)
    if args.port is not None and not shape.is_probed:
        _refuse("--port", f"with --kind {shape.value} no load balancer probes a port")


def _port(args: Namespace, shape: Shape, questions: Questions) -> int:
    """Give the port; somebody who was asked for the kind is asked for it, too."""
    if args.port is not None:
        _refuse("--port", _wrong_port(str(args.port)))
        return int(args.port)
    if args.kind or not shape.is_probed:
        return _PORT
    return int(questions.offer("Port that the load balancer probes", _wrong_port, str(_PORT)))


def _address(
    args: Namespace, shape: Shape, servers: tuple[Server, ...], questions: Questions
) -> str:
    """Give the address that the active server gets from the cluster, empty for none."""
    if args.address or not shape.has_address:
        return args.address or ""
    wrong = functools.partial(_wrong_address, servers=servers)
    return questions.ask("--address", _ADDRESSES[shape.value], wrong)


def _wrong_address(answer: str, servers: tuple[Server, ...]) -> str:
    from clpcore.config.wanted import wrong_floating

    return wrong_floating(answer, servers)


def _witness(args: Namespace, questions: Questions) -> str:
    """Give its URL, empty for none; somebody who was asked for the kind is asked for it, too."""
    if args.witness or args.kind:
        return args.witness or ""
    question = "URL of a witness, as https://witness.example:443; empty: none"
    return questions.offer(question, lambda _: "", "")


def _wrong_port(answer: str) -> str:
    good = answer.isdecimal() and len(answer) <= len(str(_MOST_PORT))
    good = good and 1 <= int(answer) <= _MOST_PORT
    return "" if good else f"{answer!r} is no port: 1 to {_MOST_PORT}"


def _wrong_kind(answer: str) -> str:
    return "" if answer in _SHAPES else f"{answer!r} is none of {', '.join(_SHAPES)}"


def _wrong_server(answer: str, before: Iterable[str]) -> str:
    from clpcore.config.wanted import wrong_server

    name, given, address = answer.partition("=")
    if not (name and given and address):
        return "write a name and an address: node1=10.5.0.110"
    return wrong_server((name, address), [_pair(other) for other in before])


def _pair(text: str) -> tuple[str, str]:
    name, _, address = text.partition("=")
    return name, address
