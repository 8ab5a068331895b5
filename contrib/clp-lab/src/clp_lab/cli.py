"""`clp lab`: run a cluster on this machine and break it; rehearse with a simulated Azure."""

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from clp_lab import fault_words, logs, show, starting, timeline
from clp_lab.conf import cluster_key, plan_of
from clp_lab.control import Control
from clp_lab.demo import demo_conf, rehearse
from clp_lab.errors import LabError, LabFileError, LabGoneError
from clp_lab.file import load
from clp_lab.folders import clear_dead, labs_folder
from clp_lab.lab import Lab
from clp_lab.plan import Plan, servers
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, whole_number

_SIGNAL_BASE = 128
_LAST_WORDS = 20  # of a server that is off


def main(argv: list[str]) -> int:
    """Run one command; gives an exit code as all of `clp` does, or the one of an `exec`.

    Raises:
        Failure: wrong usage, or it cannot be done; `clp` tells why.

    """
    given = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except LabError as error:
        *problems, last = str(error).split("\n")
        for problem in problems:
            print(problem)
        raise Failure(_exit_for(error), last, error.remedy) from error


def _exit_for(error: LabError) -> Exit:
    match error:
        case LabGoneError():
            return Exit.NO_AGENT
        case LabFileError():
            return Exit.BAD_CONFIG
    return Exit.REFUSED


def parser() -> Parser:
    """Give the parser of all of its commands."""
    parser = Parser(
        prog="clp lab",
        description="A cluster on this machine: real agents, a network to break, a load balancer.",
    )
    parser.add_argument("--name", default="lab", help="which lab, when there are several (lab)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands)
    status = _command(commands, "status", _status, "say how everything is")
    status.add_argument("--json", action="store_true", help="as JSON, for programs")
    fault_words.add_verbs(_command(commands, "fault", _fault, "break something, or mend it"))
    execute = _command(commands, "exec", _exec, "run a command in a server, or in 'client'")
    execute.add_argument("place", metavar="SERVER")
    execute.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")
    _add_logs(commands)
    demo = _command(commands, "demo", _demo, "rehearse two failovers behind a load balancer")
    demo.add_argument("--conf", type=Path, metavar="FOLDER", help="another one than conf.d/demo")
    play = _command(commands, "rehearse", _rehearse, "play what Azure can do to a cluster")
    play.add_argument("rehearsal", nargs="?", metavar="NAME", help="which; default: list them")
    _command(commands, "down", _down, "end a lab and leave nothing behind")
    parser.verbs = tuple(commands.choices)
    return parser


def _add_up(commands: "argparse._SubParsersAction[Parser]") -> None:
    up = _command(commands, "up", _up, "start a lab; it stays until 'down'")
    up.add_argument(
        "file",
        type=Path,
        nargs="?",
        help="a lab file, or a folder of cluster configuration; default: conf.d/demo",
    )
    up.add_argument(
        "--servers", type=whole_number, metavar="N", help="instead: N servers without agents"
    )
    up.add_argument("--capture", type=Path, metavar="FILE", help="write all frames there (pcap)")


def _add_logs(commands: "argparse._SubParsersAction[Parser]") -> None:
    told = _command(commands, "logs", _logs, "print what the agents of the servers wrote")
    told.add_argument("server", nargs="?", metavar="SERVER", help="one of them; default: all")
    told.add_argument(
        "-n", dest="lines", type=whole_number, default=50, metavar="N", help="the last N (50)"
    )
    told.add_argument("--follow", action="store_true", help="go on with what comes, until Ctrl-C")


def _command(
    commands: "argparse._SubParsersAction[Parser]",
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> Parser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(command=command)
    return parser


def _folder(given: argparse.Namespace) -> Path:
    return labs_folder() / str(given.name)


def _up(given: argparse.Namespace) -> int:
    folder = _folder(given)
    if folder.exists():
        clear_dead(folder)
    if folder.exists():
        raise LabError(
            f"the lab {given.name!r} is up already", "`clp lab down`, or `clp lab --name OTHER up`"
        )
    begin = time.monotonic()
    with cluster_key() as key:
        plan = _plan(given, key)
        starting.must_be_configured(plan)
        lab = Lab(plan, folder=folder)
        lab.up(detach=True)
    starting.must_come_up(lab, plan)
    print(f"lab up in {time.monotonic() - begin:.2f} s")
    print(show.text_of(lab.status()))
    return 0


def _plan(given: argparse.Namespace, key: Path) -> Plan:
    if given.servers is not None and given.file is not None:
        raise LabError(f"{given.file} says which servers there are", "leave out --servers")
    if given.servers is not None:
        plan = Plan(servers=servers(given.servers), agent=())
    elif given.file is None or given.file.is_dir():
        plan = plan_of((given.file or demo_conf()).absolute(), key)
    else:
        plan = load(given.file)
    if given.capture is not None:
        plan = attrs.evolve(plan, capture=str(given.capture.absolute()))
    return plan


def _demo(given: argparse.Namespace) -> int:
    return rehearse(given.conf)


def _rehearse(given: argparse.Namespace) -> int:
    try:
        # Of another distribution, which needs this one.
        from clp_azuresim.rehearsals import programme  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise LabError(
            f"rehearsals need clp-azuresim: {error}", "pip install clp-azuresim[lab]"
        ) from error
    if given.rehearsal is not None:
        return programme.rehearse(given.rehearsal)
    print(programme.listing())
    return 0


def _status(given: argparse.Namespace) -> int:
    status = Control(_folder(given)).status()
    print(status.as_json() if given.json else show.text_of(status))
    return 0


def _fault(given: argparse.Namespace) -> int:
    verb, details = fault_words.request_of(given)
    at = Control(_folder(given)).fault(verb, **details)
    said = fault_words.done(given)
    if given.json:
        print(json.dumps({"ok": True, "done": said, "now_ms": timeline.boot_time_ms(at)}))
    else:
        print(f"{timeline.time_of_day(at)}  {said}")
    return 0


def _exec(given: argparse.Namespace) -> int:
    argv = given.argv[1:] if given.argv[:1] == ["--"] else given.argv
    if not argv:
        raise LabError("exec needs a command", f"`clp lab exec {given.place} -- COMMAND`")
    with Control(_folder(given)).place(given.place).start(argv, stdio=(0, 1, 2)) as process:
        code = process.wait()
    return code if code >= 0 else _SIGNAL_BASE - code


def _logs(given: argparse.Namespace) -> int:
    lab = Control(_folder(given))
    status = lab.status()
    found = status.servers if given.server is None else [status.server(given.server)]
    names = {lab.server(one.name).log: one.name for one in found}
    for log, name in names.items():
        print(f"== {name}", *logs.last_lines(log, given.lines), sep="\n", flush=True)
        if status.server(name).power == "off":
            told = logs.last_words(lab.server(name), min(given.lines, _LAST_WORDS))
            print(f"-- {name} is off; its journal ends with:", *told, sep="\n", flush=True)
    if given.follow:
        with contextlib.suppress(KeyboardInterrupt):
            for log, line in logs.follow(list(names), lab.folder):
                print(f"{names[log]}  {line}", flush=True)
    return 0


def _down(given: argparse.Namespace) -> int:
    folder = _folder(given)
    if folder.exists():
        clear_dead(folder)
    if not folder.exists():
        print(f"there is no lab {given.name!r}")
        return 0
    Control(folder).down()
    print("lab down, nothing left")
    return 0
