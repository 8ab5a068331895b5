"""What keeps groups from running twice, for the status document: NP, forced stop, arbiter.

All of it is this server's own view: whether a target answers, or a machine can be stopped, is asked
from each server for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clpcore import messages
from clpcore.decide import fencing, partition, session
from clpcore.decide.turn import Turn
from clpcore.model.guards import LocalNp, Readiness
from clpcore.model.kept import ForcedStop
from clpcore.model.protection import MAJORITY, Arbiter, Fencing, NpResolution
from clpcore.model.states import Phase, Shown

Document = dict[str, Any]

_SHOWN = 8  # ends of forced stops of one way, of those that are remembered


def document(turn: Turn) -> Document:
    """Give what the whole cluster has of it."""
    config = turn.config
    return {
        "policy": config.policy.value,
        "exclusive": "guaranteed" if config.exclusive else "not guaranteed",
        "cut_off": None if turn.cut_off is None else messages.plain(turn.cut_off),
        "np": [_np(turn, each) for each in config.nps],
        "fencing": [_way(turn, each) for each in config.fencings],
        "arbiter": None if config.arbiter is None else _arbiter(turn, config.arbiter),
    }


# -- NP resolution


def _np(turn: Turn, np: NpResolution) -> Document:
    here = {turn.me: _asked(turn, np)} if np.asks_on(turn.me) else {}
    return {
        "name": np.name,
        "type": np.type,
        "state": here[turn.me]["state"] if here else Shown.UNUSED.value,
        "servers": here,
    }


def _asked(turn: Turn, np: NpResolution) -> Document:
    local = turn.nps.get(np.name) or LocalNp()
    state, detail = local.state, local.detail
    if np.type == MAJORITY:
        state = Shown.NORMAL if partition.hears_majority(turn) else Shown.ERROR
        detail = f"{1 + len(turn.up)}/{len(turn.config.server_names)}"
    return {"state": _here(turn, state).value, "detail": detail}


def _here(turn: Turn, state: Shown) -> Shown:
    """Nobody asks anything while the cluster service is stopped."""
    return Shown.OFFLINE if turn.phase is Phase.OFFLINE else state


# -- forced stop


def _way(turn: Turn, way: Fencing) -> Document:
    victims = [name for name in turn.config.server_names if name != turn.me and way.stops(name)]
    found = {name: turn.readiness.get(f"{way.name}/{name}") or Readiness() for name in victims}
    states = {name: _here(turn, known.state) for name, known in found.items()}
    return {
        "name": way.name,
        "type": way.type,
        "state": _worst(states.values()).value,
        "servers": {
            name: {"state": states[name].value, "detail": known.detail}
            for name, known in found.items()
        },
        "stops": [_ended(each) for each in reversed(turn.stops) if each.fence == way.name][:_SHOWN],
    }


def _ended(stop: ForcedStop) -> Document:
    return {
        "server": stop.server,
        "boot": stop.boot,
        "at": stop.at,
        "took_ms": stop.took,
        "failed": stop.reason,
    }


def _worst(states: Iterable[Shown]) -> Shown:
    """Give Error, or what is not known yet, before Normal; Unused where nobody can be stopped."""
    found = set(states)
    order = (Shown.ERROR, Shown.UNKNOWN, Shown.OFFLINE, Shown.NORMAL)
    return next((state for state in order if state in found), Shown.UNUSED)


def forced_stop(turn: Turn, server: str) -> Document | None:
    """Give how far the forced stop of *server* is from here; None: none is under way."""
    local, stage = turn.fences.get(server), fencing.stage(turn, server)
    if local is None or stage is None:
        return None
    way = turn.config.ways_to_stop(server)[local.level]
    return {
        "because": messages.plain(stage),
        "fence": way.name,
        "boot": local.boot,
        "failed_tries": local.tries,
        "of": way.tries,
        "failed": local.failed,
    }


# -- the arbiter


def _arbiter(turn: Turn, arbiter: Arbiter) -> Document:
    """Give this boot's session. Times are ms; *stops_in_ms*: until what runs here is stopped."""
    now, leased = turn.session, arbiter.lease > 0 and turn.lease > 0
    until = session.stop_time(turn.config, turn.lease)
    return {
        "name": arbiter.name,
        "type": arbiter.type,
        "state": _here(turn, _session(turn)).value,
        "detail": now.detail,
        "lease_ms": arbiter.lease,
        "lease_left_ms": max(0, turn.lease - turn.now) if leased else None,
        "stops_in_ms": max(0, until - turn.now) if leased else None,
        "promised_to": sorted(turn.promised),
        "promised_by": list(now.promised),
        "asks_for_promises": now.asking != 0,
    }


def _session(turn: Turn) -> Shown:
    now = turn.session
    if now.lost or now.detail:
        return Shown.ERROR
    return Shown.UNKNOWN if now.renewed_at is None else Shown.NORMAL
