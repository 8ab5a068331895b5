"""The newest heartbeat taken of each server, in memory that outlives the agent.

An agent that has just started has seen no number of any stream, and would take what was recorded
before. So a file of /run is mapped: to note a number is a store into memory and no system call, and
a killed agent loses none. A reboot does (see docs/decisions/0014).
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from clpcore.model.ids import Boot, Incarnation
from clpcore.wire.datagram import MAX_NAME, Opened
from clpcore.wire.rejected import Reason, Rejected

logger = logging.getLogger(__name__)

_NAME: Final = struct.Struct(f"{MAX_NAME}s")
_FIELD: Final = struct.Struct("=Q")
_BOOT, _START, _SEQUENCE = (_NAME.size + n * _FIELD.size for n in range(3))
_SLOT: Final = _SEQUENCE + _FIELD.size


@attrs.frozen(order=True)
class Number:
    """Which datagram of which life of a server; later ones are greater."""

    boot: int = 0
    start: int = 0
    sequence: int = 0

    @classmethod
    def of(cls, opened: Opened) -> Number:
        """Give that of a datagram."""
        life = opened.incarnation
        return cls(life.boot.counter, life.start, opened.sequence)

    @property
    def incarnation(self) -> Incarnation:
        """Give the life, whose boot has a counter only."""
        return Incarnation(Boot(self.boot), self.start)


class Newest:
    """One slot a server: its name, and boot, start and sequence of the newest datagram taken."""

    def __init__(self, memory: mmap.mmap, servers: Collection[str]) -> None:
        """Go on in *memory*, which ``opened`` has laid out for these servers."""
        self._memory = memory
        self._places = {name: n * _SLOT for n, name in enumerate(sorted(servers))}
        self.before: Mapping[str, Number] = dict(_slots(memory))  # taken before this start
        self._now = dict(self.before)

    @classmethod
    def opened(cls, path: Path, servers: Collection[str]) -> Newest:
        """Map the file, making it anew if it is of other servers; without it, forget at the end."""
        try:
            return cls(_map(path, servers), servers)
        except OSError as error:
            logger.warning("%s: %s: recorded heartbeats are known until the end", path, error)
            layout = _layout(servers, {})
            memory = mmap.mmap(-1, len(layout))
            memory.write(layout)
            return cls(memory, servers)

    def check(self, opened: Opened) -> None:
        """Refuse, with Rejected, what came before this start of the agent, or could have."""
        known = self.before.get(opened.sender, Number())
        if Number.of(opened) <= known:
            raise Rejected(
                Reason.REPLAYED,
                f"datagram {opened.sequence} of {opened.sender!r} is not newer than what came"
                f" before this agent started ({known.sequence}): very late, or replayed",
            )

    def note(self, opened: Opened) -> None:
        """Remember a datagram that was taken."""
        name, new = opened.sender, Number.of(opened)
        old = self._now.get(name, Number())
        if new <= old:
            return
        self._now[name] = new
        place = self._places[name]
        if (new.boot, new.start) != (old.boot, old.start):
            # In this order a kill in between leaves less than the truth, never more.
            self._store(place, (_SEQUENCE, 0), (_START, 0), (_BOOT, new.boot), (_START, new.start))
        self._store(place, (_SEQUENCE, new.sequence))

    def _store(self, place: int, *fields: tuple[int, int]) -> None:
        for field, value in fields:
            _FIELD.pack_into(self._memory, place + field, value)

    def close(self) -> None:
        """Give the memory back; the file stays for the next agent."""
        self._memory.close()


def _map(path: Path, servers: Collection[str]) -> mmap.mmap:
    path.parent.mkdir(parents=True, exist_ok=True)
    known = dict(_slots(path.read_bytes())) if path.exists() else {}
    draft = path.with_name(f"{path.name}.new")
    fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # Written and not just made longer: a store into a page that a full /run cannot give kills.
        os.write(fd, _layout(servers, known))
        memory = mmap.mmap(fd, 0)
    finally:
        os.close(fd)
    draft.replace(path)
    return memory


def _layout(servers: Collection[str], known: Mapping[str, Number]) -> bytes:
    numbers = [(name, known.get(name, Number())) for name in sorted(servers)]
    slots = [
        _NAME.pack(name.encode()) + b"".join(map(_FIELD.pack, attrs.astuple(number)))
        for name, number in numbers
    ]
    return b"".join([*slots, b"\0"])  # nothing cannot be mapped


def _slots(memory: bytes | mmap.mmap) -> Iterator[tuple[str, Number]]:
    for place in range(0, len(memory) - _SLOT + 1, _SLOT):
        name = memory[place : place + _NAME.size].rstrip(b"\0").decode(errors="replace")
        fields = [
            _FIELD.unpack_from(memory, place + each)[0] for each in (_BOOT, _START, _SEQUENCE)
        ]
        yield name, Number(*fields)
