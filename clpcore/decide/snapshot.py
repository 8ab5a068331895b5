"""The status document: what ``clp status --json`` prints, schema 1."""

from __future__ import annotations

import graphlib
from typing import Any

from clpcore import messages
from clpcore.decide import evidence, freezing, maintenance, reporting, safeguards, troubles
from clpcore.decide.turn import Turn
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Heartbeat, Monitor
from clpcore.model.ownership import Record, Wanted
from clpcore.model.peer import GroupReport, MonitorReport
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState, Peer, PeerState
from clpcore.model.states import Phase, Shown

Document = dict[str, Any]

_PHASES = {
    Phase.STARTING: Shown.ONLINE_PENDING,
    Phase.ONLINE: Shown.ONLINE,
    Phase.LEAVING: Shown.OFFLINE_PENDING,
    Phase.DYING: Shown.OFFLINE_PENDING,
    Phase.OFFLINE: Shown.OFFLINE,
}


def snapshot(config: ClusterConfig, state: ClusterState) -> Document:
    """Give what operators see of the cluster, from this server's point of view.

    Plain JSON types; sentences as ``{"key", "args"}``, rendered by whoever shows them.
    """
    turn = Turn(config, state, state.now)
    leader = turn.leader()
    return {
        "schema": 1,
        "cluster": config.name,
        "server": state.me,
        "now_ms": state.now,
        "phase": state.phase.value,
        "leader": leader or None,
        "view": {
            "counter": state.kept.view.counter,
            "leader": state.kept.view.leader,
            "members": list(state.kept.view.members),
        },
        "verification": state.verification,
        "suspended": maintenance.suspended(turn),
        "endured_freeze_ms": config.endured_freeze,
        **safeguards.document(turn),
        "servers": [_server(turn, name) for name in config.server_names],
        "groups": [_group(turn, group) for group in config.groups],
        "monitors": [_monitor(turn, monitor) for monitor in config.monitors],
        "troubles": [
            {**messages.plain(each.because), "since": each.since} for each in troubles.shown(turn)
        ],
    }


def _sentence(because: Because | None) -> Document | None:
    return None if because is None else messages.plain(because)


# -- servers


def _server(turn: Turn, name: str) -> Document:
    if name == turn.me:
        return {
            "name": name,
            "state": _PHASES[turn.phase].value,
            "priority": turn.config.server_by_name[name].priority,
            "boot": turn.incarnation.boot.counter,
            "join": turn.join,
            "drained": maintenance.drained(turn, name),
            "freeze": _freeze(turn),
            "evidence": None,
            "forced_stop": None,
            "heard_ms_ago": None,
            "heartbeats": _my_links(turn),
        }
    peer = turn.peers[name]
    last, kind = max(peer.links.values(), default=None), evidence.proof(turn, name)
    return {
        "name": name,
        "state": _peer_state(peer).value,
        "priority": turn.config.server_by_name[name].priority,
        "boot": peer.incarnation.boot.counter if peer.incarnation else None,
        "join": peer.beat.join if peer.up and peer.beat else 0,
        "drained": maintenance.drained(turn, name),
        "freeze": "expected" if peer.beat and peer.beat.may_freeze else None,
        "evidence": kind.value if kind else None,
        "forced_stop": safeguards.forced_stop(turn, name),
        "heard_ms_ago": None if last is None else turn.now - last,
        "heartbeats": [
            _path(link, _link(turn, peer, link.name)) for link in turn.config.heartbeats
        ],
    }


def _freeze(turn: Turn) -> str | None:
    """Tell how far it is with a freeze of this server that was announced."""
    if turn.freeze is None:
        return None
    return "expected" if freezing.told(turn) else "announcing"


def _peer_state(peer: Peer) -> Shown:
    if peer.state is PeerState.UP:
        return _PHASES[peer.phase]
    return Shown.OFFLINE if peer.state is PeerState.LEFT else Shown.UNKNOWN


def _link(turn: Turn, peer: Peer, name: str) -> Shown:
    """Tell how *peer* is heard over a link; the agent of one that has left is no heartbeat."""
    offline = turn.phase is Phase.OFFLINE or _peer_state(peer) is Shown.OFFLINE
    return Shown.OFFLINE if offline else _sound(turn, peer, name)


def _sound(turn: Turn, peer: Peer, name: str) -> Shown:
    if name not in peer.links:
        return Shown.UNKNOWN if peer.state is PeerState.UNSEEN else Shown.ERROR
    late = turn.now - peer.links[name] >= freezing.timeout(turn.config, peer)
    return Shown.ERROR if late else Shown.NORMAL


def _my_links(turn: Turn) -> list[Document]:
    return [_path(link, _over(turn, link.name)) for link in turn.config.heartbeats]


def _path(link: Heartbeat, state: Shown) -> Document:
    return {"name": link.name, "type": link.type, "state": state.value}


