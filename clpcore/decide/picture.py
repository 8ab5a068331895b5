"""The live state for a forecast, from this server's point of view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation
from clpcore.model.members import COUNTING, Monitor, Resource
from clpcore.model.peer import GroupReport, MonitorReport
from clpcore.model.picture import Picture, Seen
from clpcore.model.protection import MAJORITY, Arbiter, Fencing, NpResolution
from clpcore.model.state import ClusterState, Peer, PeerState
from clpcore.model.states import Presence, Shown

_USUAL = (Shown.NORMAL, Shown.OFFLINE)
_Driven = TypeVar("_Driven", Resource, Monitor, NpResolution, Fencing, Arbiter)


def picture(
    config: ClusterConfig, state: ClusterState, took: Mapping[str, int] | None = None
) -> Picture:
    """Give it; *took*: how long calls took, from whoever has timed them."""
    others = {name: _other(config, peer) for name, peer in state.peers.items()}
    return Picture(
        me=state.me,
        wall=state.wall + state.now,
        config=bare(config),
        kept=state.kept,
        servers={**others, state.me: _here(config, state)},
        took=took or {},
    )


def bare(config: ClusterConfig) -> ClusterConfig:
    """Give *config* without what only drivers and alerts read."""
    return attrs.evolve(
        config,
        alerts=(),
        heartbeats=tuple(attrs.evolve(each, settings={}) for each in config.heartbeats),
        nps=tuple(np if np.type == MAJORITY else _bared([np])[0] for np in config.nps),
        fencings=_bared(config.fencings),
        arbiter=next(iter(_bared(filter(None, [config.arbiter]))), None),
        monitors=tuple(m if m.type == COUNTING else _bared([m])[0] for m in config.monitors),
        groups=tuple(attrs.evolve(g, resources=_bared(g.resources)) for g in config.groups),
    )


def _bared(entries: Iterable[_Driven]) -> tuple[_Driven, ...]:
    return tuple(attrs.evolve(each, settings={}, per_server={}) for each in entries)


def _here(config: ClusterConfig, state: ClusterState) -> Seen:
    local = state.monitors
    return Seen(
        state=PeerState.UP,
        phase=state.phase,
        boot=state.incarnation.boot,
        join=state.run.join,
        held={name: group.epoch for name, group in state.groups.items() if group.epoch},
        active=tuple(
            f"{group}/{name}"
            for (group, name), each in state.resources.items()
            if each.presence is Presence.ACTIVE
        ),
        monitors=_unusual(
            config,
            {
                n: MonitorReport(monitor=n, state=m.state, detail=m.detail, dummy=m.dummy)
                for n, m in local.items()
            },
        ),
    )


def _other(config: ClusterConfig, peer: Peer) -> Seen:
    incarnation: Incarnation | None = peer.incarnation
    up = peer.up
    return Seen(
        state=peer.state,
        phase=peer.phase,
        boot=incarnation.boot if incarnation else None,
        join=peer.beat.join if up and peer.beat else 0,
        held={name: each.epoch for name, each in peer.groups.items() if each.epoch and up},
        active=tuple(_active(peer.groups)) if up else (),
        monitors=_unusual(config, peer.monitors) if up else (),
    )


def _active(groups: Mapping[str, GroupReport]) -> Iterator[str]:
    for group, report in groups.items():
        for name, state in report.resources:
            if state is Shown.ONLINE:
                yield f"{group}/{name}"


def _unusual(
    config: ClusterConfig, reports: Mapping[str, MonitorReport]
) -> tuple[MonitorReport, ...]:
    """Give what can matter to where a group goes."""
    critical = {monitor.name for monitor in config.critical_monitors}
    return tuple(
        each
        for name, each in reports.items()
        if each.state not in _USUAL or (name in critical and each.state is Shown.NORMAL)
    )
