"""Taking and giving back the right to serve a group: claim, release, stop."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import evidence
from clpcore.decide.turn import Turn
from clpcore.model.ids import Boot
from clpcore.model.ownership import Evidence, Record, Wanted
from clpcore.model.reasons import Because
from clpcore.model.state import Claim, Goal, LocalGroup
from clpcore.model.states import Event


def note(turn: Turn, group: str, because: Because) -> None:
    """Show why the group waits; say it when it is news."""
    if turn.groups[group].note != because:
        turn.groups.change(group, note=because)
        turn.say("rc66", group=group, reason=because)


def claim(turn: Turn, group: str, event: Event, previous: str) -> bool:
    """Begin to claim *group* for this server; False, with a note, when that is not allowed."""
    record = turn.records[group]
    if evidence.holds(turn, group) or _claiming(turn, group):
        return False
    obstacle = evidence.obstacle_here(turn, group) or _unproven(turn, record)
    if obstacle is not None:
        note(turn, group, obstacle)
        return False
    rest = tuple(
        name for name in record.cohort if name != turn.me and evidence.proof(turn, name) is None
    )
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        epoch=record.epoch + 1,
        owner=turn.me,
        boot=turn.incarnation.boot,
        cohort=tuple(sorted((turn.me, *rest))),
        evidence=_evidence_for(turn, record, rest),
        wanted=Wanted.AUTO,
        heir="",
        event=event.value,
        avoid=(),
        previous=previous,
    )
    turn.groups.put(group, LocalGroup(event=event))
    turn.cold.drop(group)
    put_forward(turn, new, rest)
    return True


def _claiming(turn: Turn, group: str) -> bool:
    record = turn.records[group]
    mine = (record.owner, record.boot) == (turn.me, turn.incarnation.boot)
    return mine and group in turn.claims


def _unproven(turn: Turn, record: Record) -> Because | None:
    """Name the first server without whose word or proven end nobody may claim."""
    if record.owner and evidence.proof_about(turn, record.owner, record.boot) is None:
        mine = record.owner == turn.me
        if not mine and record.owner in record.cohort:
            return messages.because("rc530", group=record.group, server=record.owner)
    for name in record.cohort:
        if name != turn.me and not turn.peers[name].up and evidence.proof(turn, name) is None:
            return messages.because("rc531", group=record.group, server=name)
    return None


def _evidence_for(turn: Turn, record: Record, rest: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Give what the claim rests on: about the former holder, and everybody not asked."""
    found: list[Evidence] = []
    if record.owner:
        kind = evidence.proof_about(turn, record.owner, record.boot)
        if kind is not None:
            found.append(Evidence(record.owner, record.boot.counter, kind))
    for name in record.cohort:
        kind = evidence.proof(turn, name)
        if name not in (turn.me, record.owner) and name not in rest and kind is not None:
            found.append(Evidence(name, turn.boots.get(name) or 0, kind))
    return tuple(found)


def put_forward(turn: Turn, record: Record, need: tuple[str, ...]) -> None:
    turn.records.put(record.group, record)
    turn.claims.put(record.group, Claim(version=record.version, need=need, sent_at=turn.now))
    for name in need:
        turn.propose(name, record)


def release(turn: Turn, group: str) -> None:
    """Write the record free, after every resource is known to be down."""
    record, local = turn.records[group], turn.groups[group]
    wanted = record.wanted
    if local.stay_stopped:
        wanted = Wanted.STOPPED
    if local.blocked:
        wanted = Wanted.BLOCKED
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        owner="",
        boot=Boot(0),
        wanted=wanted,
        heir=local.heir,
        event=local.event.value if local.heir else "",
        avoid=local.avoid,
        previous=turn.me,
    )
    turn.groups.put(group, LocalGroup(event=local.event, note=local.note))
    put_forward(turn, new, tuple(name for name in record.cohort if name != turn.me))


def want(turn: Turn, group: str, wanted: Wanted) -> None:
    """Write what the operator wants of a group that nobody serves."""
    record = turn.records[group]
    turn.cold.drop(group)
    if record.wanted is not wanted:
        new = attrs.evolve(record, version=turn.next_version(record), wanted=wanted)
        put_forward(turn, new, tuple(n for n in record.cohort if n != turn.me))


def bring_down(
    turn: Turn,
    group: str,
    event: Event,
    *,
    heir: str = "",
    stay_stopped: bool = False,
    avoid: tuple[str, ...] = (),
) -> None:
    """Deactivate *group* here; when that is proven, the release says the rest."""
    local = turn.groups[group]
    if local.goal is Goal.DOWN and (local.stay_stopped or not stay_stopped):
        return
    for name in turn.config.group_by_name[group].by_name:
        turn.resources.change((group, name), tries=0, stops=0)
    if local.goal is not Goal.DOWN:
        turn.say("rc20", group=group, server=turn.me)
    turn.groups.put(
        group,
        attrs.evolve(
            local,
            goal=Goal.DOWN,
            event=event,
            bounce=(),
            heir=heir,
            stay_stopped=stay_stopped,
            avoid=avoid,
            halted=None,
            note=None,
        ),
    )


def let_go(turn: Turn, group: str) -> None:
    """After giving way: nothing is served here, and what this server believed is stale."""
    turn.groups.put(group, LocalGroup())
    turn.current.drop(group)
    turn.claims.drop(group)
