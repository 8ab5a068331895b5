"""What silence means by NP resolution: others may be replaced, or this server is cut off."""

from __future__ import annotations

from typing import Any, Final

import attrs

from clpcore.decide import endings, evidence, maintenance, partition
from clpcore.decide.turn import Turn
from clpcore.model.ownership import EvidenceKind
from clpcore.model.state import PeerState
from clpcore.model.states import Answer, Phase

_UNHEARD: Final[dict[str, Any]] = {"state": PeerState.UNSEEN, "evidence": None, "told": {}}


def settle(turn: Turn) -> None:
    """Judge the silent ones, and act on this server when it is the one that is cut off."""
    if turn.phase in (Phase.OFFLINE, Phase.DYING):
        return
    _judge(turn)
    if turn.config.nps:
        _act(turn)


def _judge(turn: Turn) -> None:
    """Give silence its meaning where nothing else could: evidence that is no proof."""
    for name, peer in turn.peers.items():
        since = evidence.silent(turn, name)
        if since is None or evidence.proof(turn, name) is not None:
            continue
        kind = _assumed(turn, name, since)
        if kind is not None and peer.evidence is not kind:
            turn.peers.change(name, evidence=kind)
            evidence.stir(turn, turn.records, name)


def _assumed(turn: Turn, name: str, since: int) -> EvidenceKind | None:
    config = turn.config
    if config.arbiter is not None or config.fencings:
        return None
    if config.nps and not partition.may_act_against(turn, name):
        return None
    if config.unproven_takeover:
        return EvidenceKind.NONE
    if not config.np_only:
        return None
    due = since + config.np_wait
    if turn.now < due:
        turn.wake(due)
        return None
    return EvidenceKind.NP


def _act(turn: Turn) -> None:
    """Find out that this server is cut off, or no longer is."""
    silent = _silent_to_this_life(turn)
    answer = _about(turn, silent)
    if answer is Answer.SILENT and not partition.hears_majority(turn):
        if turn.cut_off is None:
            how = turn.config.np_action
            turn.cut_off = turn.say("nm43", server=turn.me, action=how.value)
            turn.sweep()
            if not maintenance.suspended(turn):
                endings.when_cut_off(turn, how, turn.cut_off)
    elif turn.cut_off is not None and (answer is Answer.ANSWERED or not silent):
        turn.say("nm44", server=turn.me)
        turn.cut_off = None
        _listen_anew(turn, silent)
        turn.sweep()


def _listen_anew(turn: Turn, silent: tuple[str, ...]) -> None:
    """Give those who were out of reach a full timeout: they have gone on meanwhile."""
    for name in silent:
        turn.peers.put(name, attrs.evolve(turn.peers[name], **_UNHEARD, since=turn.now, links={}))


def _silent_to_this_life(turn: Turn) -> tuple[str, ...]:
    """Give who is silent and was heard before; whoever serves counts those never heard as well."""
    serves = any(evidence.holds(turn, name) for name in turn.config.group_by_name)
    return tuple(
        name
        for name, peer in turn.peers.items()
        if evidence.silent(turn, name) is not None
        and (serves or peer.state is PeerState.SILENT)
        and not _is_proven(turn, name)
    )


def _is_proven(turn: Turn, server: str) -> bool:
    kind = evidence.proof(turn, server)
    return kind is not None and kind.proven


def _about(turn: Turn, silent: tuple[str, ...]) -> Answer | None:
    """Give the verdict about those servers: one that says silence counts."""
    found = {partition.verdict(turn, evidence.last_sign(turn.peers[name])) for name in silent}
    if Answer.SILENT in found:
        return Answer.SILENT
    return Answer.ANSWERED if found == {Answer.ANSWERED} else None
