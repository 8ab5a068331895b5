"""What a server tells others must be true, and on its disk, when it says so.

A third part of ``invariants``: letters, questions to the arbiter, and what an answer must lead to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from clpcore.model import arbitration
from clpcore.model import inputs as given
from clpcore.model.actions import Activate, Arbitrate, Kill, Left, Send
from clpcore.model.arbitration import Holder
from clpcore.model.guards import Wants
from clpcore.model.ownership import Record
from clpcore.model.peer import Accept, Bye, Promise, Propose, Records
from clpcore.model.state import Goal, LocalGroup
from clpcore.model.states import Phase, Presence
from clpcore.simulate.rights import Violated

if TYPE_CHECKING:
    from clpcore.simulate.cluster import Cluster
    from clpcore.simulate.invariants import Moment


def _fail(cluster: Cluster, moment: Moment, what: str) -> NoReturn:
    raise Violated(f"at {cluster.now} ms on {moment.machine.name}: {what}")


# -- what is said


def nothing_is_let_go_that_runs(cluster: Cluster, moment: Moment) -> None:
    """Nothing is given back of which something may still run here (ownership.md 3.1.7)."""
    machine = moment.machine
    for group, local in moment.decision.state.groups.items():
        if moment.before.groups[group].epoch and not local.epoch and machine.serves(group):
            _fail(cluster, moment, f"{group} is let go, and it runs")
    for action in moment.decision.actions:
        match action:
            case Arbitrate(call=call, ask=arbitration.Release() | arbitration.Disclaim()):
                if machine.serves(call.group):
                    _fail(cluster, moment, f"{call.group} is given back, and it runs")


def a_good_bye_is_true(cluster: Cluster, moment: Moment) -> None:
    """Whoever says that it leaves runs nothing any more (R44)."""
    for action in moment.decision.actions:
        match action:
            case Send(letter=Bye()) | Left():
                for group in cluster.config.group_by_name:
                    if moment.machine.serves(group):
                        _fail(cluster, moment, f"it says good-bye, and {group} runs here")


def what_is_acknowledged_is_written(cluster: Cluster, moment: Moment) -> None:
    """A record is in the journal before its proposer hears that it is (ownership.md 4.2)."""
    for record in _agreed(moment):
        held = moment.machine.kept.records[record.group]
        if held.rank < record.rank:
            _fail(cluster, moment, f"{record} is agreed to, and {held} is written")


def who_agrees_runs_nothing(cluster: Cluster, moment: Moment) -> None:
    """Nobody agrees to another owner of what may still run here (ownership.md 4.2)."""
    for record in _agreed(moment):
        old, name = moment.kept.records[record.group], moment.machine.name
        if (record.owner, record.boot) == (old.owner, old.boot) or record.owner in ("", name):
            continue
        if moment.machine.serves(record.group) or not _knows(moment, record.group):
            _fail(cluster, moment, f"{record} is agreed to, and {record.group} may run here")


def nobody_heard_counts_as_stopped(cluster: Cluster, moment: Moment) -> None:
    """Nobody agrees to a claim that rests on the end of a life that is heard (ownership.md 4.4)."""
    peers = moment.decision.state.peers
    for record in _agreed(moment):
        if record.epoch <= moment.kept.records[record.group].epoch:
            continue
        for each in record.evidence:
            peer = peers.get(each.server)
            if each.server in record.cohort or peer is None or not peer.up:
                continue
            lives = peer.incarnation is not None and peer.incarnation.boot.counter <= each.boot
            if lives and peer.phase is not Phase.OFFLINE:
                _fail(cluster, moment, f"{record} is agreed to, and {each.server} is heard")


def _knows(moment: Moment, group: str) -> bool:
    """Tell whether this server has found out that nothing of *group* runs here."""
    local = moment.before.resources
    return all(local[key].presence is Presence.INACTIVE for key in local if key[0] == group)


def _agreed(moment: Moment) -> Iterator[Record]:
    """Give the records of a proposal that are acknowledged in this step."""
    letter = moment.taken.letter if isinstance(moment.taken, given.GotLetter) else None
    if not isinstance(letter, Propose):
        return
    for action in moment.decision.actions:
        if isinstance(action, Send) and isinstance(action.letter, Accept):
            agreed = {(each.group, each.version) for each in action.letter.agreed}
            yield from (each for each in letter.records if (each.group, each.version) in agreed)


def a_version_names_one_record(cluster: Cluster, moment: Moment) -> None:
    """No two records of one epoch that differ are told under one version (ownership.md 1).

    But for those of round 0: they are learned from the arbiter, and below each that was proposed.
    """
    for action in moment.decision.actions:
        if not isinstance(action, Send) or not isinstance(action.letter, Propose | Records):
            continue
        for record in action.letter.records:
            key = (record.group, record.epoch, record.version)
            known = cluster.history.versions.setdefault(key, record)
            if known != record and record.version.round > 0:
                _fail(cluster, moment, f"{record} is told, and was {known}")


def a_promise_is_meant(cluster: Cluster, moment: Moment) -> None:
    """A promise is in the journal before it is given, and nobody gives one amid a claim (T5)."""
    tenures = moment.before.tenures
    claimed = [name for name in tenures if tenures[name].wants in (Wants.CLAIM, Wants.CLEAR)]
    for action in moment.decision.actions:
        if not isinstance(action, Send) or not isinstance(action.letter, Promise):
            continue
        if not moment.machine.kept.promised:
            _fail(cluster, moment, f"{action} is in no journal")
        if claimed:
            _fail(cluster, moment, f"{action} is given while {claimed} is claimed")


def a_renewal_names_what_is_served(cluster: Cluster, moment: Moment) -> None:
    """A session is renewed for all that its boot serves, so that the arbiter can refuse (3.1.1).

    Not yet what a journal has lost, in the very step that restores it from /run.
    """
    for action in moment.decision.actions:
        if not isinstance(action, Arbitrate) or not isinstance(action.ask, arbitration.Renew):
            continue
        held = action.ask.session.held
        for group, local in moment.decision.state.groups.items():
            lost = local.lost or moment.kept.records[group].version.round == 0
            if _serves(local) and not lost and held.get(group) != local.epoch:
                _fail(cluster, moment, f"{group} is served, and the renewal names {held}")


def _serves(local: LocalGroup) -> bool:
    return local.confirmed and local.goal is Goal.UP


def nothing_is_begun_on_an_ended_lease(cluster: Cluster, moment: Moment) -> None:
    """More is claimed and activated only until it is time to stop (ownership.md 3.1.3, 3.1.6)."""
    arbiter, state = cluster.config.arbiter, moment.decision.state
    if arbiter is None or arbiter.lease == 0:
        return
    until = state.run.lease - arbiter.margin(cluster.config.stop_budget)
    for action in moment.decision.actions:
        claims = isinstance(action, Arbitrate) and isinstance(action.ask, arbitration.Claim)
        if (claims or isinstance(action, Activate)) and state.now >= until:
            _fail(cluster, moment, f"{action} is begun, and what runs has to stop at {until}")


def a_reset_comes_after_a_kill(cluster: Cluster, moment: Moment) -> None:
    """No machine is reset for what a SIGKILL might have stopped in time."""
    name, boot = moment.machine.name, moment.before.incarnation.boot.counter
    killed = cluster.history.killed
    killed |= {(name, boot, a.group) for a in moment.decision.actions if isinstance(a, Kill)}
    for sentence in moment.decision.because:
        if sentence.key == "rc595" and (name, boot, dict(sentence.args)["group"]) not in killed:
            _fail(cluster, moment, f"{sentence.args} is reset, and nothing of it was killed")


def a_new_life_waits_for_the_stop_of_the_old(cluster: Cluster, moment: Moment) -> None:
    """Nobody joins who hears that its forced stop is still under way (ownership.md 3.2)."""
    before, state = moment.before, moment.decision.state
    if before.phase is not Phase.STARTING or state.phase is not Phase.ONLINE:
        return
    for name, peer in state.peers.items():
        if peer.up and peer.beat is not None and moment.machine.name in peer.beat.fences:
            _fail(cluster, moment, f"it joins, and {name} still stops it by force")


RULES = (
    nothing_is_let_go_that_runs,
    a_good_bye_is_true,
    what_is_acknowledged_is_written,
    who_agrees_runs_nothing,
    nobody_heard_counts_as_stopped,
    a_version_names_one_record,
    a_promise_is_meant,
    a_renewal_names_what_is_served,
    nothing_is_begun_on_an_ended_lease,
    a_reset_comes_after_a_kill,
    a_new_life_waits_for_the_stop_of_the_old,
)


# -- what an answer of the arbiter leads to, in the same step


def who_is_superseded_stops(cluster: Cluster, moment: Moment) -> None:
    """Who reads that another one holds what it serves begins to stop at once (3.1.8)."""
    for group, outcome in _told(moment):
        holder = outcome.record.holder if outcome.record is not None else None
        was, local = moment.before.groups[group], moment.decision.state.groups[group]
        if holder is None or not was.confirmed or holder.epoch <= was.epoch:
            continue
        me = Holder(moment.machine.name, moment.before.incarnation.boot, holder.epoch)
        if holder != me and _serves(local):
            _fail(cluster, moment, f"{group} goes on, and {holder} holds it")


def who_is_refused_looks(cluster: Cluster, moment: Moment) -> None:
    """A renewal that is refused makes every record that it named a question (3.1.8)."""
    taken, agent, state = moment.taken, moment.machine.agent, moment.decision.state
    if not isinstance(taken, given.Done) or taken.outcome.kept is not False or agent is None:
        return
    if state.phase in (Phase.DYING, Phase.OFFLINE):
        return
    for group, local in state.groups.items():
        if _serves(local) and not local.lost and group not in state.tenures:
            _fail(cluster, moment, f"{group} goes on unasked, and its renewal was refused")


def _told(moment: Moment) -> Iterator[tuple[str, given.Outcome]]:
    """Give what the arbiter has said in this step, and about which group."""
    if isinstance(moment.taken, given.Done):
        ended = moment.before.running.get(moment.taken.action)
        if ended is not None and ended.name in moment.before.groups and ended.matter is not None:
            yield ended.name, moment.taken.outcome


ANSWERED = (who_is_superseded_stops, who_is_refused_looks)
