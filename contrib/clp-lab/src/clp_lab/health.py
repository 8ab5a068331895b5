"""The load balancer's health probe: a TCP connection to each server, again and again.

As Azure's: a handshake and an orderly close is a success; a refusal fails at once, silence fails
when the next probe is due; so many equal results in a row change the verdict, both ways.
"""

import contextlib
import errno
import os
import selectors
import socket
import time
from collections.abc import Sequence

import attrs

from clp_lab import priority
from clp_lab.board import Board

_NS_PER_MS = 1_000_000


@attrs.define
class Verdict:
    """Healthy or not, decided by `threshold` equal results in a row; not, until proven."""

    threshold: int
    healthy: bool = False
    _against: int = attrs.field(init=False, default=0)

    def note(self, *, success: bool) -> bool:
        """Take one result; tells whether the verdict changed."""
        self._against = 0 if success == self.healthy else self._against + 1
        if self._against < self.threshold:
            return False
        self.healthy, self._against = success, 0
        return True


@attrs.define(kw_only=True, eq=False)
class _Target:
    address: tuple[str, int]
    slot: int
    verdict: Verdict
    sock: socket.socket | None = None


class HealthProbe:
    """Probes a pool from the source address of its namespace and writes verdicts on the board."""

    def __init__(
        self, pool: Sequence[tuple[str, int]], *, port: int, threshold: int, board: Board
    ) -> None:
        self._board = board
        self._targets = [
            _Target(address=(address, port), slot=slot, verdict=Verdict(threshold))
            for address, slot in pool
        ]
        self._selector = selectors.DefaultSelector()

    def run(self, interval_ms: int) -> None:
        """Probe for ever; the rounds keep their beat whatever the servers do."""
        priority.raise_own()
        due = time.monotonic_ns()
        while True:
            for target in self._targets:
                self._begin(target)
            due = max(due + interval_ms * _NS_PER_MS, time.monotonic_ns())
            while (left := due - time.monotonic_ns()) > 0:
                for key, _events in self._selector.select(left / 1e9):
                    self._finish(key.data)
            for target in self._targets:
                if target.sock is not None:
                    self._result(target, success=False)

    def _begin(self, target: _Target) -> None:
        target.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        target.sock.setblocking(False)
        if target.sock.connect_ex(target.address) in {0, errno.EINPROGRESS}:
            self._selector.register(target.sock, selectors.EVENT_WRITE, target)
        else:
            self._result(target, success=False)

    def _finish(self, target: _Target) -> None:
        if target.sock is not None:
            error = target.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._result(target, success=error == 0)

    def _result(self, target: _Target, *, success: bool) -> None:
        if target.sock is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(target.sock)
            target.sock.close()
            target.sock = None
        if target.verdict.note(success=success):
            at = time.monotonic_ns()
            self._board.set_healthy(target.slot, healthy=success, at=at)
            os.write(1, f"lab: {target.address[0]} healthy={success} at {at}\n".encode())
