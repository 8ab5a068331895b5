"""Taking and giving back the right to serve a group: claim, release, stop."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from clpcore.decide import evidence, fencing
from clpcore.decide.turn import Turn
from clpcore.model.guards import Tenure, Wants
from clpcore.model.ids import Boot
from clpcore.model.ownership import Evidence, Rank, Record, Wanted
from clpcore.model.reasons import Because
from clpcore.model.state import Claim, Goal, LocalGroup
from clpcore.model.states import Event, Presence


def note(turn: Turn, group: str, because: Because) -> None:
    """Show why the group waits; say it when it is news."""
    if _is_news(turn, group, because):
        names_it = any(name == "group" for name, _ in because.args)
        if names_it:
            turn.repeat(because)
        else:
            turn.say("rc66", group=group, reason=because)


def show(turn: Turn, group: str, because: Because) -> None:
    """Show why the group waits, without a word: it is a matter of moments."""
    _is_news(turn, group, because)


def _is_news(turn: Turn, group: str, because: Because) -> bool:
    """Keep the reason; in one turn, the first one counts."""
    if group in turn.noted:
        return False
    turn.noted.add(group)
    if turn.groups[group].note == because:
        return False
    turn.groups.change(group, note=because)
    return True


def others(turn: Turn, record: Record) -> tuple[str, ...]:
    """Give the other members of the record's cohort."""
    return tuple(name for name in record.cohort if name != turn.me)


def claim(turn: Turn, group: str, event: Event, previous: str) -> Because | None:
    """Begin to claim *group* for this server, or tell why that is not allowed."""
    record = turn.records[group]
    if evidence.holds(turn, group) or claiming(turn, group):
        return None
    if obstacle := evidence.obstacle_here(turn, group):
        return obstacle
    if turn.config.arbiter is not None:
        _claim_at_arbiter(turn, group, event, previous)
        return None
    if obstacle := _unproven(turn, record):
        return obstacle
    rest = unproven_rest(turn, record)
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        epoch=record.epoch + 1,
        owner=turn.me,
        boot=turn.incarnation.boot,
        cohort=tuple(sorted((turn.me, *rest))),
        evidence=rests_on(turn, record, (turn.me, *rest)),
        wanted=Wanted.AUTO,
        heir="",
        event=event.value,
        avoid=(),
        previous=previous,
    )
    turn.groups.put(group, LocalGroup(event=event))
    turn.cold.drop(group)
    put_forward(turn, new, rest)
    return None


def _claim_at_arbiter(turn: Turn, group: str, event: Event, previous: str) -> None:
    seen = turn.records[group].rank
    turn.tenures.put(group, Tenure(wants=Wants.CLAIM, event=event, previous=previous, seen=seen))
    turn.groups.put(group, LocalGroup(event=event))
    turn.cold.drop(group)


def claiming(turn: Turn, group: str) -> bool:
    """Tell whether a claim of this server for *group* is under way."""
    if turn.config.arbiter is not None:
        return evidence.claims_at_arbiter(turn, group)
    return group in turn.claims and evidence.mine(turn, turn.records[group])


def unproven_rest(turn: Turn, record: Record) -> tuple[str, ...]:
    """Give the other members of the cohort whose word is needed."""
    proven = proven_in(turn, record.cohort)
    return tuple(name for name in others(turn, record) if name not in proven)


def proven_in(turn: Turn, servers: Collection[str]) -> tuple[str, ...]:
    """Give those of *servers* that are proven stopped."""
    return tuple(n for n in unheard(turn, servers) if evidence.proof(turn, n) is not None)


def unheard(turn: Turn, servers: Collection[str]) -> tuple[str, ...]:
    """Give those of *servers*, known or not, that are neither heard nor this one."""
    return tuple(sorted(frozenset(servers) - turn.up - {turn.me}))


def _unproven(turn: Turn, record: Record) -> Because | None:
    """Name the first server without whose word or proven end nobody may claim."""
    owner = record.owner if record.owner in others(turn, record) else ""
    if owner and evidence.proof_about(turn, owner, record.boot) is None:
        return fencing.blocked(turn, record.group, owner)
    for name in unheard(turn, record.cohort):
        if evidence.proof(turn, name) is None:
            return fencing.blocked(turn, record.group, name, "rc531")
    return None


