"""The auditor: watches all servers at once for a port that more than one of them listens on.

It reads /proc/<PID 1>/net/tcp from outside, so that looking costs the servers nothing.
"""

import contextlib
import json
import os
import select
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from clp_lab import priority
from clp_lab.board import Board
from clp_lab.channel import Channel

_LISTEN = b"0A"
_CHUNK = 65536
_TABLES = ("tcp", "tcp6")
_REPORT_EVERY_NS = 200_000_000
_NS_PER_MS = 1_000_000


@attrs.frozen(kw_only=True)
class Change:
    """Who listened on a port from `at` (monotonic nanoseconds) on."""

    at: int
    port: int
    servers: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Overlap:
    """A time in which several servers listened on one port; `end` is None while it lasts."""

    port: int
    servers: tuple[str, ...]
    begin: int
    end: int | None


@attrs.frozen(kw_only=True)
class Record:
    """What the auditor saw.

    Attributes:
        changes: in the order of time, the first of each port at the first listener.
        samples: how often it looked.
        largest_gap: nanoseconds between two looks, at most.
    """

    changes: tuple[Change, ...]
    samples: int
    largest_gap: int

    def overlaps(self) -> tuple[Overlap, ...]:
        """Give every time with two actives; empty is what everybody hopes for."""
        found: list[Overlap] = []
        for port in sorted({change.port for change in self.changes}):
            changes = [change for change in self.changes if change.port == port]
            ends = [*(change.at for change in changes[1:]), None]
            found += [
                Overlap(port=port, servers=change.servers, begin=change.at, end=end)
                for change, end in zip(changes, ends, strict=True)
                if len(change.servers) > 1
            ]
        return tuple(sorted(found, key=lambda overlap: overlap.begin))


def read_record(lines: Iterable[str]) -> Record:
    """Read the lines that the auditor has written so far."""
    changes: list[Change] = []
    samples = largest_gap = 0
    for line in lines:
        entry = json.loads(line)
        if "samples" in entry:
            samples, largest_gap = entry["samples"], entry["gap"]
        else:
            change = Change(at=entry["at"], port=entry["port"], servers=tuple(entry["on"]))
            changes.append(change)
    return Record(changes=tuple(changes), samples=samples, largest_gap=largest_gap)


class _Eye:
    """Sees the listening ports of one server, whichever life it is in."""

    def __init__(self, board: Board, slot: int) -> None:
        self._board, self._slot = board, slot
        self._pid, self._fds = 0, list[int]()

    def ports(self, wanted: frozenset[int]) -> frozenset[int]:
        """Give those of the wanted ports that the server listens on.

        A server that is off or paused serves nobody: it counts again from the moment it goes on.
        """
        if not self._board.is_live(self._slot):
            return frozenset()
        pid = self._board.pid(self._slot)
        if pid != self._pid:
            self._turn_to(pid)
        return frozenset(port for fd in self._fds for port in _listening(fd)) & wanted

    def _turn_to(self, pid: int) -> None:
        for fd in self._fds:
            os.close(fd)
        self._pid, self._fds = pid, []
        for table in _TABLES:
            with contextlib.suppress(OSError):  # the life ended meanwhile, or has no IPv6
                self._fds.append(os.open(f"/proc/{pid}/net/{table}", os.O_RDONLY | os.O_CLOEXEC))


def _listening(fd: int) -> Iterator[int]:
    """Give the listening ports of a table of connections; the kernel lists them first."""
    offset = 0
    with contextlib.suppress(OSError):
        while chunk := os.pread(fd, _CHUNK, offset):
            offset += len(chunk)
            for line in chunk.splitlines():
                words = line.split(None, 4)
                if words[0] == b"sl":
                    continue
                if words[3] != _LISTEN:
                    return
                yield int(words[1].rpartition(b":")[2], 16)


class Auditor:
    """Samples every `every_ms`; writes a line for each change, and now and then how it looks."""

    def __init__(
        self, board: Board, slots: Mapping[str, int], ports: Sequence[int], every_ms: int
    ) -> None:
        self._eyes = {name: _Eye(board, slot) for name, slot in slots.items()}
        self._ports = frozenset(ports)
        self._every = every_ms * _NS_PER_MS
        self._last: dict[int, tuple[str, ...]] = dict.fromkeys(ports, ())
        self._samples = self._gap = 0

    def run(self, file: int, keeper: Channel) -> None:
        """Look until the keeper closes the channel."""
        priority.raise_own()
        looked = reported = time.monotonic_ns()
        while True:
            now = time.monotonic_ns()
            self._samples, self._gap = self._samples + 1, max(self._gap, now - looked)
            looked = now
            self._look(file)
            if now - reported > _REPORT_EVERY_NS:
                self._report(file)
                reported = now
            left = looked + self._every - time.monotonic_ns()
            if select.select([keeper], (), (), max(0, left) / 1e9)[0]:
                self._report(file)
                return

    def _look(self, file: int) -> None:
        seen = {name: eye.ports(self._ports) for name, eye in self._eyes.items()}
        for port in sorted(self._ports):
            servers = tuple(name for name in seen if port in seen[name])
            if len(servers) > 1:
                servers = self._confirmed(port, servers)
            if servers != self._last[port]:
                self._last[port] = servers
                _write(file, {"at": time.monotonic_ns(), "port": port, "on": servers})

    def _confirmed(self, port: int, servers: tuple[str, ...]) -> tuple[str, ...]:
        """Look again at all but the last: one after the other is no overlap.

        Who listened before the look at the last and listens after it did so at that moment too.
        """
        wanted = frozenset({port})
        *earlier, last = servers
        return (*(name for name in earlier if self._eyes[name].ports(wanted)), last)

    def _report(self, file: int) -> None:
        _write(file, {"samples": self._samples, "gap": self._gap})


def _write(file: int, entry: Mapping[str, object]) -> None:
    os.write(file, json.dumps(entry).encode() + b"\n")
