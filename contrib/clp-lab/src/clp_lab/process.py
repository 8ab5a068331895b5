"""A command that runs in a place of the lab."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from clp_lab.channel import Channel
from clp_lab.errors import LabError


class Process:
    """A running command; its caller's end, or `kill`, ends it.

    Made by the places of `clp_lab.lab.Lab`. Use it as a context manager, or call `wait` or `kill`.
    """

    def __init__(
        self,
        control: Path,
        place: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: str,
        stdio: tuple[int, int, int],
    ) -> None:
        self._argv = argv
        self._code: int | None = None
        self._channel = Channel.connect(str(control))
        request = {
            "do": "spawn",
            "place": place,
            "argv": list(argv),
            "environment": dict(environment),
            "folder": folder,
        }
        try:
            self._channel.ask(request, stdio)
        except LabError:
            self._channel.close()
            raise

    def wait(self, timeout: float | None = None) -> int:
        """Give the exit code, below zero for a signal; TimeoutExpired after `timeout` seconds."""
        if self._code is not None:
            return self._code
        self._channel.sock.settimeout(timeout)
        try:
            received = self._channel.receive()
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(self._argv, timeout or 0) from error
        self._channel.close()
        if received is None:
            raise LabError(f"the lab ended while {self._argv[0]} ran in it")
        self._code = int(received[0]["ended"])
        return self._code

    def kill(self) -> None:
        """SIGKILL the command and its session, when it still runs."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()


def run(
    control: Path,
    place: str,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: str,
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as subprocess.run does with captured text."""
    with _memory() as out, _memory() as err, Path(os.devnull).open("rb") as null:
        stdio = null.fileno(), out.fileno(), err.fileno()
        with Process(
            control, place, argv, environment=environment, folder=folder, stdio=stdio
        ) as process:
            code = process.wait(timeout)
        return subprocess.CompletedProcess(argv, code, _text(out), _text(err))


def _memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("output"), "w+b")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
