"""To a file, one line a message, rotated by its size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs

from clpcore.model.alerts import File
from clpcore.runtime.alerts.errors import Unsent
from clpcore.runtime.alerts.message import Message


@attrs.frozen
class FileSender:
    """The file is opened for each batch: whoever else rotates it may."""

    root: Path
    settings: File
    at_once: int = 100
    gather: float = 0.0

    @property
    def path(self) -> Path:
        """Give the file."""
        return self.root / self.settings.path.lstrip("/")

    def send(self, messages: Sequence[Message]) -> None:
        """Add them.

        Raises:
            Unsent: the file cannot be written.

        """
        data = "".join(map(_line, messages)).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._make_room(len(data))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(self.path, flags, 0o640), "wb", buffering=0) as file:
                if file.write(data) != len(data):
                    raise Unsent(f"{self.path}: no space is left")
        except OSError as error:
            raise Unsent(f"{self.path}: {error.strerror}") from error

    def _make_room(self, size: int) -> None:
        if not self.path.exists() or self.path.stat().st_size + size <= self.settings.size:
            return
        if self.settings.files == 0:
            os.truncate(self.path, 0)
            return
        for number in range(self.settings.files - 1, 0, -1):
            if self._older(number).exists():
                self._older(number).replace(self._older(number + 1))
        self.path.replace(self._older(1))

    def _older(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def _line(message: Message) -> str:
    stamp = message.time.astimezone().isoformat(timespec="milliseconds")
    return (
        f"{stamp} {message.origin.server} {message.key} {message.severity.value} {message.text}\n"
    )
