"""How long one step takes in a large cluster: what ``make bench`` prints of the core."""

from __future__ import annotations

import functools
import gc
import statistics
import sys
import time
from collections.abc import Iterable, Mapping

import attrs

from clpcore import decide
from clpcore.model.actions import Driven, Observe, Probe
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation, View
from clpcore.model.inputs import (
    Done,
    GotLetter,
    HeardBeat,
    Input,
    Leave,
    Observation,
    Outcome,
    ProcessEnded,
    Tick,
)
from clpcore.model.kept import BootKept, Current, Kept
from clpcore.model.ownership import Record, Version
from clpcore.model.peer import (
    Accept,
    Agreed,
    Beat,
    GroupReport,
    Heard,
    Held,
    Letter,
    MonitorReport,
    Propose,
    Report,
)
from clpcore.model.state import ClusterState
from clpcore.model.states import Health, Phase, Presence, Shown, Verdict
from clpcore.simulate.example import example

ME = "node1"
START = 1_000_000  # ms of the clock at which it starts


@attrs.frozen
class Figure:
    """Milliseconds of one kind of step, over *runs* runs."""

    what: str
    median: float
    most: float
    runs: int


def measure(servers: int = 32, groups: int = 512, runs: int = 20) -> tuple[Figure, ...]:
    """Give the time of typical steps of the leader of a cluster that is at rest."""
    config = attrs.evolve(
        example(servers, groups),
        heartbeat_interval=3_000,
        heartbeat_timeout=90_000,
        unproven_takeover=True,
    )
    typical = _typical(config, at_rest(config))
    return tuple(
        _time(config, state, what, taken, runs) for what, (state, taken) in typical.items()
    )


def _time(config: ClusterConfig, state: ClusterState, what: str, taken: Input, runs: int) -> Figure:
    times = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        decide.step(config, state, taken)
        times.append((time.perf_counter_ns() - began) / 1e6)
    return Figure(what, statistics.median(times), max(times), runs)


# -- a cluster at rest


def at_rest(config: ClusterConfig) -> ClusterState:
    """Give the state of the leader when every server is in and every group is online.

    It is led there by the inputs that would have led it there.
    """
    records = {name: _record(config, name) for name in config.group_by_name}
    mine = {name: 1 for name, record in records.items() if record.owner == ME}
    current = tuple(Current(name, record.version) for name, record in sorted(records.items()))
    run = BootKept(current=current, join=1, held=mine)
    state = decide.start(config, ME, _life(ME), Kept(records=records), run, now=START, wall=START)
    driven: list[Driven] = []
    state = _ticked(config, state, START, driven)
    state = _feed(config, state, _answers(driven, mine, state.now), driven)
    state = _ticked(config, state, state.now, driven)
    others = [name for name in config.server_names if name != ME]
    # Twice: only what comes from a server that is heard already is listened to.
    for _ in range(2):
        for name in others:
            state = _feed(config, state, _signs(config, records, name, state.now), driven)
            state = _ticked(config, state, state.now, driven)
        state = _feed(config, state, _answers(driven, mine, state.now), driven)
    return _ticked(config, state, state.now, driven)


def _record(config: ClusterConfig, group: str) -> Record:
    names = config.server_names
    owner = names[config.place_of_group[group] % len(names)]
    return Record(
        group=group,
        version=Version(1, owner),
        epoch=1,
        owner=owner,
        boot=_life(owner).boot,
        cohort=tuple(sorted(names)),
        event="START",
    )


def _life(server: str) -> Incarnation:
    return Incarnation(Boot(1, f"{server}-1"), 1)


def _feed(
    config: ClusterConfig, state: ClusterState, inputs: Iterable[Input], driven: list[Driven]
) -> ClusterState:
    for taken in inputs:
        decision = decide.step(config, state, taken)
        state = decision.state
        driven += [each for each in decision.actions if isinstance(each, Driven)]
    return state


def _answers(driven: list[Driven], mine: Mapping[str, int], now: int) -> Iterable[Input]:
    calls, driven[:] = tuple(driven), ()
    for action in calls:
        outcome = Outcome(verdict=Verdict.OK)
        if isinstance(action, Probe):
            here = Presence.ACTIVE if action.call.group in mine else Presence.INACTIVE
            outcome = attrs.evolve(outcome, presence=here)
        elif isinstance(action, Observe):
            outcome = attrs.evolve(outcome, observation=Observation(Health.NORMAL))
        yield Done(now=now, action=action.id, outcome=outcome)


def _signs(
    config: ClusterConfig, records: Mapping[str, Record], sender: str, now: int
) -> Iterable[Input]:
    yield _beat(config, sender, now)
    agreed = tuple(Agreed(g, r.version) for g, r in records.items() if r.owner == ME)
    yield _letter(sender, Accept(_life(ME).boot, agreed), now)
    yield _letter(sender, _whole_report(config, records, sender, 1), now)


def _whole_report(
    config: ClusterConfig, records: Mapping[str, Record], sender: str, version: int
) -> Report:
    groups = tuple(_group_report(config, records[g], sender) for g in config.group_by_name)
    monitors = tuple(MonitorReport(monitor=m.name, state=Shown.NORMAL) for m in config.monitors)
    return Report(version=version, base=0, groups=groups, monitors=monitors)