def rests_on(turn: Turn, record: Record, cohort: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Give what the next record rests on: proof about the former holder, and the left out ones.

    What was assumed without proof before is still assumed, until the server is taken in again.
    """
    goes_on = evidence.mine(turn, record)
    found = [
        each
        for each in record.evidence
        if each.server not in cohort and (goes_on or not each.kind.proven)
    ]
    known = {each.server for each in found}
    if record.owner and record.owner not in known and not goes_on:
        kind = evidence.proof_about(turn, record.owner, record.boot)
        if kind is not None:
            found.append(Evidence(record.owner, record.boot.counter, kind))
    for name in proven_in(turn, record.cohort):
        if name not in {*known, *cohort}:
            # That a holder's life is over may be proven, and yet not that of its next one.
            kinds = {each.kind for each in found if each.server == name}
            found += (each for each in about(turn, name) if each.kind not in kinds)
    return tuple(found)


def about(turn: Turn, server: str) -> tuple[Evidence, ...]:
    """Give what is proven about the newest known boot of *server*."""
    kind = evidence.proof(turn, server)
    return () if kind is None else (Evidence(server, turn.boots.get(server) or 0, kind),)


def put_forward(turn: Turn, record: Record, need: tuple[str, ...]) -> None:
    """Persist *record* and ask for the word of those who are needed."""
    turn.records.put(record.group, record)
    claim = Claim(version=record.version, need=need, since=turn.now, sent_at=turn.now)
    turn.claims.put(record.group, claim)
    for name in need:
        turn.propose(name, record)


def begin(turn: Turn, record: Record) -> None:
    """Serve *record*'s group: the claim is won, and all that it needs is proven."""
    group, local = record.group, turn.groups[record.group]
    if local.epoch == 0:
        key = "rc609" if record.arbitrated and not record.evidence else "rc529"
        known: dict[str, object] = {"group": group, "server": turn.me, "epoch": record.epoch}
        if key == "rc529":
            known["evidence"] = _spell(record.evidence)
        turn.say(key, **known)
        event = record.why(Event.START)
        local = LocalGroup(goal=Goal.UP, event=event, epoch=record.epoch)
        if turn.ending is None:
            turn.say("rc10", group=group, server=turn.me)
        else:
            local = attrs.evolve(local, goal=Goal.DOWN)
    turn.groups.put(group, attrs.evolve(local, epoch=record.epoch, confirmed=True))


def _spell(evidence: tuple[Evidence, ...]) -> str:
    if not evidence:
        return "every server of the cohort agreed"
    return ", ".join(f"{each.server} boot {each.boot}: {each.kind.value}" for each in evidence)


def release(turn: Turn, group: str) -> None:
    """Give the group back, after every resource is known to be down."""
    if turn.config.arbiter is None:
        write_release(turn, group)
    else:
        _give_back(turn, group, Wants.RELEASE)


def _give_back(turn: Turn, group: str, wants: Wants) -> None:
    """Let the arbiter know that nothing runs here any more; what the release says is kept."""
    turn.tenures.put(group, Tenure(wants=wants))
    turn.groups.change(group, goal=Goal.NONE, epoch=0, confirmed=False, bounce=(), stop_by=None)


def write_release(turn: Turn, group: str) -> None:
    """Write the record free."""
    record, local = turn.records[group], turn.groups[group]
    wanted = record.wanted
    if local.stay_stopped:
        wanted = Wanted.STOPPED
    if local.blocked:
        wanted = Wanted.BLOCKED
    to_be_told = local.heir or local.event is Event.CLUSTER_STOP
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        owner="",
        boot=Boot(0),
        wanted=wanted,
        heir=local.heir,
        event=local.event.value if to_be_told else "",
        avoid=local.avoid,
        previous=turn.me,
    )
    turn.groups.put(group, LocalGroup(event=local.event, note=local.note))
    put_forward(turn, new, others(turn, record))


def want(turn: Turn, group: str, wanted: Wanted) -> None:
    """Write what the operator wants of a group that nobody serves."""
    turn.cold.drop(group)
    if turn.records[group].wanted is not wanted:
        _write_wanted(turn, group, wanted)


def keep_stopped(turn: Turn, group: str) -> None:
    """Write that the operator wants it stopped, also anew: a claim from before it is overtaken."""
    turn.cold.drop(group)
    _write_wanted(turn, group, Wanted.STOPPED)


def is_overtaken(record: Record, seen: Rank) -> bool:
    """Tell whether an operator stopped the group after whoever means to start it saw *seen*."""
    return record.wanted is Wanted.STOPPED and record.rank > seen


def _write_wanted(turn: Turn, group: str, wanted: Wanted) -> None:
    record = turn.records[group]
    new = attrs.evolve(record, version=turn.next_version(record), wanted=wanted)
    put_forward(turn, new, others(turn, record))


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
    stronger = stay_stopped and not local.stay_stopped
    if local.goal is Goal.DOWN and not stronger and event is not Event.CLUSTER_STOP:
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
            stay_stopped=stay_stopped or local.stay_stopped,
            avoid=avoid,
            halted=None,
            note=None,
            stop_wait_since=turn.now if turn.config.group_by_name[group].stop_after else None,
        ),
    )


def lose(turn: Turn, group: str) -> None:
    """Stop *group* here within the stop budget: the right to run it is lost, or about to be."""
    if claiming(turn, group) and not evidence.holds(turn, group):
        give_up_claim(turn, group, heir="", stay_stopped=False)
        return
    if evidence.idle(turn, group) and not evidence.holds(turn, group):
        return
    bring_down(turn, group, Event.STOP)
    if turn.groups[group].stop_by is None:
        by = turn.now + turn.config.stop_budget
        turn.groups.change(group, stop_by=by, stop_wait_since=None)


def stop_without_right(turn: Turn, group: str) -> None:
    """Stop what runs here: another server owns it by a newer record, or this life knows nothing."""
    for name in turn.config.group_by_name[group].by_name:
        if turn.resources[group, name].presence in (Presence.ACTIVE, Presence.BROKEN):
            turn.say("rc550", group=group, resource=name, server=turn.me)
            turn.groups.change(group, goal=Goal.DOWN, event=Event.STOP)
            return


def give_up_claim(turn: Turn, group: str, *, heir: str, stay_stopped: bool) -> None:
    """Take back a claim that was not yet won: nothing of it runs."""
    turn.groups.change(group, heir=heir, stay_stopped=stay_stopped)
    release(turn, group)  # at an arbiter it may not even have come to a record yet


def resume(turn: Turn, group: str) -> None:
    """Try again to bring up a group that was left as it was, half up."""
    if turn.groups[group].halted is None:
        return
    for name in turn.config.group_by_name[group].by_name:
        turn.resources.change((group, name), tries=0, failure="")
    turn.groups.change(group, halted=None, note=None, event=Event.START)
    turn.say("rc10", group=group, server=turn.me)


def let_go(turn: Turn, group: str) -> None:
    """After giving way: nothing is served here, and what this server believed is stale."""
    if turn.config.arbiter is not None:
        _give_back(turn, group, Wants.DISCLAIM)
        return
    turn.groups.put(group, LocalGroup(lost=True))
    turn.current.drop(group)
    turn.claims.drop(group)
