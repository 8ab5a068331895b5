"""Heartbeats: the newest frame of each server for each other one, in memory alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import attrs

from clpcore_witness.service.ledger import Refused

LARGEST: Final = 4_096  # bytes of a frame
_MOST_SERVERS: Final = 128
_LENGTH: Final = 2  # bytes


@attrs.frozen
class _Frame:
    number: int
    at: int
    content: bytes


@attrs.define
class _Cluster:
    """*mail*: by receiver and sender; *heard*: when each server was heard last."""

    mail: dict[str, dict[str, _Frame]] = attrs.field(factory=dict)
    heard: dict[str, int] = attrs.field(factory=dict)
    waiting: dict[str, list[asyncio.Future[None]]] = attrs.field(factory=dict)


class Frames:
    """Takes frames in and hands them out, as long as they are fresh."""

    def __init__(self, clock: Callable[[], int], expire: int, run: str) -> None:
        """*expire*: ms that a frame is kept; *run*: a word that no other start of us has."""
        self._clock = clock
        self._expire = expire
        self._run = run
        self._began = clock()
        self._number = 0
        self._clusters: dict[str, _Cluster] = {}

    def put(self, cluster: str, sender: str, receiver: str, content: bytes) -> None:
        """Keep a frame in place of the sender's last one, and wake who waits for it.

        Raises:
            Refused: it is too large, or the cluster has too many servers.

        """
        if len(content) > LARGEST:
            raise Refused(f"a frame has {LARGEST} bytes at most, not {len(content)}")
        its = self._clusters.setdefault(cluster, _Cluster())
        for name, there in ((sender, its.heard), (receiver, its.mail)):
            if name not in there and len(there) >= _MOST_SERVERS:
                raise Refused(f"a cluster has {_MOST_SERVERS} servers here at most")
        now = self._clock()
        self._number += 1
        its.heard[sender] = now
        its.mail.setdefault(receiver, {})[sender] = _Frame(self._number, now, content)
        for waiter in its.waiting.pop(receiver, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def get(self, cluster: str, receiver: str, after: str, wait: float) -> bytes:
        """Give the cursor in a line, then the fresh frames after the cursor *after*.

        Each frame has its length before it, two bytes. Waits up to *wait* seconds for the first.
        """
        its = self._clusters.setdefault(cluster, _Cluster())
        number = self._place(after)
        found = self._after(its, receiver, number)
        if not found and wait > 0:
            await self._news(its, receiver, wait)
            found = self._after(its, receiver, number)
        newest = max((frame.number for frame in found), default=number)
        body = bytearray(f"{self._run}.{newest}\n".encode())
        for frame in found:
            body += len(frame.content).to_bytes(_LENGTH, "big") + frame.content
        return bytes(body)

    async def _news(self, its: _Cluster, receiver: str, wait: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = its.waiting.setdefault(receiver, [])
        waiters.append(waiter)
        timer = asyncio.get_running_loop().call_later(wait, _end, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            if waiter in waiters:
                waiters.remove(waiter)

    def _place(self, after: str) -> int:
        run, _, number = after.partition(".")
        return int(number) if run == self._run and number.isdecimal() and len(number) < 20 else 0  # noqa: PLR2004 - digits

    def _after(self, its: _Cluster, receiver: str, number: int) -> list[_Frame]:
        oldest = self._clock() - self._expire
        mail = its.mail.get(receiver, {})
        return [one for one in mail.values() if one.number > number and one.at >= oldest]

    def heard(self, cluster: str) -> dict[str, int]:
        """Give how many ms ago each server was heard."""
        its, now = self._clusters.get(cluster, _Cluster()), self._clock()
        return {server: now - at for server, at in sorted(its.heard.items())}

    @property
    def up(self) -> int:
        """Give for how many ms we listen: who was heard before is not known."""
        return self._clock() - self._began

    def sweep(self) -> None:
        """Throw away what is no longer fresh; who was heard when is kept."""
        oldest = self._clock() - self._expire
        for its in self._clusters.values():
            for receiver, mail in list(its.mail.items()):
                fresh = {sender: frame for sender, frame in mail.items() if frame.at >= oldest}
                if fresh:
                    its.mail[receiver] = fresh
                else:
                    del its.mail[receiver]


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
