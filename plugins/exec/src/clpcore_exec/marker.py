"""The note in /run that tells how far a script resource has come; a reboot takes it away."""

from __future__ import annotations

import enum
import json
from typing import Any

import attrs

from clpcore import api

START = "start"  # the names of the kept processes
STOP = "stop"


class Phase(enum.Enum):
    """What was begun or reached."""

    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"


@attrs.frozen(kw_only=True)
class Marker:
    """*sync*: the start script has ended; else it is the application, kept as START, and *pid*."""

    phase: Phase
    sync: bool
    log: str
    pid: int = 0

    def write(self, ports: api.Ports) -> None:
        """Put it in its place."""
        body = {"phase": self.phase.value, "sync": self.sync, "log": self.log, "pid": self.pid}
        ports.write(_path(ports), json.dumps(body))


def read(ports: api.Ports) -> Marker | None:
    """Give the marker, None if there is none.

    Raises:
        Failed: it is damaged.

    """
    text = ports.read(_path(ports))
    if text is None:
        return None
    try:
        body: dict[str, Any] = json.loads(text)
        return Marker(
            phase=Phase(body["phase"]), sync=body["sync"], log=body["log"], pid=body["pid"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise api.Failed(
            f"{_path(ports)} is damaged ({error!r}): nobody knows whether the application runs;"
            " stop it by hand, then remove the file"
        ) from error


def remove(ports: api.Ports) -> None:
    """Take it away."""
    ports.remove(_path(ports))


def _path(ports: api.Ports) -> str:
    return f"{ports.places.run}/state.json"
