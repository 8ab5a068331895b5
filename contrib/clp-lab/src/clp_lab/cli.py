"""`clp lab`: a cluster on this machine, from the command line."""

import argparse
import collections
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from clp_lab import fault_words, show
from clp_lab.conf import cluster_key, plan_of
from clp_lab.control import Control
from clp_lab.demo import rehearse
from clp_lab.errors import LabError, LabFileError, LabGoneError
from clp_lab.file import load
from clp_lab.folders import clear_dead, labs_folder
from clp_lab.lab import Lab
from clp_lab.plan import Plan, servers
from clpcore.ctl.ends import Exit

_SIGNAL_BASE = 128


def main(argv: list[str]) -> int:
    """Run one command; gives an exit code as all of `clp` does, or the one of an `exec`."""
    given = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except LabError as error:
        print(f"clp lab: {error}", file=sys.stderr)
        return _exit_for(error)


def _exit_for(error: LabError) -> Exit:
    match error:
        case LabGoneError():
            return Exit.NO_AGENT
        case LabFileError():
            return Exit.BAD_CONFIG
    return Exit.REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clp lab",
        description="A cluster on this machine: real agents, a network to break, a load balancer.",
    )
    parser.add_argument("--name", default="lab", help="which lab, when there are several (lab)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = _command(commands, "up", _up, "start a lab; it stays until 'down'")
    up.add_argument(
        "file",
        type=Path,
        nargs="?",
        help="a lab file, or a folder of cluster configuration as conf.d/demo; "
        "without it: two servers",
    )
    up.add_argument("--servers", type=int, metavar="N", help="so many servers, named node1 ...")
    up.add_argument("--capture", type=Path, metavar="FILE", help="write all frames there (pcap)")
    status = _command(commands, "status", _status, "say how everything is")
    status.add_argument("--json", action="store_true", help="as JSON, for programs")
    fault = _command(commands, "fault", _fault, "break something, or mend it")
    fault_words.add_verbs(fault)
    execute = _command(commands, "exec", _exec, "run a command in a server, or in 'client'")
    execute.add_argument("place", metavar="SERVER")
    execute.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")
    logs = _command(commands, "logs", _logs, "print what the agents of a server wrote")
    logs.add_argument("server", nargs="?", metavar="SERVER", help="one of them; default: all")
    logs.add_argument("--lines", type=int, default=50, metavar="N", help="the last N (50)")
    demo = _command(commands, "demo", _demo, "rehearse two failovers behind a load balancer")
    demo.add_argument("--conf", type=Path, metavar="FOLDER", help="another one than conf.d/demo")
    _command(commands, "down", _down, "end a lab and leave nothing behind")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
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
            f"the lab {given.name!r} is up already: 'clp lab down', or 'clp lab --name OTHER up'"
        )
    begin = time.monotonic()
    with cluster_key() as key:
        Lab(_plan(given, key), folder=folder).up(detach=True)
    print(f"lab up in {time.monotonic() - begin:.2f} s")
    print(show.text_of(Control(folder).status()))
    return 0


def _plan(given: argparse.Namespace, key: Path) -> Plan:
    if given.file is None:
        plan = Plan(servers=servers())
    else:
        plan = plan_of(given.file.absolute(), key) if given.file.is_dir() else load(given.file)
    if given.servers is not None:
        plan = attrs.evolve(plan, servers=servers(given.servers))
    if given.capture is not None:
        plan = attrs.evolve(plan, capture=str(given.capture.absolute()))
    return plan


def _demo(given: argparse.Namespace) -> int:
    return rehearse(given.conf)


def _status(given: argparse.Namespace) -> int:
    status = Control(_folder(given)).status()
    print(status.as_json() if given.json else show.text_of(status))
    return 0


def _fault(given: argparse.Namespace) -> int:
    verb, details = fault_words.request_of(given)
    at = Control(_folder(given)).fault(verb, **details)
    print(f"done at {at / 1e9:.6f} s of the machine's monotonic clock")
    return 0


def _exec(given: argparse.Namespace) -> int:
    argv = given.argv[1:] if given.argv[:1] == ["--"] else given.argv
    if not argv:
        raise LabError(f"exec what? 'clp lab exec {given.place} -- COMMAND'")
    with Control(_folder(given)).place(given.place).start(argv, stdio=(0, 1, 2)) as process:
        code = process.wait()
    return code if code >= 0 else _SIGNAL_BASE - code


def _logs(given: argparse.Namespace) -> int:
    control = Control(_folder(given))
    names = [server.name for server in control.status().servers]
    if given.server is not None:
        names = [control.status().server(given.server).name]
    for name in names:
        print(f"== {name}")
        _print_end(control.server(name).log, given.lines)
    return 0


def _print_end(log: Path, lines: int) -> None:
    if log.exists():
        with log.open(encoding="utf-8", errors="replace") as file:
            sys.stdout.writelines(collections.deque(file, maxlen=lines))


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
