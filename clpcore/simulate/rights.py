"""What must hold of the right to run: epochs, promises, forced stops, leases, the stop budget.

The other half of ``invariants``: what an arbiter, a lease and a forced stop bring in.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NoReturn

from clpcore.model import arbitration
from clpcore.model.actions import Activate, Arbitrate, Fence, Send
from clpcore.model.ownership import EvidenceKind, Wanted
from clpcore.model.peer import Promise
from clpcore.model.protection import Policy
from clpcore.model.state import Goal, PeerState
from clpcore.model.states import Phase

if TYPE_CHECKING:
    from clpcore.simulate.cluster import Cluster
    from clpcore.simulate.invariants import Moment
    from clpcore.simulate.machine import Agent, Machine

_ENDS = (EvidenceKind.CLEAN, EvidenceKind.NEW_BOOT, EvidenceKind.FENCED)
_SLACK_MS = 100  # beyond the stop budget, for the calls that it takes


class Violated(AssertionError):
    """A step broke a rule that must always hold: *rule*."""

    def __init__(self, what: str, rule: str = "") -> None:
        super().__init__(what)
        self.rule = rule


def _fail(cluster: Cluster, who: str, what: str, rule: str = "") -> NoReturn:
    raise Violated(f"at {cluster.now} ms on {who}: {what}", rule)


# -- after every step of a server


def an_epoch_has_one_holder(cluster: Cluster, moment: Moment) -> None:
    """Nothing is activated under an epoch under which another life has activated it."""
    me = (moment.machine.name, moment.before.incarnation.boot.counter)
    for action in moment.decision.actions:
        if not isinstance(action, Activate) or not cluster.config.exclusive:
            continue
        key = (action.call.group, action.call.epoch)
        holder = cluster.history.holders.setdefault(key, me)
        if holder != me and cluster.config.arbiter is not None:
            _fail(cluster, me[0], f"{key} is activated, and was {holder}'s")


def a_number_is_one_life(cluster: Cluster, moment: Moment) -> None:
    """Nobody claims under a number that the arbiter's record names as that of another life."""
    me, boot = moment.machine.name, moment.before.incarnation.boot
    for action in moment.decision.actions:
        if not isinstance(action, Arbitrate) or not isinstance(action.ask, arbitration.Claim):
            continue
        record = cluster.surroundings.arbiter.records.get(action.call.group)
        if record is None or record.epoch != action.ask.me.epoch - 1:
            continue  # it will not be granted
        others = (each for each in (record.holder, *record.suspects) if each and each.boot != boot)
        used = (me, boot.counter) in {(each.server, each.boot.counter) for each in others}
        ends = tuple(kind.value for kind in _ENDS)
        said = [word for word in record.evidence if word.startswith(f"{me} boot {boot.counter} ")]
        if used or any(word.endswith(ends) for word in said):
            _fail(cluster, me, f"{boot} claims, and the arbiter names another such life: {record}")


def promises_are_kept(cluster: Cluster, moment: Moment) -> None:
    """Whoever has promised not to claim neither claims nor begins to serve until that is over.

    The first epoch of all was nobody's before: no promise can have been about it.
    """
    arbiter, name = cluster.config.arbiter, moment.machine.name
    if arbiter is None:
        return
    until = cluster.history.promised.get(name, 0)
    for action in moment.decision.actions:
        if isinstance(action, Send) and isinstance(action.letter, Promise):
            cluster.history.promised[name] = cluster.now + arbiter.lease
            cluster.history.said[name] = cluster.now + arbiter.lease
        claim = action.ask if isinstance(action, Arbitrate) else None
        claims = isinstance(claim, arbitration.Claim) and claim.me.epoch > 1
        if claims and cluster.now < until:
            _fail(cluster, name, f"{action} within its promise until {until}")
    for group, local in moment.decision.state.groups.items():
        begins = local.confirmed and not moment.before.groups[group].confirmed
        if begins and local.epoch > 1 and cluster.now < until:
            _fail(cluster, name, f"{group} is served within a promise until {until}")