def _beat(config: ClusterConfig, sender: str, now: int, report: int = 1) -> HeardBeat:
    names = config.server_names
    return HeardBeat(
        now=now,
        sender=sender,
        incarnation=_life(sender),
        link="lanhb1",
        beat=Beat(
            boot_id=f"{sender}-1",
            phase=Phase.ONLINE,
            join=names.index(sender) + 1,
            view=View(40, ME, names),
            hears=tuple(Heard(name, 1, now=True) for name in names if name != sender),
            held=tuple(Held(g.name, 1) for g in config.groups[names.index(sender) :: len(names)]),
            report=report,
        ),
    )


def _letter(sender: str, letter: Letter, now: int) -> GotLetter:
    return GotLetter(now=now, sender=sender, incarnation=_life(sender), letter=letter)


def _group_report(config: ClusterConfig, record: Record, sender: str) -> GroupReport:
    serves = record.owner == sender
    shown = Shown.ONLINE if serves else Shown.OFFLINE
    return GroupReport(
        group=record.group,
        state=shown,
        epoch=1 if serves else 0,
        current=True,
        resources=tuple((name, shown) for name in config.group_by_name[record.group].by_name),
    )


# -- typical inputs


def _typical(
    config: ClusterConfig, state: ClusterState
) -> Mapping[str, tuple[ClusterState, Input]]:
    now, other = state.now + 1, config.server_names[1]
    theirs = [r for r in state.kept.records.values() if r.owner == other]
    newer = tuple(attrs.evolve(r, version=Version(2, other)) for r in theirs)
    report = _group_report(config, theirs[0], other)
    worse = attrs.evolve(report, state=Shown.ONLINE_PENDING)
    first = config.groups[0]
    at_rest: dict[str, Input] = {
        "a heartbeat without news": _beat(config, other, now),
        "a heartbeat that names a new report": _beat(config, other, now, report=2),
        "a heartbeat of a new boot": attrs.evolve(
            _beat(config, other, now), incarnation=Incarnation(Boot(2, "new"), 1)
        ),
        "a tick before its time": Tick(now),
        "a tick at which monitors look": Tick(state.now + 10_000),
        "a report of one group": _letter(
            other, Report(version=2, base=1, groups=(worse,), monitors=()), now
        ),
        "a whole report": _letter(other, _whole_report(config, state.kept.records, other, 2), now),
        "a clean leave begins": Leave(now),
        "a proposal for all groups of one server": _letter(
            other, Propose(state.incarnation.boot, newer), now
        ),
        "a process has ended": ProcessEnded(
            now=now, group=first.name, resource=first.resources[0].name, process="main", pid=1
        ),
    }
    looking, number = _looking(config, state)
    silent = _without(config, state, other)
    done = functools.partial(Done, now=looking.now + 1, action=number)
    return {
        **{what: (state, taken) for what, taken in at_rest.items()},
        "a look that says normal": (looking, done(outcome=_seen(Health.NORMAL))),
        "a look that says error": (looking, done(outcome=_seen(Health.ERROR))),
        "a server falls silent with its groups": (
            silent,
            Tick(state.now + config.heartbeat_timeout),
        ),
    }


def _seen(health: Health) -> Outcome:
    return Outcome(verdict=Verdict.OK, observation=Observation(health))


def _looking(config: ClusterConfig, state: ClusterState) -> tuple[ClusterState, int]:
    """Give the state while monitors look, and the number of the first look."""
    driven: list[Driven] = []
    looking = _ticked(config, state, state.now + 10_000, driven)
    return looking, driven[0].id


def _ticked(
    config: ClusterConfig, state: ClusterState, until: int, driven: list[Driven]
) -> ClusterState:
    """Tick at *until*, and then until nothing is due."""
    state = _feed(config, state, [Tick(until)], driven)
    while state.wake_at is not None and state.wake_at <= state.now + 1:
        state = _feed(config, state, [Tick(state.wake_at)], driven)
    return state


def _without(config: ClusterConfig, state: ClusterState, silent: str) -> ClusterState:
    """Give the state in which all others but *silent* were heard a while later."""
    later = state.now + config.heartbeat_timeout - config.heartbeat_interval
    others = [name for name in config.server_names if name not in (ME, silent)]
    driven: list[Driven] = []
    for now in (state.now + config.heartbeat_timeout // 2, later):
        state = _feed(config, state, [_beat(config, name, now) for name in others], driven)
        state = _ticked(config, state, now, driven)
    state = _feed(config, state, _answers(driven, {}, state.now), driven)
    return _ticked(config, state, state.now + 1, driven)


def table() -> str:
    """Give the figures as a table, with the collector at rest as in the agent."""
    gc.collect()
    gc.freeze()
    rows = ["| step | median, ms | max, ms | runs |", "| --- | --- | --- | --- |"]
    rows += [f"| {f.what} | {f.median:.3f} | {f.most:.3f} | {f.runs} |" for f in measure()]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
