"""The states that a forecast begins with: every server as the live one sees it, at rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import attrs

from clpcore import decide
from clpcore.decide import reporting
from clpcore.decide.turn import Turn
from clpcore.model.config import ClusterConfig
from clpcore.model.guards import LocalNp, Readiness, Session
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.kept import BootKept, Current, Kept
from clpcore.model.members import Monitor
from clpcore.model.ownership import EvidenceKind, Record
from clpcore.model.peer import GroupReport
from clpcore.model.picture import Picture, Seen
from clpcore.model.state import ClusterState, LocalMonitor, LocalResource, Peer, PeerState
from clpcore.model.states import Phase, Presence, Shown
from clpcore.simulate.machine import Life, Machine

_NEVER: Final = 2**40  # ms: monitors that say the unusual go on saying it
_BEFORE: Final = 5_000  # ms between the sending of the last renewals and the beginning, at most


def reduced(picture: Picture, about: Iterable[str]) -> ClusterConfig:
    """Give the configuration with the groups *about* and what has to do with them."""
    names, config = set(about), picture.config
    told = {each.monitor for seen in picture.servers.values() for each in seen.monitors}
    kept = tuple(m for m in config.monitors if m.name in told and _stays(m, names))
    return attrs.evolve(reduced_to(config, names), monitors=kept)


def reduced_to(config: ClusterConfig, names: Collection[str]) -> ClusterConfig:
    """Give *config* with the groups *names*, and no monitors."""
    return attrs.evolve(
        config,
        groups=tuple(group for group in config.groups if group.name in names),
        exclusions=tuple(r for r in config.exclusions if all(n in names for n in r.groups)),
        monitors=(),
        alerts=(),
    )


def _stays(monitor: Monitor, groups: set[str]) -> bool:
    return not monitor.group or monitor.group in groups


def states(config: ClusterConfig, picture: Picture, now: int) -> dict[str, ClusterState]:
    """Give the state of each member; nothing is under way in any of them."""
    records = {name: _record(config, picture, name) for name in config.group_by_name}
    online = {name: seen for name, seen in picture.servers.items() if seen.online}
    alone = {name: _alone(config, picture, name, records, now) for name in online}
    told = {name: _reports(config, state) for name, state in alone.items()}
    met = {
        name: attrs.evolve(
            state,
            peers={
                other: _peer(config, picture, other, records, told, now)
                for other in state.peers
                if other in picture.servers
            },
            reported=told[name],
            report=1,
        )
        for name, state in alone.items()
    }
    beats = {name: decide.beat(config, state) for name, state in met.items()}
    return {
        name: attrs.evolve(
            state,
            peers={
                other: attrs.evolve(peer, beat=beats.get(other))
                for other, peer in state.peers.items()
            },
        )
        for name, state in met.items()
    }


def boot_of(picture: Picture, server: str) -> Boot:
    """Give the life of a server, under the id that a simulated machine gives it."""
    seen = picture.servers.get(server)
    return Boot(seen.boot.counter if seen and seen.boot else 1, f"{server}-1")


def _record(config: ClusterConfig, picture: Picture, group: str) -> Record:
    """Give a group's record; the current life of its owner goes by the simulated id."""
    known = picture.kept.records.get(group)
    if known is None:
        return Record(group=group, cohort=tuple(sorted(config.server_names)))
    seen = picture.servers.get(known.owner)
    lives = seen is not None and seen.boot is not None and seen.boot.counter == known.boot.counter
    return attrs.evolve(known, boot=boot_of(picture, known.owner)) if lives else known


