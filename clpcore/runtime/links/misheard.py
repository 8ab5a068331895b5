"""Tells of a server that is silent here because what comes from it is dropped."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import messages
from clpcore.runtime import clock
from clpcore.runtime.troubles import Troubles
from clpcore.wire.rejected import Reason

_REASONS: Final = frozenset({Reason.UNKNOWN_KEY, Reason.FORGED, Reason.CLONED, Reason.VERSION})
_SAME: Final = 10_000  # ms in which another reason for the same server is not told


@attrs.define
class Misheard:
    """What is dropped from the addresses of other servers, as troubles of the agent.

    Anybody may forge such a frame: it is only told of a server that nothing else is heard of.
    *silence* in ms is what makes a server unheard.
    """

    _troubles: Troubles
    _silence: int
    _heard_at: dict[str, int] = attrs.field(factory=dict)
    _told_at: dict[str, int] = attrs.field(factory=dict)

    def dropped(self, server: str, reason: Reason) -> None:
        """Take that a frame from an address of *server* was not taken."""
        now = clock.now()
        heard, told = self._heard_at.get(server), self._told_at.get(server)
        if reason not in _REASONS or (heard is not None and now - heard < self._silence):
            return
        if told is None or now - told >= _SAME:
            self._told_at[server] = now
            sentence = messages.because("pm509", server=server, reason=reason.value)
            self._troubles.begin(f"frames of {server}", sentence)

    def heard(self, server: str) -> None:
        """Take that *server* was heard."""
        self._heard_at[server] = clock.now()
        what = f"frames of {server}"
        if what in self._troubles.now:
            self._troubles.end(what, messages.because("pm510", server=server))
