"""Lets actions out in the order of their decisions, once what they rest on is durable.

Two kinds do not wait in line for ever. Looking (probe, observe, ask, read) changes nothing and
never waits, nor does the renewal of the lease, which rests on nothing new, nor what kills: its time
is up. Stopping (deactivate, stop this machine) waits a moment, and then not for a disk that is full
or stuck: a lost record of a stop costs a repeated stop, a stop that waits can cost two actives.

What others are told of a decision waits in the same line, without exception.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Callable
from typing import Final

import attrs

from clpcore.model import arbitration
from clpcore.model.actions import (
    Action,
    Arbitrate,
    AskNp,
    CanFence,
    Deactivate,
    Hook,
    Kill,
    Observe,
    Probe,
    Rest,
    StopSelf,
)
from clpcore.model.state import Decision

logger = logging.getLogger(__name__)

_AT_ONCE: Final = (
    *(Probe, Observe, AskNp, CanFence),
    Rest,  # it ends what looks have begun, and nothing else
    Kill,
)
_ASKED_AT_ONCE: Final = (arbitration.Read, arbitration.Renew)
PATIENCE: Final = 2.0  # seconds that a stop waits for the store


def _never_waits(action: Action) -> bool:
    asks = isinstance(action, Arbitrate) and isinstance(action.ask, _ASKED_AT_ONCE)
    return asks or isinstance(action, _AT_ONCE)


def _stops(action: Action) -> bool:
    """Tell whether it stops something, or must have ended before something is stopped."""
    return isinstance(action, Deactivate | StopSelf) or (
        isinstance(action, Hook) and action.at.stops
    )


@attrs.define(eq=False)
class _Held:
    decision: Decision
    actions: list[Action]
    durable: asyncio.Future[None] | None
    timer: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        return self.durable is None or self.durable.done()

    @property
    def silent(self) -> bool:
        return self.durable is None and not (self.actions or self.decision.because)


class Gate:
    """The way from decisions to deeds."""

    def __init__(
        self, perform: Callable[[Action], None], passed: Callable[[Decision], None]
    ) -> None:
        """Let everything through to *perform*, on the loop.

        *passed* hears of each decision when it and all before it are on disk, before what is left
        of its actions goes out; of silent ones in a row, only of the last.
        """
        self._perform = perform
        self._passed = passed
        self._held: collections.deque[_Held] = collections.deque()
        self._releasing = False

    @property
    def waiting(self) -> int:
        """Give how many actions wait for the store."""
        return sum(len(held.actions) for held in self._held)

    def put(self, decision: Decision, durable: asyncio.Future[None] | None) -> None:
        """Take one decision. *durable*: done when what it changed is on disk."""
        actions = list(decision.actions)
        for hasty in [each for each in actions if _never_waits(each)]:
            actions.remove(hasty)
            self._do(hasty)
        held = _Held(decision, actions, durable)
        if held.silent and self._held and self._held[-1].silent:
            self._held.pop()  # a stuck disk must not make the line grow with every tick
        self._held.append(held)
        if durable is not None:
            durable.add_done_callback(lambda _: self._release())
        self._release()
        if self._held and any(map(_stops, held.actions)):
            held.timer = asyncio.get_running_loop().call_later(PATIENCE, self._hurry, held)

    def close(self) -> None:
        """Let nothing through any more."""
        for held in self._held:
            if held.timer is not None:
                held.timer.cancel()
        self._held.clear()

    def _release(self) -> None:
        if self._releasing:  # a deed led to the next decision: its actions come after these
            return
        self._releasing = True
        while self._held and self._held[0].ready:
            held = self._held.popleft()
            if held.timer is not None:
                held.timer.cancel()
            self._passed(held.decision)
            for action in held.actions:
                self._do(action)
        self._releasing = False

    def _hurry(self, held: _Held) -> None:
        for stop in [each for each in held.actions if _stops(each)]:
            held.actions.remove(stop)
            logger.warning("%s does not wait for the store any longer", type(stop).__name__)
            self._do(stop)

    def _do(self, action: Action) -> None:
        try:
            self._perform(action)
        except Exception:
            logger.exception("%s could not be begun", type(action).__name__)
