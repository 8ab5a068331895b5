"""What this server tells the others of its groups and monitors: only what changed."""

from __future__ import annotations

from clpcore.decide import byhand, evidence, fencing, maintenance, placement, troubles
from clpcore.decide.turn import Turn
from clpcore.model.peer import AskReport, GroupReport, MonitorReport, Report
from clpcore.model.reasons import Because
from clpcore.model.state import Doing, Goal, LocalGroup, LocalResource
from clpcore.model.states import Presence, Shown

_ANSWER_MS = 10  # how long an answer is waited for before a whole report is asked for again

# -- what others tell


def take(turn: Turn, sender: str, report: Report) -> None:
    """Note what changed there; ask for the whole when one was missed."""
    peer = turn.peers[sender]
    if report.base not in (0, peer.report):
        _ask_whole(turn, sender)
        return
    groups = {} if report.base == 0 else dict(peer.groups)
    monitors = {} if report.base == 0 else dict(peer.monitors)
    groups.update((each.group, each) for each in report.groups if each.group in turn.groups)
    monitors.update((m.monitor, m) for m in report.monitors if m.monitor in turn.monitors)
    turn.peers.change(
        sender, groups=groups, monitors=monitors, report=report.version, asked_whole_at=None
    )
    troubles.take(turn, report.troubles)
    maintenance.take(turn, report.maintenance)
    fencing.take_word(turn, sender, report.stopped)
    _propose_again(turn, sender, report)
    evidence.stir(turn, (each.group for each in report.groups if each.group in turn.records))
    known = turn.config.monitor_by_name
    if any(m.monitor in known and known[m.monitor].critical for m in report.monitors):
        turn.stir("")


def _propose_again(turn: Turn, sender: str, report: Report) -> None:
    """Whoever could not agree yet may be able to now: its resources have become known."""
    for each in report.groups:
        claim, local = turn.claims.get(each.group), turn.groups.get(each.group)
        refused = local is not None and local.note is not None and local.note.key == "rc526"
        if refused and claim is not None and sender in claim.need:
            turn.propose(sender, turn.records[each.group])


def send_whole(turn: Turn, to: str) -> None:
    """Send everything to a server that missed something."""
    groups, monitors = turn.reported.value(), turn.reported_monitors.value()
    turn.send(
        to,
        Report(
            version=turn.report,
            base=0,
            groups=tuple(groups.values()),
            monitors=tuple(monitors.values()),
            troubles=troubles.news(turn, whole=True),
            maintenance=maintenance.news(turn, whole=True),
            stopped=fencing.news(turn, whole=True),
        ),
    )


# -- what this server tells


def settle(turn: Turn) -> None:
    """Report what changed, and ask for what was missed."""
    found = troubles.news(turn, whole=turn.report == 0)
    words = maintenance.news(turn, whole=turn.report == 0)
    groups = tuple(r for r in map(_changed(turn), sorted(turn.agenda.looked_at)) if r is not None)
    monitors = _changed_monitors(turn)
    stopped = fencing.news(turn, whole=turn.report == 0)
    if groups or monitors or found or words or stopped:
        base, turn.report = turn.report, turn.report + 1
        news = Report(
            version=turn.report,
            base=base,
            groups=groups,
            monitors=monitors,
            troubles=found,
            maintenance=words,
            stopped=stopped,
        )
        for name in sorted(turn.up):
            turn.send(name, news)
    for name in sorted(turn.up):
        _ask_if_behind(turn, name)


def _ask_if_behind(turn: Turn, name: str) -> None:
    """A heartbeat names a report that never came."""
    peer = turn.peers[name]
    if peer.beat is not None and peer.beat.report > peer.report:
        _ask_whole(turn, name)


def _ask_whole(turn: Turn, name: str) -> None:
    """Ask, unless an answer may be on its way; its next heartbeat asks again at the latest."""
    asked = turn.peers[name].asked_whole_at
    if asked is not None and turn.now < asked + _ANSWER_MS:
        return
    turn.peers.change(name, asked_whole_at=turn.now)
    turn.send(name, AskReport())


def _changed(turn: Turn):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def changed(group: str) -> GroupReport | None:
        report = report_of(turn, group)
        if turn.reported.get(group) == report:
            return None
        turn.reported.put(group, report)
        return report

    return changed


def report_of(turn: Turn, group: str) -> GroupReport:
    """Give what this server says of *group* now."""
    local = turn.groups[group]
    return GroupReport(
        group=group,
        state=_state(turn, group, local),
        epoch=local.epoch,
        current=evidence.current(turn, group),
        resources=tuple(
            (name, shown(turn.resources[group, name], local))
            for name in turn.config.group_by_name[group].by_name
        ),
        refuses=placement.obstacle_here(turn, group),
        note=local.halted or local.note or byhand.note(turn, group),
    )


def note_of(turn: Turn, group: str, server: str) -> Because | None:
    """Give what *server* says that *group* waits for there, or why it failed."""
    if server == turn.me:
        return turn.groups[group].halted or turn.groups[group].note
    report = turn.peers[server].groups.get(group)
    return None if report is None else report.note


def standing(turn: Turn, group: str, owner: str) -> tuple[Shown, Because | None]:
    """Give how *group* stands at its owner, as far as it is known here, and why."""
    if owner == turn.me:
        report: GroupReport | None = report_of(turn, group)
    else:
        report = turn.peers[owner].groups.get(group)
    if report is None or report.epoch != turn.records[group].epoch:
        return Shown.ONLINE_PENDING, None
    return report.state, report.note


def _state(turn: Turn, group: str, local: LocalGroup) -> Shown:
    resources = [turn.resources[group, name] for name in turn.config.group_by_name[group].by_name]
    if local.halted is not None or any(resource.stuck for resource in resources):
        return Shown.ERROR
    if local.goal is Goal.DOWN:
        return Shown.OFFLINE_PENDING
    if local.goal is Goal.UP:
        active = evidence.active(turn, group) and not local.bounce
        return Shown.ONLINE if active else Shown.ONLINE_PENDING
    claims = turn.records[group].owner == turn.me and group in turn.claims
    if claims or evidence.claims_at_arbiter(turn, group):
        return Shown.ONLINE_PENDING
    if any(resource.presence is not Presence.INACTIVE for resource in resources):
        return Shown.UNKNOWN
    return Shown.OFFLINE


def shown(resource: LocalResource, group: LocalGroup) -> Shown:
    """Give the state of a resource as operators read it."""
    if resource.stuck:
        return Shown.OFFLINE_FAILURE
    if resource.doing is Doing.ACTIVATE:
        return Shown.ONLINE_PENDING
    if resource.doing is Doing.DEACTIVATE:
        return Shown.OFFLINE_PENDING
    if resource.presence is Presence.ACTIVE:
        return Shown.ONLINE
    if resource.failure and group.goal is not Goal.NONE:
        return Shown.ONLINE_FAILURE
    if resource.presence is Presence.INACTIVE:
        return Shown.OFFLINE
    return Shown.ONLINE_FAILURE if resource.presence is Presence.BROKEN else Shown.UNKNOWN


def _changed_monitors(turn: Turn) -> tuple[MonitorReport, ...]:
    changed: list[MonitorReport] = []
    names = turn.monitors.touched if turn.reported_monitors.value() else set(turn.monitors)
    for name in sorted(names):
        local = turn.monitors[name]
        report = MonitorReport(
            monitor=name, state=local.state, detail=local.detail, dummy=local.dummy
        )
        if turn.reported_monitors.get(name) != report:
            turn.reported_monitors.put(name, report)
            changed.append(report)
    return tuple(changed)