def _alone(
    config: ClusterConfig, picture: Picture, me: str, records: Mapping[str, Record], now: int
) -> ClusterState:
    seen, kept = picture.servers[me], picture.kept
    arbiter = config.arbiter
    state = decide.start(
        config,
        me,
        Incarnation(boot_of(picture, me), 1),
        Kept(
            records=records,
            view=kept.view,
            troubles=kept.troubles,
            maintenance=kept.maintenance,
            ends=kept.ends if me == picture.me else (),
        ),
        BootKept(
            current=tuple(Current(name, each.version) for name, each in sorted(records.items())),
            boots={n: boot_of(picture, n).counter for n in config.server_names if n != me},
            join=seen.join,
            held={name: epoch for name, epoch in seen.held.items() if name in records},
            lease=now + arbiter.counted if arbiter and arbiter.lease else 0,
        ),
        now=now,
        wall=picture.wall,
    )
    active = set(seen.active)
    renewal = Session()
    if arbiter is not None:
        place = config.place_of_server[me] * arbiter.renewal // len(config.servers)
        renewal = Session(sent_at=now, renewed_at=now, next_at=now + 1 + min(place, _BEFORE))
    ways = [f"{w.name}/{n}" for w in config.fencings for n in config.server_names if w.stops(n)]
    return attrs.evolve(
        state,
        phase=Phase.ONLINE,
        armed=True,
        resources={
            (group, name): LocalResource(presence=_presence(f"{group}/{name}" in active))
            for group, name in state.resources
        },
        monitors={m.name: _monitor(seen, m.name) for m in config.monitors},
        reported_monitors={m.monitor: m for m in seen.monitors if m.monitor in state.monitors},
        session=renewal,
        nps={
            np.name: LocalNp(state=Shown.NORMAL, asked_at=now, answered=now, next_at=now + 1)
            for np in config.nps
        },
        readiness={key: Readiness(state=Shown.NORMAL, next_at=now + _NEVER) for key in ways},
    )


def _presence(is_active: bool) -> Presence:  # noqa: FBT001 - it is what it is about
    return Presence.ACTIVE if is_active else Presence.INACTIVE


def _monitor(seen: Seen, name: str) -> LocalMonitor:
    told = next((each for each in seen.monitors if each.monitor == name), None)
    if told is None:
        return LocalMonitor(next_at=_NEVER, keeps=False)
    ill = told.state in (Shown.CAUTION, Shown.ERROR)
    return LocalMonitor(
        state=told.state, detail=told.detail, errors=int(ill), next_at=_NEVER, keeps=False
    )


def _reports(config: ClusterConfig, state: ClusterState) -> dict[str, GroupReport]:
    turn = Turn(config, state, state.now)
    return {name: reporting.report_of(turn, name) for name in config.group_by_name}


def _peer(
    config: ClusterConfig,
    picture: Picture,
    name: str,
    records: Mapping[str, Record],
    told: Mapping[str, dict[str, GroupReport]],
    now: int,
) -> Peer:
    """Give how *name* is seen by every other member."""
    seen = picture.servers[name]
    life = Incarnation(boot_of(picture, name), 1) if seen.boot is not None else None
    if not seen.online:
        left = seen.state is PeerState.LEFT or (
            seen.state is PeerState.UP and seen.phase is Phase.OFFLINE
        )
        return Peer(
            state=PeerState.LEFT if left else PeerState.SILENT,
            incarnation=life,
            since=now,
            evidence=EvidenceKind.CLEAN if left else None,
        )
    return Peer(
        state=PeerState.UP,
        incarnation=life,
        links={link.name: now for link in config.heartbeats},
        since=now,
        told={group: record.version for group, record in records.items()},
        groups=told[name],
        monitors={m.monitor: m for m in seen.monitors if m.monitor in config.monitor_by_name},
        report=1,
    )


def furnish(machine: Machine, seen: Seen, state: ClusterState) -> None:
    """Let the machine be on, with what really runs on it."""
    boot = state.incarnation.boot
    machine.on, machine.boots = True, 1
    machine.kept, machine.run = state.kept, state.run
    machine.stored = machine.remembered = Life(boot, 1)
    active = set(seen.active)
    for group, name in machine.truth:
        machine.truth[group, name] = _presence(f"{group}/{name}" in active)
