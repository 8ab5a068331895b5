"""Letters and lives that no scenario brings about: each one alone must change nothing."""

from __future__ import annotations

import attrs
import pytest

from clpcore import decide
from clpcore.decide import evidence
from clpcore.decide.turn import Turn
from clpcore.model.actions import Action, Activate, Probe, Send
from clpcore.model.ids import Boot, Incarnation, View
from clpcore.model.inputs import Done, GotLetter, HeardBeat, Input, Outcome, Tick
from clpcore.model.kept import BootKept, Kept, Trouble
from clpcore.model.ownership import Evidence, EvidenceKind, Record, Version
from clpcore.model.peer import (
    Accept,
    Beat,
    Bye,
    GroupReport,
    Held,
    Letter,
    MonitorReport,
    Nominate,
    Propose,
    Records,
    Refuse,
    Report,
    StopGroup,
)
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState, Goal, PeerState
from clpcore.model.states import Event, Phase, Presence, Shown, Verdict
from clpcore.simulate import Scenario
from clpcore.simulate.example import example

CONFIG = example()
ME = Incarnation(Boot(3, "mine"), 2)
OTHER = Incarnation(Boot(2, "theirs"), 1)
COHORT = ("node1", "node2")


def begun(record: Record | None = None, run: BootKept | None = None) -> ClusterState:
    """Give node1 with one record, when it has heard nobody yet."""
    kept = Kept(records={"failover1": record} if record else {})
    return decide.start(CONFIG, "node1", ME, kept, run or BootKept(), now=0, wall=0)


def fed(state: ClusterState, *inputs: Input) -> ClusterState:
    for taken in inputs:
        state = decide.step(CONFIG, state, taken).state
    return state


def beat(incarnation: Incarnation = OTHER, held: tuple[Held, ...] = (), now: int = 1) -> HeardBeat:
    body = Beat(
        boot_id=incarnation.boot.id,
        phase=Phase.ONLINE,
        join=1,
        view=View(),
        hears=(),
        held=held,
        report=0,
        at=now,
    )
    return HeardBeat(now=now, sender="node2", incarnation=incarnation, link="lanhb1", beat=body)


def letter(what: Letter) -> GotLetter:
    return GotLetter(now=1, sender="node2", incarnation=OTHER, letter=what)


def test_an_answer_to_an_earlier_boot_makes_nobody_current() -> None:
    record = Record(group="failover1", version=Version(4, "node2"), epoch=2, cohort=COHORT)
    state = fed(begun(record), Tick(0), beat())
    late = fed(state, letter(Records(Boot(2, "before"), (record,))))
    assert not late.run.current
    now = fed(state, letter(Records(ME.boot, (record,))))
    assert [each.group for each in now.run.current] == ["failover1"]


def test_a_good_bye_speaks_of_its_own_boot() -> None:
    state = fed(begun(), Tick(0), beat())
    assert fed(state, letter(Bye(1))).peers["node2"].up
    assert fed(state, letter(Bye(2))).peers["node2"].state is PeerState.LEFT


def test_a_heartbeat_of_a_life_known_to_be_over_is_nothing() -> None:
    state = fed(begun(run=BootKept(boots={"node2": 5})), Tick(0), beat())
    assert state.peers["node2"].state is PeerState.UNSEEN


def test_a_clean_leave_proves_nothing_about_a_later_boot() -> None:
    turn = Turn(CONFIG, fed(begun(), Tick(0), beat(), letter(Bye(2))), 1)
    assert evidence.proof_about(turn, "node2", OTHER.boot) is EvidenceKind.CLEAN
    assert evidence.proof_about(turn, "node2", Boot(3, "later")) is None


def test_a_clean_leave_proves_nothing_once_others_have_heard_a_newer_boot() -> None:
    left = fed(begun(), Tick(0), beat(), letter(Bye(2)))
    assert evidence.proof(Turn(CONFIG, left, 1), "node2") is EvidenceKind.CLEAN
    known = attrs.evolve(left, run=attrs.evolve(left.run, boots={"node2": 3}))
    assert evidence.proof(Turn(CONFIG, known, 1), "node2") is None


def test_without_a_journal_nothing_is_agreed_to_before_all_have_told() -> None:
    config = example(3)
    state = decide.start(config, "node1", ME, Kept(), BootKept(), now=0, wall=0)
    record = Record(
        group="failover1",
        version=Version(4, "node2"),
        epoch=2,
        owner="node2",
        boot=OTHER.boot,
        cohort=("node1", "node2", "node3"),
    )
    answers: list[Action] = []
    for taken in (Tick(0), beat(), letter(Propose(ME.boot, (record,)))):
        decision = decide.step(config, state, taken)
        state, answers = decision.state, [*answers, *decision.actions]
        for probe in [each for each in decision.actions if isinstance(each, Probe)]:
            outcome = Outcome(verdict=Verdict.OK, presence=Presence.INACTIVE)
            state = decide.step(config, state, Done(now=1, action=probe.id, outcome=outcome)).state
    sent = [each.letter for each in answers if isinstance(each, Send)]
    refused = [each for each in sent if isinstance(each, Refuse)]
    assert [each.because.key for refuse in refused for each in refuse.refusals] == ["rc525"]
    assert not [each for each in sent if isinstance(each, Accept)]


