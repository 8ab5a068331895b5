"""The other end: what every companion of the agent does first, and how it speaks."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Final

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.runtime.companions import READY

_LONGEST: Final = 1 << 20  # bytes of a brief


class Agent:
    """The agent, as its companion knows it."""

    def __init__(self, sock: socket.socket) -> None:
        """Take the socket; ``brief`` comes first."""
        self.gone = threading.Event()
        self._socket = sock
        self._lock = threading.Lock()

    @classmethod
    def at_stdin(cls) -> Agent:
        """Give the agent that has started this process; take off what only it may have."""
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("0")
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        return cls(socket.socket(fileno=os.dup(sys.stdin.fileno())))

    def brief(self) -> str:
        """Give the brief, then watch for the agent's end."""
        data = b""
        while b"\n" not in data and len(data) < _LONGEST and (piece := self._socket.recv(65_536)):
            data += piece
        threading.Thread(target=self._watch, name="agent", daemon=True).start()
        return data.decode()

    def _watch(self) -> None:
        with contextlib.suppress(OSError):
            while self._socket.recv(4_096):
                pass
        self.gone.set()

    def ready(self) -> None:
        """Say that all is well."""
        self._say(READY)

    def begin(self, what: str, because: Because) -> None:
        """Say that *what* is in trouble."""
        self._say({"begin": what, "because": messages.plain(because)})

    def end(self, what: str, because: Because) -> None:
        """Say that the trouble of *what* is over."""
        self._say({"end": what, "because": messages.plain(because)})

    def tell(self, because: Because) -> None:
        """Say something that needs no end."""
        self._say({"tell": messages.plain(because)})

    def _say(self, word: dict[str, Any]) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(word).encode() + b"\n")
