"""The network: one process that carries every frame between the places, or does not."""

import gc
import heapq
import os
import random
import select
import time

import attrs

from clp_lab import frames, ways
from clp_lab.balancer import Frontend
from clp_lab.board import Board
from clp_lab.capture import Tape
from clp_lab.channel import Channel, Message

_LONGEST_FRAME = 4096
_BURST = 64  # frames that one port may send before the others have their turn
_SECOND = 1_000_000_000


@attrs.define(kw_only=True, eq=False)
class _Port:
    """Where a place is plugged in."""

    name: str
    slot: int
    fd: int


@attrs.define(kw_only=True)
class Switch:
    """Reads every port in turn; what it must not carry now waits in a heap by arrival time.

    `known` are the hardware addresses of all places, running or not.
    """

    board: Board
    known: frozenset[bytes]
    frontend: Frontend
    tape: Tape | None
    dice: random.Random
    _ports: dict[str, _Port] = attrs.field(init=False, factory=dict)
    _by_fd: dict[int, _Port] = attrs.field(init=False, factory=dict)
    _where: dict[bytes, _Port] = attrs.field(init=False, factory=dict)
    _ways: dict[tuple[str, str], ways.Way] = attrs.field(init=False, factory=dict)
    _latest: dict[tuple[str, str], int] = attrs.field(init=False, factory=dict)
    _waiting: list[tuple[int, int, _Port, bytes]] = attrs.field(init=False, factory=list)
    _number: int = attrs.field(init=False, default=0)

    def run(self, channel: Channel) -> None:
        """Carry frames and obey the keeper until it is gone."""
        gc.freeze()
        gc.disable()  # nothing here makes cycles, and a collection would be a pause on every way
        while True:
            watched = [channel.fileno(), *self._by_fd]
            ready, _, _ = select.select(watched, (), (), self._pause())
            self._deliver_due(time.monotonic_ns())
            for fd in ready:
                if fd != watched[0]:
                    self._drain(self._by_fd.get(fd))
                elif (received := channel.receive()) is not None:
                    channel.send(self._obey(*received))
                else:
                    return

    def _pause(self) -> float | None:
        """Give the seconds until the next frame is due."""
        if not self._waiting:
            return None
        return max(0, self._waiting[0][0] - time.monotonic_ns()) / _SECOND

    def _obey(self, message: Message, fds: list[int]) -> Message:
        match message:
            case {"attach": name, "slot": slot, "mac": mac}:
                self._attach(_Port(name=name, slot=slot, fd=fds[0]), mac)
            case {"detach": name}:
                self._detach(name)
            case {"way": [source, target], "faults": faults}:
                way = ways.Way.of(faults)
                self._ways[source, target] = ways.GOOD if way == ways.GOOD else way
            case {"count": "flows"}:
                return {"flows": self.frontend.flows}
        return {}

    def _attach(self, port: _Port, mac: str) -> None:
        self._detach(port.name)
        self._ports[port.name] = self._by_fd[port.fd] = self._where[bytes.fromhex(mac)] = port

    def _detach(self, name: str) -> None:
        """Forget a port. The keeper closes the device itself, which can take the kernel 10 ms."""
        port = self._ports.pop(name, None)
        if port is None:
            return
        self._where = {mac: other for mac, other in self._where.items() if other is not port}
        del self._by_fd[port.fd]
        os.close(port.fd)

    def _drain(self, port: _Port | None) -> None:
        if port is None:  # unplugged in this same round
            return
        for _ in range(_BURST):
            try:
                frame = os.read(port.fd, _LONGEST_FRAME)
            except OSError:  # nothing more, or the device went down with its server
                return
            if self.board.is_reachable(port.slot):
                self._carry(port, frame)

    def _carry(self, source: _Port, frame: bytes) -> None:
        now = time.monotonic_ns()
        self._where[frame[6:12]] = source
        self._record(frame)
        if frame[0] & 1:
            self._broadcast(source, frame, now)
        elif frame[:6] == self.frontend.mac:
            self._balance(source, frame, now)
        elif (target := self._where.get(frame[:6])) is not None:
            self._send(source, target, self._answered(frame, now), now)
        elif frame[:6] not in self.known:
            self._flood(source, frame, now)

    def _broadcast(self, source: _Port, frame: bytes, now: int) -> None:
        """Answer for the places, also dead ones, as Azure's network does; the rest goes to all.

        An unanswered ARP request is repeated once a second: it would hide the moment at which a
        server comes back.
        """
        wanted = frames.arp_wanted(frame)
        mac = b"" if wanted is None else frames.mac_of(wanted)
        if mac in self.known or mac == self.frontend.mac:
            self._write(source, frames.arp_answer(frame, mac))
        else:
            self._flood(source, frame, now)

    def _flood(self, source: _Port, frame: bytes, now: int) -> None:
        for port in list(self._ports.values()):
            if port is not source:
                self._send(source, port, frame, now)

    def _balance(self, source: _Port, frame: bytes, now: int) -> None:
        forwarded = self.frontend.toward_server(frame, now)
        if forwarded is None:
            return
        rewritten, backend = forwarded
        self._record(rewritten)
        port = self._ports.get(backend.name)
        if port is not None:
            self._send(source, port, rewritten, now)

    def _answered(self, frame: bytes, now: int) -> bytes:
        """Rewrite an answer on a balanced flow; any other frame passes as it is."""
        rewritten = self.frontend.toward_client(frame, now)
        if rewritten is None:
            return frame
        self._record(rewritten)
        return rewritten

    def _send(self, source: _Port, target: _Port, frame: bytes, now: int) -> None:
        pair = source.name, target.name
        way = self._ways.get(pair, ways.GOOD)
        if way is ways.GOOD:
            self._write(target, frame)
            return
        for at, held in way.arrivals(now, self._latest.get(pair, 0), self.dice):
            if not held:
                self._latest[pair] = at
            self._number += 1
            heapq.heappush(self._waiting, (at, self._number, target, frame))
        self._deliver_due(now)

    def _deliver_due(self, now: int) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            _, _, target, frame = heapq.heappop(self._waiting)
            self._write(target, frame)

    def _write(self, target: _Port, frame: bytes) -> None:
        if self._ports.get(target.name) is target and self.board.is_reachable(target.slot):
            try:
                os.write(target.fd, frame)
            except OSError:  # a full queue or a device that is just going: lost, as on a wire
                return

    def _record(self, frame: bytes) -> None:
        if self.tape is not None:
            self.tape.record(frame)
