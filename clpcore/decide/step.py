"""One step: the table of contents of every decision."""

from __future__ import annotations

from clpcore.decide import (
    agreement,
    budget,
    calls,
    draining,
    endings,
    fencing,
    isolation,
    joining,
    membership,
    operations,
    ordering,
    ownership,
    partition,
    paths,
    pending,
    placement,
    readiness,
    recovery,
    reporting,
    rivals,
    session,
)
from clpcore.decide.turn import Turn
from clpcore.model import inputs as given
from clpcore.model.config import ClusterConfig
from clpcore.model.peer import (
    Accept,
    AskPromise,
    AskReport,
    Bye,
    Challenge,
    Forward,
    Letter,
    Nominate,
    Promise,
    Propose,
    Records,
    Refuse,
    Reply,
    Report,
    StopGroup,
)
from clpcore.model.state import ClusterState, Decision


def step(config: ClusterConfig, state: ClusterState, taken: given.Input) -> Decision:
    """Give the new state, what to try now, and why.

    Same configuration, state and input give the same decision, in any process. Time is
    ``taken.now`` and never runs backwards here: an earlier one counts as the last one seen.
    """
    if quiet := membership.quiet(config, state, taken):
        return quiet
    turn = Turn(config, state, max(taken.now, state.now))
    if pause := membership.notice_pause(turn):
        calls.prolong(turn, pause)
    take(turn, taken)
    settle(turn)
    return turn.decision()


def take(turn: Turn, taken: given.Input) -> None:
    """Write down what the input says."""
    match taken:
        case given.Tick():
            calls.give_up(turn)
        case given.HeardBeat():
            membership.take_beat(turn, taken)
            rivals.watch(turn, taken.sender, taken.beat)
        case given.GotLetter():
            if membership.knows(turn, taken.sender, taken.incarnation):
                take_letter(turn, taken.sender, taken.letter)
        case given.Done():
            calls.take_done(turn, taken.action, taken.outcome)
        case given.ProcessEnded():
            recovery.take_process_end(turn, taken)
        case given.Asked():
            operations.take(turn, taken.request)
        case given.Armed():
            turn.armed = True
            turn.sweep()
        case given.Leave():
            endings.leave(turn, stay=False, cluster=False)


def take_letter(turn: Turn, sender: str, letter: Letter) -> None:  # noqa: C901, PLR0912 - one line each
    """Write down what another server says, or answer it."""
    match letter:
        case Challenge():
            agreement.answer_challenge(turn, sender, letter)
        case Records():
            agreement.take_records(turn, sender, letter)
        case Propose():
            agreement.take_proposals(turn, sender, letter)
        case Accept():
            agreement.take_accept(turn, sender, letter)
        case Refuse():
            agreement.take_refuse(turn, sender, letter)
        case Nominate():
            ownership.take_nomination(turn, letter)
        case StopGroup():
            ownership.take_stop(turn, letter)
        case Forward():
            operations.take(turn, letter.request)
        case Reply():
            pending.take_reply(turn, sender, letter)
        case Bye():
            membership.take_bye(turn, sender, letter)
        case Report():
            reporting.take(turn, sender, letter)
        case AskReport():
            reporting.send_whole(turn, sender)
        case AskPromise():
            session.answer_ask(turn, sender, letter)
        case Promise():
            session.take_promise(turn, sender, letter)


ROUNDS = 12  # far more than any chain of consequences needs


def settle(turn: Turn) -> None:
    """Draw every consequence of what is known now, and of those consequences.

    Raises:
        RuntimeError: the rules contradict each other and never come to rest.

    """
    for _ in range(ROUNDS):
        groups = turn.agenda.restless()
        membership.settle(turn)
        paths.settle(turn)
        partition.settle(turn)
        isolation.settle(turn)
        session.settle(turn)
        readiness.settle(turn)
        fencing.settle(turn)
        joining.settle(turn)
        agreement.challenge(turn)
        for group in groups:
            ownership.settle(turn, group.name)
        pending.settle(turn)
        for group in groups:
            draining.settle(turn, group)
            placement.settle(turn, group)
            ordering.settle(turn, group)
            budget.settle(turn, group.name)
            recovery.settle(turn, group.name)
        recovery.settle_server(turn)
        endings.settle(turn)
        if turn.agenda.rests:
            calls.settle(turn)
            reporting.settle(turn)
            return
    names = ", ".join(group.name for group in turn.agenda.restless())
    raise RuntimeError(f"no rest after {ROUNDS} rounds: {names}")
