"""What resources keep running: who it is, in files of /run, and the event of its end.

The files are written by workers before a process may run on, so that neither a worker's nor the
agent's crash loses one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from clpcore import api
from clpcore.runtime import files
from clpcore.runtime.driving import processes
from clpcore.runtime.driving.launched import Launched

logger = logging.getLogger(__name__)

_SUFFIX: Final = ".json"

_Key: TypeAlias = tuple[str, str, str]  # group, resource, name
Ended: TypeAlias = Callable[[str, str, api.Process], None]


@attrs.frozen
class Identity:
    """A process that was kept, alive or not, and the file that its output goes to."""

    name: str
    launched: Launched
    log: str | None = None

    @property
    def process(self) -> api.Process:
        """Give it as drivers and the agent know it."""
        return api.Process(self.name, self.launched.pid, self.launched.started)


def folder(run: Path, group: str, resource: str) -> Path:
    """Give the folder of a resource's identity files; *run* is the server's volatile folder."""
    return run / "kept" / group / resource


def write(folder: Path, identity: Identity) -> None:
    """Put a process on record, in place of an earlier one of its name."""
    body = {**attrs.asdict(identity.launched), "log": identity.log}
    files.write(file(folder, identity.name), json.dumps(body))


def read(folder: Path, name: str) -> Identity | None:
    """Give who is kept as *name*, None if nobody is.

    Raises:
        Failed: the file is damaged, so that nobody knows who is kept.

    """
    path = file(folder, name)
    text = files.read(path)
    if text is None:
        return None
    try:
        return Identity(name, Launched.parse(text), json.loads(text)["log"])
    except (ValueError, KeyError, TypeError) as error:
        raise api.Failed(
            f"{path} is damaged ({error!r}): end the process {name} by hand, then remove the file"
        ) from error


def forget(folder: Path, name: str) -> None:
    """Take a process off the record."""
    files.remove(file(folder, name))


def living(folder: Path) -> tuple[api.Process, ...]:
    """Give the living kept processes of a resource, by name."""
    found = (_readable(folder, name) for name in _names(folder))
    return tuple(one.process for one in found if one and one.launched.alive)


def recorded(folder: Path) -> tuple[Launched, ...]:
    """Give who was kept for a resource, alive or not, as far as that can be read."""
    found = (_readable(folder, name) for name in _names(folder))
    return tuple(one.launched for one in found if one)


def file(folder: Path, name: str) -> Path:
    """Give the identity file of who is kept as *name*."""
    return folder / f"{name}{_SUFFIX}"


def _names(folder: Path) -> list[str]:
    if not folder.exists():
        return []
    return sorted(path.stem for path in folder.iterdir() if path.suffix == _SUFFIX)


def _readable(folder: Path, name: str) -> Identity | None:
    try:
        return read(folder, name)
    except api.Failed as failed:  # said again, and louder, by whoever needs this very process
        logger.warning("%s", failed)
        return None


class Watch:
    """The agent's ear on kept processes: an end is told once, within the same turn of its loop."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._watched: dict[_Key, tuple[api.Process, int]] = {}
        self._told: dict[_Key, api.Process] = {}  # the last one: an answer may come late

    def see(self, group: str, resource: str, kept: Iterable[api.Process]) -> None:
        """Watch these processes too; one that has ended since it was seen is told as well."""
        for process in kept:
            key = (group, resource, process.name)
            if process not in (self._watching(key), self._told.get(key)):
                self._forget(key)
                self._add(key, process)

    def adopt(self, run: Path) -> None:
        """Watch whatever lives by the files: the agent has started again."""
        for resource in sorted((run / "kept").glob("*/*")):
            self.see(resource.parent.name, resource.name, living(resource))

    def close(self) -> None:
        """Watch nothing any more."""
        for key in list(self._watched):
            self._forget(key)

    def _add(self, key: _Key, process: api.Process) -> None:
        loop = asyncio.get_running_loop()
        try:
            pidfd = os.pidfd_open(process.pid)
        except ProcessLookupError:
            loop.call_soon(self._tell, key, process)
            return
        if not processes.is_alive(process.pid, process.started):  # its number was given away
            os.close(pidfd)
            loop.call_soon(self._tell, key, process)
            return
        self._watched[key] = (process, pidfd)
        loop.add_reader(pidfd, self._tell, key, process)

    def _tell(self, key: _Key, process: api.Process) -> None:
        if self._watching(key) == process:
            self._forget(key)
        if self._told.get(key) != process:
            self._told[key] = process
            self._ended(*key[:2], process)

    def _watching(self, key: _Key) -> api.Process | None:
        return self._watched[key][0] if key in self._watched else None

    def _forget(self, key: _Key) -> None:
        watched = self._watched.pop(key, None)
        if watched is not None:
            asyncio.get_running_loop().remove_reader(watched[1])
            os.close(watched[1])
