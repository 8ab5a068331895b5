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
from clpcore.model.peer import Accept, Bye, Promise, Propose
from clpcore.model.state import Goal
from clpcore.model.states import Phase
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
                runs = [each for each in cluster.config.group_by_name if moment.machine.serves(each)]
                if runs:
                    _fail(cluster, moment, f"it says good-bye, and {runs} run here")


def what_is_acknowledged_is_written(cluster: Cluster, moment: Moment) -> None:
    """A record is in the journal before its proposer hears that it is (ownership.md 4.2)."""
    letter = moment.taken.letter if isinstance(moment.taken, given.GotLetter) else None
    if not isinstance(letter, Propose):
        return
    ranks = {(each.group, each.version): each.rank for each in letter.records}
    for action in moment.decision.actions:
        if not isinstance(action, Send) or not isinstance(action.letter, Accept):
            continue
        for agreed in action.letter.agreed:
            held = moment.machine.kept.records[agreed.group]
            if held.rank < ranks.get((agreed.group, agreed.version), held.rank):
                _fail(cluster, moment, f"{agreed} is said, and {held} is written")


def a_promise_is_meant(cluster: Cluster, moment: Moment) -> None:
    """A promise is in the journal before it is given, and nobody gives one amid a claim (T5)."""
    agent = moment.machine.agent
    for action in moment.decision.actions:
        if not isinstance(action, Send) or not isinstance(action.letter, Promise):
            continue
        if not moment.machine.kept.promised:
            _fail(cluster, moment, f"{action} is in no journal")
        calls = agent.calls.values() if agent is not None else ()
        for call in calls:
            if isinstance(call, Arbitrate) and isinstance(call.ask, arbitration.Claim):
                _fail(cluster, moment, f"{action} is given while {call} is under way")


def a_renewal_names_what_is_served(cluster: Cluster, moment: Moment) -> None:
    """A session is renewed for all that its boot serves, so that the arbiter can refuse (3.1.1)."""
    for action in moment.decision.actions:
        if not isinstance(action, Arbitrate) or not isinstance(action.ask, arbitration.Renew):
            continue
        held = action.ask.session.held
        for group, local in moment.decision.state.groups.items():
            serves = local.confirmed and local.goal is Goal.UP and not local.lost
            if serves and held.get(group) != local.epoch:
                _fail(cluster, moment, f"{group} is served, and the renewal names {held}")


def nothing_is_activated_on_an_ended_lease(cluster: Cluster, moment: Moment) -> None:
    """More is activated only until the time has come to stop (ownership.md 3.1.6)."""
    arbiter, state = cluster.config.arbiter, moment.decision.state
    if arbiter is None or arbiter.lease == 0:
        return
    until = state.run.lease - arbiter.margin(cluster.config.stop_budget)
    for action in moment.decision.actions:
        if isinstance(action, Activate) and state.now >= until:
            _fail(cluster, moment, f"{action.call.group} is activated, and has to stop at {until}")


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
    a_promise_is_meant,
    a_renewal_names_what_is_served,
    nothing_is_activated_on_an_ended_lease,
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
        if holder != me and local.epoch and local.goal is Goal.UP:
            _fail(cluster, moment, f"{group} goes on, and {holder} holds it")


def who_is_refused_looks(cluster: Cluster, moment: Moment) -> None:
    """A renewal that is refused makes every record that it named a question (3.1.8)."""
    taken, agent, state = moment.taken, moment.machine.agent, moment.decision.state
    if not isinstance(taken, given.Done) or taken.outcome.kept is not False or agent is None:
        return
    if state.phase in (Phase.DYING, Phase.OFFLINE):
        return
    for group, local in state.groups.items():
        serves = local.confirmed and local.goal is Goal.UP and not local.lost
        if serves and group not in state.tenures:
            _fail(cluster, moment, f"{group} goes on unasked, and its renewal was refused")


def _told(moment: Moment) -> Iterator[tuple[str, given.Outcome]]:
    """Give what the arbiter has said in this step, and about which group."""
    if isinstance(moment.taken, given.Done):
        ended = moment.before.running.get(moment.taken.action)
        if ended is not None and ended.name in moment.before.groups and ended.matter is not None:
            yield ended.name, moment.taken.outcome


ANSWERED = (who_is_superseded_stops, who_is_refused_looks)
