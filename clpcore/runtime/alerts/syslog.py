"""To the system log, in the product's words, so that what looks for those finds ours."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from clpcore.model.alerts import Syslog
from clpcore.model.reasons import Severity
from clpcore.runtime import unixsockets
from clpcore.runtime.alerts.errors import Unsent
from clpcore.runtime.alerts.message import Message

_DAEMON: Final = 3  # the facility
_LEVELS: Final = {Severity.INFO: 6, Severity.WARNING: 4, Severity.ERROR: 3}
_LETTERS: Final = {Severity.INFO: "I", Severity.WARNING: "W", Severity.ERROR: "E"}
_LONGEST: Final = 6_000  # bytes that every system log takes in one piece
_PATIENCE: Final = 5.0  # seconds


@attrs.frozen
class SyslogSender:
    """One datagram a message."""

    root: Path
    settings: Syslog
    at_once: int = 100
    gather: float = 0.0

    def send(self, messages: Sequence[Message]) -> None:
        """Send them.

        Raises:
            Unsent: the system log takes nothing now.

        """
        path = self.root / self.settings.socket.lstrip("/")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(_PATIENCE)
                unixsockets.connect(sock, path)
                for message in messages:
                    sock.send(entry(message))
        except OSError as error:
            raise Unsent(f"{path}: {error.strerror or error}") from error


def entry(message: Message) -> bytes:
    """Give the datagram: what glibc's syslog() sends, which every daemon reads.

    RFC 5424 would carry more, and systemd's journal would show its head as part of the text.
    """
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime(message.wall_ms // 1_000))
    priority = _DAEMON * 8 + _LEVELS[message.severity]
    which = f"<type: {message.module}><event: {message.event}>"
    text = f"<{priority}>{stamp} clpcore: [{_LETTERS[message.severity]}] {which} {message.text}"
    return text.encode()[:_LONGEST].decode(errors="ignore").encode()