def fences_are_allowed(cluster: Cluster, moment: Moment) -> None:
    """A forced stop is journaled before, of one who is silent, and with an arbiter a suspect."""
    state = moment.decision.state
    for action in moment.decision.actions:
        if not isinstance(action, Fence):
            continue
        victim = action.call.victim
        if victim not in moment.machine.kept.intents:
            _fail(cluster, moment.machine.name, f"the intent of {action} is in no journal")
        if state.peers[victim].up:
            _fail(cluster, moment.machine.name, f"{victim} is heard, and stopped by force")
        if cluster.config.arbiter is not None and not _has_won_from(cluster, moment, victim):
            _fail(cluster, moment.machine.name, f"{victim} is stopped by one who has won nothing")


def _has_won_from(cluster: Cluster, moment: Moment, victim: str) -> bool:
    me = (moment.machine.name, moment.before.incarnation.boot.counter)
    won = cluster.history.won
    return any(victim in won.get((*me, group), ()) for group in cluster.config.group_by_name)


def the_lesser_side_waits(cluster: Cluster, moment: Moment) -> None:
    """Of two servers that may both have to stop the other, the second waits before (R20)."""
    config, name, state = cluster.config, moment.machine.name, moment.decision.state
    first, *rest = config.server_names
    if config.policy is not Policy.COHORT or rest != [name]:
        return
    peer, known = state.peers[first], state.fences.get(first)
    if known is None or known.tries or known.level or not _is_contested(moment):
        return
    heard = peer.state is not PeerState.UNSEEN
    since = peer.since + (0 if heard else config.heartbeat_timeout)
    stops = any(isinstance(action, Fence) for action in moment.decision.actions)
    if stops and state.now < since + config.fence_delay:
        _fail(cluster, name, f"{first} is stopped by force at once, silent since {since}")


def _is_contested(moment: Moment) -> bool:
    """Tell whether the other side, too, may miss a group that shall run."""
    state = moment.before
    return any(
        (state.cold.get(group) or record.wanted) is Wanted.AUTO
        and (not record.owner or state.groups[group].confirmed)
        for group, record in state.kept.records.items()
    )