def test_what_only_the_own_journal_says_is_confirmed_before_more_is_activated() -> None:
    record = Record(
        group="failover1",
        version=Version(4, "node1"),
        epoch=2,
        owner="node1",
        boot=ME.boot,
        cohort=COHORT,
    )
    state, calls = begun(record), list[Action]()
    for now in range(3):
        decision = decide.step(CONFIG, state, Tick(now))
        state, calls = decision.state, [*calls, *decision.actions]
    for probe in [each for each in calls if isinstance(each, Probe)]:
        outcome = Outcome(verdict=Verdict.OK, presence=Presence.INACTIVE)
        decision = decide.step(CONFIG, state, Done(now=3, action=probe.id, outcome=outcome))
        state, calls = decision.state, [*calls, *decision.actions]
    assert state.groups["failover1"].goal is Goal.UP
    assert not [each for each in calls if isinstance(each, Activate)]


# -- letters to the server of a running group


@pytest.fixture
def running() -> Scenario:
    scenario = Scenario()
    scenario.do("begin node1 node2")
    return scenario


def life(scenario: Scenario, server: str) -> Incarnation:
    agent = scenario.cluster.machines[server].agent
    assert agent is not None
    return agent.state.incarnation


def say(scenario: Scenario, what: Letter) -> None:
    """Let node2 send a letter to node1."""
    theirs = life(scenario, "node2")
    scenario.cluster.feed(
        "node1",
        lambda now: GotLetter(now=now, sender="node2", incarnation=theirs, letter=what),
    )


def goal(scenario: Scenario) -> Goal:
    agent = scenario.cluster.machines["node1"].agent
    assert agent is not None
    return agent.state.groups["failover1"].goal


@pytest.mark.parametrize(("epoch", "then"), [(0, Goal.UP), (1, Goal.DOWN), (2, Goal.UP)])
def test_an_order_counts_for_the_epoch_it_names(running: Scenario, epoch: int, then: Goal) -> None:
    order = StopGroup(group="failover1", epoch=epoch, event=Event.STOP, heir="", stay_stopped=True)
    say(running, order)
    assert goal(running) is then


@pytest.mark.parametrize(("late", "then"), [(True, Goal.NONE), (False, Goal.UP)])
def test_a_nomination_counts_unless_an_operator_has_stopped_the_group_since(
    running: Scenario, *, late: bool, then: Goal
) -> None:
    agent = running.cluster.machines["node1"].agent
    assert agent is not None
    running.do("node1$ clp group stop failover1")
    running.do("run 3 s")
    before = agent.state.kept.records["failover1"].version
    running.do("node1$ clp group stop failover1")
    running.do("run 3 s")
    record = agent.state.kept.records["failover1"]
    assert record.version > before
    seen = before if late else record.version
    say(running, Nominate("failover1", record.epoch, seen, Event.START, ""))
    running.do("run 3 s")
    assert goal(running) is then


@pytest.mark.parametrize(
    ("kind", "then"), [(EvidenceKind.NONE, Goal.UP), (EvidenceKind.OPERATOR, Goal.DOWN)]
)
def test_of_equal_epochs_the_claim_with_proof_stays(
    running: Scenario, kind: EvidenceKind, then: Goal
) -> None:
    mine = running.cluster.machines["node1"].kept.records["failover1"]
    theirs = attrs.evolve(
        mine,
        owner="node2",
        boot=life(running, "node2").boot,
        version=Version(9, "node2"),
        evidence=(Evidence("node1", 1, kind),),
    )
    held = (Held("failover1", mine.epoch),)
    running.cluster.feed("node1", lambda now: beat(life(running, "node2"), held, now))
    say(running, Records(life(running, "node1").boot, (theirs,)))
    assert goal(running) is then


def test_a_report_leaves_nothing_of_what_is_not_configured(running: Scenario) -> None:
    group = GroupReport(group="nobody's", state=Shown.ONLINE, epoch=9, current=True, resources=())
    monitor = MonitorReport(monitor="nobody's", state=Shown.ERROR)
    troubles = tuple(
        Trouble(group=group, server=server, epoch=1, because=Because("rc92"), since=0)
        for group, server in (("nobody's", "node1"), ("failover1", "nobody"))
    )
    say(
        running,
        Report(version=9, base=0, groups=(group,), monitors=(monitor,), troubles=troubles),
    )
    agent = running.cluster.machines["node1"].agent
    assert agent is not None
    peer = agent.state.peers["node2"]
    assert (peer.report, dict(peer.groups), dict(peer.monitors)) == (9, {}, {})
    assert not agent.state.kept.troubles
