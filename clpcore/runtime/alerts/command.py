"""To a program, run once for each message."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from clpcore.model.alerts import Command
from clpcore.runtime.alerts.errors import Refused, Unsent
from clpcore.runtime.alerts.message import Message

_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ")  # of our environment
_STDERR: Final = 2  # what it prints belongs to our log


@attrs.frozen
class CommandSender:
    """It gets the message as JSON on stdin, and its parts as CLP_MESSAGE_* in its environment."""

    root: Path
    settings: Command
    at_once: int = 1
    gather: float = 0.0

    def send(self, messages: Sequence[Message]) -> None:
        """Run it.

        Raises:
            Unsent: it cannot be started.
            Refused: it failed, or had to be killed.

        """
        for message in messages:
            self._run(message)

    def _run(self, message: Message) -> None:
        try:
            process = subprocess.Popen(
                self.settings.command,
                stdin=subprocess.PIPE,
                stdout=_STDERR,
                env=self._environment(message),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Unsent(f"{self.settings.command[0]}: {error.strerror}") from error
        seconds = self.settings.timeout / 1_000
        try:
            process.communicate(json.dumps(message.document).encode() + b"\n", seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it, and what it has started
            process.wait()
            what = f"{self.settings.command[0]} had not ended after {seconds:g} s"
            raise Refused(what) from None
        if process.returncode:
            raise Refused(f"{self.settings.command[0]} ended with exit code {process.returncode}")

    def _environment(self, message: Message) -> dict[str, str]:
        parts = {
            f"CLP_MESSAGE_{name.upper()}": str(value) for name, value in message.document.items()
        }
        ours = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**ours, "CLP_ROOT": str(self.root), **parts}