def _over(turn: Turn, name: str) -> Shown:
    """Normal when every server is heard over the link, Caution when some are, Error when none.

    It is Caution, too, as in the product, when all who are missed there are heard on another path.
    A server that has left is not missed; Unused when nobody is left to be heard.
    """
    if turn.phase is Phase.OFFLINE:
        return Shown.OFFLINE
    heard = [
        sound is Shown.NORMAL
        for _, peer in turn.peers.items()
        if (sound := _sound(turn, peer, name)) is Shown.NORMAL
        or _peer_state(peer) is not Shown.OFFLINE
    ]
    if all(heard):
        return Shown.NORMAL if heard else Shown.UNUSED
    elsewhere = all(peer.up or _peer_state(peer) is Shown.OFFLINE for _, peer in turn.peers.items())
    return Shown.CAUTION if any(heard) or elsewhere else Shown.ERROR


# -- groups


def _reports(turn: Turn, group: str) -> dict[str, GroupReport]:
    reports = {
        name: peer.groups[group]
        for name, peer in turn.peers.items()
        if peer.up and group in peer.groups
    }
    return {**reports, turn.me: reporting.report_of(turn, group)}


def _group(turn: Turn, group: Group) -> Document:
    record, reports = turn.records[group.name], _reports(turn, group.name)
    home = _home(record, reports)
    report = reports.get(home) if home else None
    mine = reports[turn.me]
    wanted = turn.cold.get(group.name) or record.wanted
    return {
        "name": group.name,
        "state": _group_state(turn, record, report, mine, home).value,
        "server": home or None,
        "epoch": record.epoch,
        "wanted": wanted.value,
        "because": _sentence(_why(group.name, report, mine, wanted)),
        "resources": _resources(turn, group, home, report or mine),
        "servers": {
            name: {
                "state": reports[name].state.value,
                "epoch": reports[name].epoch,
                "can_take": reports[name].refuses is None,
                "because": _sentence(reports[name].refuses),
                "note": _sentence(reports[name].note),
            }
            for name in turn.config.homes[group.name]
            if name in reports
        },
    }


def _home(record: Record, reports: dict[str, GroupReport]) -> str:
    """Give where the group is: who serves it with the highest epoch, else the recorded owner."""
    serving = [(r.epoch, name) for name, r in reports.items() if r.epoch]
    return max(serving)[1] if serving else record.owner


def _group_state(
    turn: Turn, record: Record, report: GroupReport | None, mine: GroupReport, home: str
) -> Shown:
    if report is not None:
        return report.state
    if home:
        return Shown.UNKNOWN if not turn.peers[home].there else Shown.OFFLINE
    return Shown.ERROR if record.wanted is Wanted.BLOCKED else mine.state


def _why(
    group: str, report: GroupReport | None, mine: GroupReport, wanted: Wanted
) -> Because | None:
    if report is not None and report.note is not None:
        return report.note
    given_up = mine.note is not None and mine.note.key == "rc17"
    if report is None and (wanted is Wanted.AUTO or given_up):
        return mine.note
    if wanted is Wanted.BLOCKED:
        return messages.because("rc571", group=group)
    return None


def _resources(turn: Turn, group: Group, home: str, report: GroupReport) -> list[Document]:
    """Give the resources in the order of their activation; of a silent server nobody knows them."""
    silent = home not in {"", turn.me} and not turn.peers[home].there
    states = {} if silent else dict(report.resources)
    needs = {resource.name: resource.depends_on for resource in group.resources}
    return [
        {
            "name": name,
            "type": group.by_name[name].type,
            "state": states.get(name, Shown.UNKNOWN).value,
        }
        for name in graphlib.TopologicalSorter(needs).static_order()
    ]


# -- monitors


def _monitor(turn: Turn, monitor: Monitor) -> Document:
    reports = {
        name: peer.monitors[monitor.name]
        for name, peer in turn.peers.items()
        if peer.up and monitor.name in peer.monitors
    }
    local = turn.monitors[monitor.name]
    reports[turn.me] = MonitorReport(
        monitor=monitor.name, state=local.state, detail=local.detail, dummy=local.dummy
    )
    names = [name for name in turn.config.server_names if name in reports]
    return {
        "name": monitor.name,
        "type": monitor.type,
        "target": monitor.target,
        "state": _together([reports[name].state for name in names]).value,
        "servers": {
            name: {
                "state": _on_server(reports[name].state).value,
                "detail": reports[name].detail,
                "dummy": reports[name].dummy,
            }
            for name in names
        },
    }


def _on_server(state: Shown) -> Shown:
    """Give the product's word for a monitor on one server; over all servers it has others."""
    return {Shown.NORMAL: Shown.ONLINE, Shown.ERROR: Shown.ONLINE_FAILURE}.get(state, state)


def _together(states: list[Shown]) -> Shown:
    """Give the worst state of those that look; Offline when nobody does."""
    for state in (Shown.ERROR, Shown.CAUTION, Shown.SUSPEND, Shown.NORMAL, Shown.UNKNOWN):
        if state in states:
            return state
    return Shown.OFFLINE
