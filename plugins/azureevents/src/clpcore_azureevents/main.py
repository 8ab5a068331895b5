"""`clp-azureevents`: serve, look."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from clpcore_azureevents import config as configured
from clpcore_azureevents.events import Document
from clpcore_azureevents.imds import Imds, NoAnswer
from clpcore_azureevents.service import Service

CONFIGURATION: Final = 78  # of sysexits.h: systemd does not start it again
_NO_ANSWER: Final = 1
_NOT_ALONE: Final = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; give the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    root = Path(os.environ.get("CLP_ROOT") or "/")
    try:
        config = configured.load(args.config or root / configured.FILE)
    except configured.Wrong as wrong:
        sys.stderr.write(f"clp-azureevents: {wrong}\n")
        return CONFIGURATION
    if args.command == "look":
        return asyncio.run(_look(config))
    try:
        with _alone(root / configured.STATE):
            asyncio.run(_serve(root, config))
    except OSError as error:
        sys.stderr.write(f"clp-azureevents: {error}\n")
        return _NOT_ALONE
    return 0


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Be the only one that serves: each would forget what the other has drained the server for.

    Raises:
        OSError: another one does, or nothing can be written down.

    """
    state.parent.mkdir(parents=True, exist_ok=True)
    lock = state.with_name("lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another one serves this server ({lock}): systemctl status") from None
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clp-azureevents",
        description="Moves groups away before Azure's scheduled events of this machine.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, text in (
        ("serve", "serve until SIGTERM"),
        ("look", "print what Azure announces, and change nothing; the first time takes minutes"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        usual = f"default: /{configured.FILE}, and nothing is needed there"
        command.add_argument("--config", type=Path, metavar="FILE", help=usual)
    return parser


async def _serve(root: Path, config: configured.Config) -> None:
    async with Imds(config.endpoint, config.first) as imds:
        serving = asyncio.create_task(Service(root, config, imds).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        _ready()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def _ready() -> None:
    """Tell the service manager that it has started: before Azure answers, which takes minutes."""
    address = os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end, contextlib.suppress(OSError):
            end.sendto(b"READY=1", address)


async def _look(config: configured.Config) -> int:
    try:
        async with Imds(config.endpoint, config.first) as imds:
            _print(await imds.machine(), await imds.document())
    except NoAnswer as error:
        sys.stderr.write(f"clp-azureevents: {config.endpoint}: {error}\n")
        return _NO_ANSWER
    return 0


def _print(machine: str, document: Document) -> None:
    lines = [f"This machine is {machine}. Incarnation {document.incarnation}."]
    for event in document.events:
        state = "started" if event.started else "scheduled"
        lasts = "for a time that Azure does not know"
        if event.duration is not None:
            lasts = f"for {event.duration} s"
        lines.append(f"{event.type} of {', '.join(event.resources)}, {lasts}: {state}, {event.id}")
    lines += [] if document.events else ["No event."]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
