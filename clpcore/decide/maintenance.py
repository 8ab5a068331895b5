"""What operators have taken out of the cluster's hands: some servers, or for a while everything.

Servers tell each other in their reports, and every one journals it. Of each thing the newest word
counts, so that all come to hold the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clpcore import messages
from clpcore.decide.turn import Turn
from clpcore.model.kept import Maintenance
from clpcore.model.reasons import Because

CLUSTER: Final = ""  # what a suspension is about


def suspended(turn: Turn) -> bool:
    """Tell whether the whole cluster is left as it is until an operator resumes it."""
    return _is_on(turn, CLUSTER)


def drained(turn: Turn, server: str) -> bool:
    """Tell whether *server* is to run no groups."""
    return _is_on(turn, server)


def all_drained(turn: Turn) -> tuple[str, ...]:
    """Give the servers that are to run no groups."""
    return tuple(about for about, word in turn.maintenance.items() if word.on and about != CLUSTER)


def _is_on(turn: Turn, about: str) -> bool:
    word = turn.maintenance.get(about)
    return word is not None and word.on


def refusal(turn: Turn, server: str) -> Because | None:
    """Tell why no group may be given to *server*; None: one may."""
    if suspended(turn):
        return messages.because("rc580")
    if drained(turn, server):
        return messages.because("rc581", server=server)
    return None


def say(turn: Turn, about: str, *, on: bool) -> None:
    """Take an operator's word about a server, or CLUSTER."""
    if _is_on(turn, about) == on:
        return
    before = turn.maintenance.get(about)
    number = before.round + 1 if before is not None else 1
    _learn(turn, Maintenance(about=about, on=on, round=number, server=turn.me))


def take(turn: Turn, told: Iterable[Maintenance]) -> None:
    """Note what another server tells of this cluster and its servers."""
    for word in told:
        if word.about == CLUSTER or word.about in turn.config.server_by_name:
            _learn(turn, word)


def _learn(turn: Turn, word: Maintenance) -> None:
    known = turn.maintenance.get(word.about)
    if known is not None and known.rank >= word.rank:
        return
    changes = _is_on(turn, word.about) != word.on
    turn.maintenance.put(word.about, word)
    if changes and word.about == CLUSTER:
        turn.say("cl3" if word.on else "cl4", server=turn.me)
    elif changes:
        turn.say("nm30" if word.on else "nm31", server=word.about)


def news(turn: Turn, *, whole: bool = False) -> tuple[Maintenance, ...]:
    """Give what this server has to tell: what changed in this turn, or the *whole*."""
    keys = turn.maintenance if whole else turn.maintenance.touched
    return tuple(turn.maintenance[key] for key in sorted(keys))