def a_lost_right_ends_in_time(cluster: Cluster, moment: Moment) -> None:
    """What has to stop within the stop budget has stopped by then, or its machine was reset."""
    machine, agent = moment.machine, moment.machine.agent
    budget = cluster.config.stop_budget
    for group, local in moment.decision.state.groups.items():
        if local.stop_by is None or moment.before.groups[group].stop_by is not None:
            continue
        if agent is not None:
            look = functools.partial(_has_stopped, cluster, machine, agent, group)
            cluster.after(budget + max(1, budget // 4) + _SLACK_MS, look)


def _has_stopped(cluster: Cluster, machine: Machine, agent: Agent, group: str) -> None:
    if machine.agent is not agent or agent.late_until + cluster.config.stop_budget > cluster.now:
        return  # an agent that does not run is the watchdog's business
    if machine.serves(group) and agent.state.groups[group].stop_by is not None:
        what = f"{group} still runs after the stop budget"
        _fail(cluster, machine.name, what, a_lost_right_ends_in_time.__name__)


def a_lease_is_covered(cluster: Cluster, moment: Moment) -> None:
    """No lease is longer than the arbiter's, or than the promises of all others (T1, T5)."""
    before, now = moment.before.run.lease, moment.decision.state.run.lease
    arbiter, name = cluster.config.arbiter, moment.machine.name
    if now <= before or arbiter is None or arbiter.lease == 0:
        return
    others = (each for each in cluster.config.server_names if each != name)
    sure = min((cluster.history.said.get(each, 0) for each in others), default=0)
    store = cluster.surroundings.arbiter
    known, sure = store.leases.get(name), max(sure, store.refuses_until)
    if known is not None and known.boot == moment.before.incarnation.boot:
        sure = max(sure, known.until)
    if now + moment.machine.zero > sure:
        _fail(cluster, name, f"a lease until {now + moment.machine.zero}, covered until {sure}")


def the_watchdog_bites_in_time(cluster: Cluster, moment: Moment) -> None:
    """Whenever the agent stops from now on, its machine is reset within the lease (T2)."""
    arbiter, machine, lease = cluster.config.arbiter, moment.machine, moment.before.run.lease
    if arbiter is None or lease == 0 or machine.bites_at is None:
        return
    if machine.bites_at == machine.frozen_until + 1:
        return  # it was due in a freeze: no longer one than `freeze` is counted on (T3)
    over = machine.bites_at + arbiter.freeze + arbiter.reset
    if over > lease + machine.zero:
        _fail(cluster, machine.name, f"its watchdog may bite at {over}, its lease is {lease}")


def a_stop_begins_in_time(cluster: Cluster, moment: Moment) -> None:
    """No step leaves a group as it is when the time has come to stop it (T2)."""
    arbiter, state = cluster.config.arbiter, moment.decision.state
    if arbiter is None or arbiter.lease == 0 or state.run.lease == 0:
        return
    if state.phase is Phase.DYING or state.now < state.run.lease - arbiter.margin(
        cluster.config.stop_budget
    ):
        return
    for group, local in state.groups.items():
        if local.epoch and local.goal is Goal.UP:
            _fail(cluster, moment.machine.name, f"{group} goes on, its lease is {state.run.lease}")


RULES = (
    a_stop_begins_in_time,
    an_epoch_has_one_holder,
    a_number_is_one_life,
    a_lease_is_covered,
    promises_are_kept,
    fences_are_allowed,
    the_watchdog_bites_in_time,
    the_lesser_side_waits,
    a_lost_right_ends_in_time,
)


# -- after every transaction of the arbiter


def check_record(
    cluster: Cluster,
    group: str,
    before: arbitration.Record | None,
    question: arbitration.Question,
) -> None:
    """Hold a change of the arbiter's record against what a record may become."""
    try:
        _check_record(cluster, group, before, question)
    except Violated as violated:
        violated.rule = "a_record_forgets_nobody"
        raise


def _check_record(
    cluster: Cluster,
    group: str,
    before: arbitration.Record | None,
    question: arbitration.Question,
) -> None:
    now = cluster.surroundings.arbiter.records.get(group)
    if before is None:
        before = arbitration.Record()
    if now is None or now == before:
        return
    if now.epoch < before.epoch:
        _fail(cluster, group, f"{before} became {now}")
    if now.epoch == before.epoch:
        if now.holder not in (before.holder, None) or set(now.suspects) - set(before.suspects):
            _fail(cluster, group, f"{before} became {now} without a new epoch")
        return
    if isinstance(question, arbitration.Claim):
        _is_claimed(cluster, group, before, now)


def _is_claimed(
    cluster: Cluster, group: str, before: arbitration.Record, now: arbitration.Record
) -> None:
    """Nobody is forgotten, and nobody serves past the end of its own lease."""
    former, holder = before.holder, now.holder
    must = {*before.suspects, *((former,) if former is not None else ())}
    if must - set(now.suspects) or holder is None:
        _fail(cluster, group, f"{before} became {now}, and forgot a suspect")
    won = cluster.history.won.setdefault((holder.server, holder.boot.counter, group), set())
    won |= {each.server for each in now.suspects}
    if former is None or cluster.config.policy is not Policy.LEASE or not cluster.history.exclusive:
        return
    machine = cluster.machines[former.server]
    lives = machine.stored is not None and machine.stored.boot == former.boot
    lease = machine.run.lease + machine.zero
    if machine.on and lives and machine.serves(group) and lease <= cluster.now:
        _fail(cluster, former.server, f"{group} runs past the lease, until {lease}; {now}")
