"""What must hold of NP resolution: who is cut off knows, and acts; who is not acts on answers.

What it asks for is noted where the target answers, so that no server's own book is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from clpcore.model import inputs as given
from clpcore.model.actions import Fence
from clpcore.model.ownership import EvidenceKind
from clpcore.model.protection import MAJORITY
from clpcore.model.state import ClusterState, Goal, Matter, Peer, PeerState
from clpcore.model.states import Answer, FinalAction, Phase
from clpcore.simulate.rights import Violated

if TYPE_CHECKING:
    from clpcore.simulate.cluster import Cluster
    from clpcore.simulate.invariants import Moment

_UNPROVEN: Final = (EvidenceKind.NP, EvidenceKind.NONE)


def _fail(cluster: Cluster, moment: Moment, what: str) -> NoReturn:
    raise Violated(f"at {cluster.now} ms on {moment.machine.name}: {what}")


def _last_sign(peer: Peer) -> int:
    return max(peer.links.values(), default=peer.since)


def who_is_cut_off_knows(cluster: Cluster, moment: Moment) -> None:
    """Who serves, hears nobody and was not answered often enough is cut off; nobody else is."""
    agent, config, state = moment.machine.agent, cluster.config, moment.decision.state
    asked = [np for np in config.nps if np.type != MAJORITY and np.asks_on(moment.machine.name)]
    if agent is None or len(asked) < len(config.nps):
        return
    _count(moment)
    silenced = [np for np in asked if agent.silences.get(np.name, 0) >= np.tries]
    if state.cut_off is not None and moment.before.cut_off is None and not silenced:
        _fail(cluster, moment, f"it is cut off after {agent.silences} silences")
    certain = all(agent.unheard.get(np.name, 0) > np.tries for np in asked)
    serves = any(local.confirmed for local in state.groups.values())
    asks = state.phase not in (Phase.OFFLINE, Phase.DYING)
    if asks and certain and serves and _misses_all(state) and state.cut_off is None:
        _fail(cluster, moment, f"nobody answers, nobody is heard: {agent.unheard}")


def _count(moment: Moment) -> None:
    """Count the silences in a row; *unheard*: those while nobody was heard."""
    agent, taken = moment.machine.agent, moment.taken
    if agent is None:
        return
    if any(peer.up for peer in moment.before.peers.values()):
        agent.unheard.clear()
    if not isinstance(taken, given.Done):
        return
    asked = moment.before.running.get(taken.action)
    if asked is None or asked.matter is not Matter.NP:
        return
    if taken.outcome.answer is Answer.SILENT:
        agent.silences[asked.name] = agent.silences.get(asked.name, 0) + 1
        agent.unheard[asked.name] = agent.unheard.get(asked.name, 0) + 1
    else:
        agent.unheard[asked.name] = 0
        if taken.outcome.answer is Answer.ANSWERED:
            agent.silences[asked.name] = 0


def _misses_all(state: ClusterState) -> bool:
    """Tell whether every other server was heard, is silent, and not for a good reason."""
    return all(
        peer.state is PeerState.SILENT and peer.evidence in (None, *_UNPROVEN)
        for peer in state.peers.values()
    ) and not any(each.kind.proven for each in state.run.stopped.values())


def who_is_cut_off_acts(cluster: Cluster, moment: Moment) -> None:
    """Who finds out that it is cut off begins to stop, unless it is told only to warn."""
    state, config = moment.decision.state, cluster.config
    if state.cut_off is None or moment.before.cut_off is not None:
        return
    if config.np_action is FinalAction.NONE or any(w.on for w in state.kept.maintenance.values()):
        return
    goes = state.phase not in (Phase.STARTING, Phase.ONLINE) or state.ending is not None
    if config.np_action is FinalAction.STOP_GROUP:
        goes |= not any(each.epoch and each.goal is Goal.UP for each in state.groups.values())
    if not goes:
        _fail(cluster, moment, "it is cut off, and does nothing")


def a_takeover_rests_on_an_answer(cluster: Cluster, moment: Moment) -> None:
    """Nobody is stopped or replaced by who was not answered since that one was heard last."""
    config, me = cluster.config, moment.machine
    if config.arbiter is not None or not all(np.type != MAJORITY for np in config.nps):
        return
    replaced = [a.call.victim for a in moment.decision.actions if isinstance(a, Fence)]
    for group, record in moment.decision.state.kept.records.items():
        old = moment.kept.records.get(group)
        if old is record or record.owner != me.name or record.version.proposer != me.name:
            continue
        known = [each for other in moment.came if other.group == group for each in other.evidence]
        known += old.evidence if old is not None else ()
        new = [each for each in record.evidence if each.kind in _UNPROVEN and each not in known]
        replaced += [each.server for each in new]
        for each in new:
            if each.kind is EvidenceKind.NP:
                _had_time(cluster, moment, each.server)
    for other in replaced:
        last = _last_sign(moment.before.peers[other]) + me.zero
        if cluster.history.np_answered.get(me.name, -1) <= last:
            _fail(cluster, moment, f"{other} is replaced, and no answer is newer than {last}")


def _had_time(cluster: Cluster, moment: Moment, other: str) -> None:
    """Who is only cut off has had the time to find out, and to stop."""
    peer, now = moment.before.peers[other], moment.decision.state.now
    due = _last_sign(peer) + cluster.config.heartbeat_timeout + cluster.config.np_wait
    if now < due:
        _fail(cluster, moment, f"{other} is replaced at {now}, and may take until {due}")


AT_REST = (who_is_cut_off_knows, who_is_cut_off_acts)
RULES = (*AT_REST, a_takeover_rests_on_an_answer)
