"""`clp-azuresim`: serve (what it does without a word), new, ask, words."""

import argparse
import asyncio
import inspect
import json
import signal
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from clp_azuresim import config, control
from clp_azuresim.config import Wrong
from clp_azuresim.desk import Desk, Refusal
from clp_azuresim.machine import Machine
from clp_azuresim.plan import Plan
from clp_azuresim.simulator import Simulator
from clp_azuresim.vault import Vault

_FAILED: Final = 1
_CONFIGURATION: Final = 78  # of sysexits.h


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; give the exit code."""
    given = _parser().parse_args(argv)
    try:
        given.run(given)
    except Wrong as wrong:
        return _complain(wrong, _CONFIGURATION)
    except (control.Gone, Refusal, OSError) as problem:
        return _complain(problem, _FAILED)
    return 0


def _complain(problem: Exception, code: int) -> int:
    for line in str(problem).splitlines():
        sys.stderr.write(f"clp-azuresim: {line}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clp-azuresim", description="An Azure to rehearse on, until SIGTERM or Ctrl-C."
    )
    parser.add_argument("--config", type=Path, default=Path("azuresim.toml"), metavar="FILE")
    said = "certificates and control socket; default: azuresim/ beside the file"
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help=said)
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(metavar="COMMAND")
    new = commands.add_parser("new", help="write the guide's Azure as the file, and certificates")
    new.set_defaults(run=_new)
    words = commands.add_parser("words", help="list what a running simulator can be asked")
    words.set_defaults(run=_words)
    ask = commands.add_parser("ask", help="ask the simulator of this file: WORD name=value ...")
    ask.add_argument("word", metavar="WORD")
    ask.add_argument("details", nargs="*", metavar="name=value", help="values as JSON, or text")
    ask.set_defaults(run=_ask)
    return parser


def _folder(given: argparse.Namespace) -> Path:
    folder: Path = given.folder or given.config.parent / "azuresim"
    return folder.absolute()


def _new(given: argparse.Namespace) -> None:
    given.config.parent.mkdir(parents=True, exist_ok=True)
    with given.config.open("x", encoding="utf-8") as file:
        file.write(guide())
    folder = _folder(given)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    Vault(folder).prepare(config.load(given.config).applications)
    print(f"Made {given.config}, and certificates in {folder}.")
    print(f"Now: clp-azuresim --config {given.config}")


def guide() -> str:
    """Give the text of the guide's Azure."""
    return resources.files("clp_azuresim").joinpath("guide.toml").read_text(encoding="utf-8")


def _words(_given: argparse.Namespace) -> None:
    for name, method in inspect.getmembers(Desk, inspect.isfunction):
        if not name.startswith("_") and name != "ask":
            parameters = list(inspect.signature(method).parameters.values())[1:]
            told = " ".join(str(each).replace(" ", "") for each in parameters)
            print(f"{name} {told}".rstrip())
            if method.__doc__:
                print(f"    {method.__doc__.splitlines()[0]}")


def _ask(given: argparse.Namespace) -> None:
    details = dict(_detail(each) for each in given.details)
    found = control.connect(_folder(given)).ask(given.word, details)
    print(json.dumps(found, indent=2))


def _detail(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Refusal(f"{text!r}: write name=value, as seconds=2 or path=powerOff")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _serve(given: argparse.Namespace) -> None:
    plan, folder = config.load(given.config), _folder(given)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(serve(plan, folder))


async def serve(plan: Plan, folder: Path) -> None:
    """Serve until SIGTERM or SIGINT; what a configuration needs is printed, and then "ready"."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    simulator = Simulator(plan, folder, _machines(plan))
    await simulator.start()
    try:
        server = await control.serve(Desk(simulator), folder)
        async with server:
            print(_told(simulator), flush=True)
            await ended.wait()
        (folder / control.NAME).unlink(missing_ok=True)
    finally:
        await simulator.stop()


def _machines(plan: Plan) -> dict[str, Machine]:
    """Give what machines are bound to, where the file names a lab."""
    bound = [each for each in plan.machines if each.lab is not None]
    if not bound:
        return {}
    try:
        from clp_azuresim.lab import LabMachine  # noqa: PLC0415 - clp-lab may not be there
    except ImportError as problem:
        raise Wrong(
            f"machines are bound to a lab: pip install clp-azuresim[lab] ({problem})"
        ) from None
    return {
        each.name: LabMachine(each.lab, each.server or each.name)
        for each in bound
        if each.lab is not None
    }


def _told(simulator: Simulator) -> str:
    """Give what a configuration needs to find this Azure; the last line says that it is ready."""
    plan, servers = simulator.plan, simulator.name_servers
    lines = [
        "# for the configuration of the cluster:",
        f'resource_manager = "{simulator.url}"',
        f'authority = "{simulator.url}"',
        f'audience = "{simulator.url}"',
        f'ca_bundle = "{simulator.vault.ca_file}"',
        "private = true",
        f'subscription_id = "{plan.subscription}"',
        f'tenant_id = "{plan.tenant}"',
    ]
    for each in plan.applications:
        file = simulator.vault.application_file(each.name)
        lines += [f'application_id = "{each.id}"', f'certificate_file = "{file}"']
    lines += [f"# metadata service of {m.name}: {simulator.imds_url(m)}" for m in plan.machines]
    if servers is not None:
        addresses = ", ".join(each.address for each in servers.servers)
        lines.append(f"# name servers: {addresses}, port {servers.port}")
    return "\n".join([*lines, "ready"])
