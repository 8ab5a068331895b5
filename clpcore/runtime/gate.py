"""Lets actions out in the order of their decisions, once what they rest on is durable.

Two kinds do not wait in line for ever. Looking (probe, observe) changes nothing and never waits.
Stopping (deactivate, stop this machine) waits a moment, and then not for a disk that is full or
stuck: a lost record of a stop costs a repeated stop, a stop that waits can cost two actives.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from clpcore.model.actions import Action, Deactivate, Observe, Probe, StopSelf

logger = logging.getLogger(__name__)

_LOOKS: Final = (Probe, Observe)
_STOPS: Final = (Deactivate, StopSelf)
PATIENCE: Final = 2.0  # seconds that a stop waits for the store


@attrs.define(eq=False)
class _Held:
    actions: list[Action]
    durable: asyncio.Future[None] | None
    timer: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        return self.durable is None or self.durable.done()


class Gate:
    """The way from decisions to deeds."""

    def __init__(self, perform: Callable[[Action], None]) -> None:
        """Let everything through to *perform*, on the loop."""
        self._perform = perform
        self._held: collections.deque[_Held] = collections.deque()
        self._releasing = False

    @property
    def waiting(self) -> int:
        """Give how many actions wait for the store."""
        return sum(len(held.actions) for held in self._held)

    def put(self, actions: Iterable[Action], durable: asyncio.Future[None] | None) -> None:
        """Take the actions of one decision. *durable*: done when what it changed is on disk."""
        actions = list(actions)
        for look in [each for each in actions if isinstance(each, _LOOKS)]:
            actions.remove(look)
            self._do(look)
        held = _Held(actions, durable)
        if not actions and held.ready:
            return
        self._held.append(held)
        if durable is not None:
            durable.add_done_callback(lambda _: self._release())
        self._release()
        if self._held and any(isinstance(each, _STOPS) for each in held.actions):
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
            for action in held.actions:
                self._do(action)
        self._releasing = False

    def _hurry(self, held: _Held) -> None:
        for stop in [each for each in held.actions if isinstance(each, _STOPS)]:
            held.actions.remove(stop)
            logger.warning("%s does not wait for the store any longer", type(stop).__name__)
            self._do(stop)

    def _do(self, action: Action) -> None:
        try:
            self._perform(action)
        except Exception:
            logger.exception("%s could not be begun", type(action).__name__)
