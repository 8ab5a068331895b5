"""What must hold after every step of every server, one function each.

They look from outside, as an auditor does: at what is in the journals, at the actions, and at what
really runs. ``decide`` is never asked whether it was right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from clpcore.model import arbitration
from clpcore.model import inputs as given
from clpcore.model.actions import Activate, Answer, Driven
from clpcore.model.arbitration import Holder
from clpcore.model.ids import Boot
from clpcore.model.kept import BootKept, Kept
from clpcore.model.ownership import EvidenceKind, Record, Version
from clpcore.model.peer import Propose, Records
from clpcore.model.protection import Policy
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import Exclusion, Presence, Verdict
from clpcore.simulate import cutoff, honesty, rights
from clpcore.simulate.machine import Machine, is_operation
from clpcore.simulate.rights import Violated

if TYPE_CHECKING:
    from clpcore.simulate.cluster import Cluster

Rule = Callable[["Cluster", "Moment"], None]


@attrs.frozen
class Moment:
    """One step of one server: what it knew, took and decided, and its disk before."""

    machine: Machine
    before: ClusterState
    taken: given.Input
    decision: Decision
    kept: Kept
    run: BootKept

    @property
    def came(self) -> tuple[Record, ...]:
        """Give the records of others that it took."""
        letter = self.taken.letter if isinstance(self.taken, given.GotLetter) else None
        return letter.records if isinstance(letter, Propose | Records) else ()


@attrs.define(eq=False)
class History:
    """What the auditor remembers.

    Attributes:
        exclusive: no group may ever run twice; set it to False where the configuration says so.
        served: by group, the newest epoch that was activated, and by whom in which boot.
        unstopped: resources (group, resource, server) whose stop failed, and in which boot.
        claimed: by (server, group), the cohort that the claim had to ask.
        journaled: by (server, group), the newest epoch that its journal ever held.
        answered: the requests that have been answered.
        words_are_true: no operator and no power interface has said what is not so.
        holders: by group and epoch, who has activated under it, in which boot.
        won: by server, boot and group, whom the arbiter has made a suspect by its claims.
        promised: by server, until when it has promised not to claim.
        said: the same, and a journal that was lost takes nothing of it back.
        killed: by server, boot and group, what was ended by SIGKILL.
        versions: by group, epoch and version, the record that was told under it.
        np_answered: by server, when a target of NP resolution has answered it last.

    """

    exclusive: bool = True
    words_are_true: bool = True
    holders: dict[tuple[str, int], tuple[str, int]] = attrs.field(factory=dict)
    won: dict[tuple[str, int, str], set[str]] = attrs.field(factory=dict)
    promised: dict[str, int] = attrs.field(factory=dict)
    said: dict[str, int] = attrs.field(factory=dict)
    served: dict[str, tuple[int, str, int]] = attrs.field(factory=dict)
    unstopped: dict[tuple[str, str, str], int] = attrs.field(factory=dict)
    claimed: dict[tuple[str, str], tuple[str, ...]] = attrs.field(factory=dict)
    journaled: dict[tuple[str, str], int] = attrs.field(factory=dict)
    answered: set[str] = attrs.field(factory=set)
    killed: set[tuple[str, int, str]] = attrs.field(factory=set)
    versions: dict[tuple[str, int, Version], Record] = attrs.field(factory=dict)
    np_answered: dict[str, int] = attrs.field(factory=dict)


def check(cluster: Cluster, moment: Moment) -> None:
    """Hold one step against every rule.

    Raises:
        Violated: with the rule and what broke it.

    """
    for rule in _rules(cluster, moment):
        try:
            rule(cluster, moment)
        except Violated as violated:
            violated.rule = rule.__name__
            raise


def _rules(cluster: Cluster, moment: Moment) -> tuple[Rule, ...]:
    """Give the rules that such a step can break; most steps change nothing that is kept."""
    if moment.decision.actions or moment.before.kept is not moment.decision.state.kept:
        return WITH_NP if cluster.config.nps else ALL
    at_rest = (*AT_REST, *honesty.ANSWERED) if isinstance(moment.taken, given.Done) else AT_REST
    return (*cutoff.AT_REST, *at_rest) if cluster.config.nps else at_rest


def _fail(cluster: Cluster, moment: Moment, what: str) -> None:
    raise Violated(f"at {cluster.now} ms on {moment.machine.name}: {what}")


def _activations(moment: Moment) -> Iterator[Activate]:
    return (each for each in moment.decision.actions if isinstance(each, Activate))


def never_two(cluster: Cluster, moment: Moment) -> None:
    """No group is activated while another server may be running any of it."""
    if not cluster.history.exclusive:
        return
    for action in _activations(moment):
        group = action.call.group
        others = [m.name for m in cluster.machines.values() if m.serves(group)]
        if set(others) - {moment.machine.name}:
            _fail(cluster, moment, f"{group} is activated while it runs on {others}")


def keeps_apart(cluster: Cluster, moment: Moment) -> None:
    """No group is activated beside one that an absolute rule keeps apart from it."""
    for action in _activations(moment):
        for rule, other in cluster.config.apart_from.get(action.call.group, ()):
            if rule.rule is Exclusion.ABSOLUTE and moment.machine.serves(other):
                _fail(cluster, moment, f"{action.call.group} is activated beside {other}")


def epochs_rise(cluster: Cluster, moment: Moment) -> None:
    """An activation never has an older epoch than one before it, anywhere."""
    name, boot = moment.machine.name, moment.before.incarnation.boot.counter
    for action in _activations(moment):
        call = action.call
        last = cluster.history.served.get(call.group, (0, "", 0))
        if cluster.history.exclusive and last[1:] != (name, boot) and call.epoch <= last[0]:
            _fail(cluster, moment, f"{call.group} epoch {call.epoch} after {last}")
        cluster.history.served[call.group] = (max(call.epoch, last[0]), name, boot)


def forget_lost_epochs(cluster: Cluster, server: str) -> None:
    """A journal is lost: an epoch that no other one holds is known to nobody any more.

    It may be used again, as may the versions of *server*. Two copies of a record are what that
    promise rests on, and a server that is alone, as the others have left, has one.
    """
    served = cluster.history.served
    for group, (epoch, *_) in tuple(served.items()):
        records = (machine.kept.records.get(group) for machine in cluster.machines.values())
        if all(record is None or record.epoch < epoch for record in records):
            del served[group]
    versions = cluster.history.versions
    for key in [key for key in versions if key[2].proposer == server]:
        del versions[key]


def journals_never_regress(cluster: Cluster, moment: Moment) -> None:
    """No server replaces a record by an older one."""
    for group, record in _changed(moment):
        if record.rank < moment.kept.records[group].rank:
            _fail(cluster, moment, f"{moment.kept.records[group]} was replaced by {record}")


def _changed(moment: Moment) -> Iterator[tuple[str, Record]]:
    before, after = moment.kept.records, moment.decision.state.kept.records
    if before is not after:
        yield from ((g, r) for g, r in after.items() if r is not before.get(g))


def activates_what_it_owns(cluster: Cluster, moment: Moment) -> None:
    """An activation rests on a journaled record of this boot with this epoch, which was won."""
    incarnation = moment.before.incarnation
    for action in _activations(moment):
        record = moment.machine.kept.records[action.call.group]
        mine = (moment.machine.name, incarnation.boot, action.call.epoch)
        if (record.owner, record.boot, record.epoch) != mine:
            _fail(cluster, moment, f"{action.call.group} is activated as {mine} under {record}")
        if not moment.decision.state.groups[action.call.group].confirmed:
            _fail(cluster, moment, f"{action.call.group} is activated, and nobody has confirmed it")


def claims_are_covered(cluster: Cluster, moment: Moment) -> None:
    """Whoever begins to hold a group has the word of, or proof about, each other in the cohort.

    With an arbiter: its record names this boot and epoch, and no suspect any more.
    """
    if cluster.config.arbiter is not None:
        _is_cleared(cluster, moment)
        return
    name, history = moment.machine.name, cluster.history
    for group, record in _changed(moment):
        history.journaled[name, group] = max(history.journaled.get((name, group), 0), record.epoch)
        old = _before(moment, record)
        if record.owner == name and record.epoch > old.epoch:
            history.claimed[name, group] = old.cohort
    for group, local in moment.decision.state.groups.items():
        if not local.confirmed or moment.before.groups[group].confirmed:
            continue
        record = moment.decision.state.kept.records[group]
        for other in history.claimed.pop((name, group), ()):
            if other != name and not _covered(cluster, record, other):
                _fail(cluster, moment, f"{group}: no word of {other}, no proof about it: {record}")


def _is_cleared(cluster: Cluster, moment: Moment) -> None:
    incarnation = moment.before.incarnation
    for group, local in moment.decision.state.groups.items():
        if not local.confirmed or moment.before.groups[group].confirmed:
            continue
        found = cluster.surroundings.arbiter.records.get(group)
        mine = Holder(moment.machine.name, incarnation.boot, local.epoch)
        if not _is_its(found, mine, cluster.config.policy):
            _fail(cluster, moment, f"{group} is served as {mine}, and the arbiter says {found}")
        for each in moment.decision.state.kept.records[group].evidence:
            machine = cluster.machines[each.server]
            known = each.kind is EvidenceKind.NEW_BOOT and not machine.serves(group)
            if not known and not _true(cluster, machine, each.boot, each.kind):
                _fail(cluster, moment, f"{group}: {each} is not true: {machine.stored}")


def _is_its(found: arbitration.Record | None, mine: Holder, policy: Policy) -> bool:
    """Tell whether the arbiter's record lets *mine* serve.

    Without leases it may be claimed from it in that very moment: whoever does waits for its end.
    """
    if found is None:
        return False
    overtaken = policy is Policy.FENCE and mine in found.suspects
    return overtaken or (found.holder == mine and not found.suspects)


def _before(moment: Moment, record: Record) -> Record:
    """Give the record that was replaced; perhaps one that came in the same step."""
    older = [r for r in moment.came if r.group == record.group and r.rank < record.rank]
    return max((moment.kept.records[record.group], *older), key=lambda each: each.rank)


def _covered(cluster: Cluster, record: Record, other: str) -> bool:
    machine = cluster.machines[other]
    if cluster.history.journaled.get((other, record.group), 0) >= record.epoch:
        return True
    about = [each for each in record.evidence if each.server == other]
    return any(_true(cluster, machine, each.boot, each.kind) for each in about)


def _true(cluster: Cluster, machine: Machine, boot: int, kind: EvidenceKind) -> bool:
    if kind in (EvidenceKind.NONE, EvidenceKind.NP):
        return not cluster.config.exclusive
    if kind is EvidenceKind.LEASE:  # that nobody serves beside it, other rules look after
        return cluster.config.needs_watchdog
    if kind in (EvidenceKind.FENCED, EvidenceKind.OPERATOR) and not cluster.history.words_are_true:
        return True
    life = machine.stored
    if not machine.on or life is None or machine.run.left:
        return True
    return life.over or life.boot.counter > boot or machine.repeats_a_number


def only_who_is_current_claims(cluster: Cluster, moment: Moment) -> None:
    """Nobody claims without whom others may have claimed, or from whom is not proven stopped.

    Without an arbiter (ownership.md 4.1, 4.2).
    """
    if cluster.config.arbiter is not None:
        return
    name, state = moment.machine.name, moment.decision.state
    before = {each.group for each in moment.before.run.current}
    current = {each.group for each in state.run.current}
    for group in current - before:
        if name not in state.kept.records[group].cohort and not state.alone:
            _fail(cluster, moment, f"{group}: the cohort leaves it out, and it is current")
    for group, record in _changed(moment):
        old = _before(moment, record)
        mine = record.owner == record.version.proposer == name and record not in moment.came
        if not mine or record.epoch == old.epoch:
            continue
        stale = moment.before.groups[group].lost and not moment.came  # it gave way
        if group not in before | current or stale:
            _fail(cluster, moment, f"{group} is claimed by who is not current: {record}")
        if old.owner != name and old.owner in old.cohort and not _rests_on(record, old):
            _fail(cluster, moment, f"{group}: no proof about the owner of {old}: {record}")


def _rests_on(record: Record, old: Record) -> bool:
    return any(
        each.server == old.owner and each.boot >= old.boot.counter for each in record.evidence
    )


def nobody_is_left_out_alive(cluster: Cluster, moment: Moment) -> None:
    """Whoever makes a cohort smaller has proof about those whom it leaves out."""
    for group, record in _changed(moment):
        mine = record.version.proposer == moment.machine.name and record not in moment.came
        if not mine or not cluster.config.exclusive or cluster.config.arbiter is not None:
            continue
        if record == attrs.evolve(moment.kept.records[group], version=record.version):
            continue  # a holder outbids the record of a claim that came to nothing
        for other in set(_before(moment, record).cohort) - set(record.cohort):
            peer = moment.decision.state.peers.get(other)  # none: it was taken out by then
            boot = peer.incarnation.boot if peer and peer.incarnation else Boot(0)
            machine = cluster.machines[other]
            over = boot.counter and boot.id != machine.boot_id  # a lost journal numbers lives twice
            if not over and not _true(cluster, machine, boot.counter, EvidenceKind.CLEAN):
                _fail(cluster, moment, f"{group}: {other} lives and is left out: {record}")


def a_failed_stop_blocks(cluster: Cluster, moment: Moment) -> None:
    """After a stop that failed or stalled, nobody else activates before a proven stop."""
    taken, agent, name = moment.taken, moment.machine.agent, moment.machine.name
    if isinstance(taken, given.Done) and agent is not None:
        _note_stop(cluster, moment, taken)
    groups = {action.call.group for action in _activations(moment)}
    for (group, resource, server), boot in cluster.history.unstopped.items():
        machine = cluster.machines[server]
        over = not machine.on or machine.stored is None or machine.stored.boot.counter > boot
        over |= machine.repeats_a_number  # it has had a power cut since
        if group in groups and server != name and not over and cluster.history.exclusive:
            _fail(cluster, moment, f"{group}: {resource} was not stopped on {server}")


def _note_stop(cluster: Cluster, moment: Moment, taken: given.Done) -> None:
    ended = moment.before.running.get(taken.action)
    if ended is None or not ended.group:
        return
    resource = ended.group, ended.name
    key, unstopped = (*resource, moment.machine.name), cluster.history.unstopped
    local = moment.before.resources[resource]
    doing = local.doing if local.hook is None else None  # of a script's end nothing follows
    verdict = taken.outcome.verdict
    if doing is not None and doing.value == "deactivate" and verdict is not Verdict.OK:
        unstopped[key] = moment.before.incarnation.boot.counter
    elif verdict is Verdict.OK and taken.outcome.presence in (None, Presence.INACTIVE):
        unstopped.pop(key, None)


def one_operation_a_resource(cluster: Cluster, moment: Moment) -> None:
    """A resource has one probe, activation or deactivation in flight; ids are never used twice."""
    agent = moment.machine.agent
    begun: set[tuple[str, str]] = set()
    for action in moment.decision.actions:
        if not isinstance(action, Driven):
            continue
        if agent is not None and action.id <= agent.last_action:
            _fail(cluster, moment, f"the id of {action} was used before")
        if agent is not None:
            agent.last_action = action.id
        key = (action.call.group, action.call.resource)
        if is_operation(action):
            if key in begun or (agent is not None and agent.busy_with(action)):
                _fail(cluster, moment, f"{key} is busy already: {action}")
            begun.add(key)


def one_answer_a_request(cluster: Cluster, moment: Moment) -> None:
    """No operator is answered twice."""
    for action in moment.decision.actions:
        if isinstance(action, Answer):
            if action.request in cluster.history.answered:
                _fail(cluster, moment, f"{action} is a second answer")
            cluster.history.answered.add(action.request)


def wakes_later(cluster: Cluster, moment: Moment) -> None:
    """No step asks to be woken now: it would never come to rest."""
    wake, now = moment.decision.wake_at, moment.decision.state.now
    if wake is not None and wake <= now:
        due = dict(moment.decision.state.due)
        _fail(cluster, moment, f"wake_at {wake} is not after {now}: {due} {moment.taken}")


RULES = (
    never_two,
    keeps_apart,
    epochs_rise,
    journals_never_regress,
    activates_what_it_owns,
    claims_are_covered,
    only_who_is_current_claims,
    nobody_is_left_out_alive,
    a_failed_stop_blocks,
    one_operation_a_resource,
    one_answer_a_request,
    wakes_later,
)
AT_REST: Final = (wakes_later, rights.a_stop_begins_in_time, rights.a_lease_is_covered)
ALL: Final = (*RULES, *rights.RULES, *honesty.RULES, *honesty.ANSWERED)
WITH_NP: Final = (*cutoff.RULES, *ALL)
