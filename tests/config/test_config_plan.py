"""What a change does is known before it is applied."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from clpcore.config import plan
from clpcore.config.plan import Change, Effect
from clpcore.config.revision import File
from clpcore.model.alerts import Alert
from clpcore.model.alerts import File as AlertFile
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Heartbeat, Monitor, Resource, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.relations import ExclusionRule, ServerGroup
from clpcore.model.states import Automatic, Exclusion, FinalAction

_EXEC = Resource(name="exec1", group="g1", type="exec", settings={"start": "a.sh"})
_PORT = Resource(name="lbpp1", group="g1", type="lbpp", depends_on=("exec1",))
_OTHER = Resource(name="exec2", group="g2", type="exec")
_MONITOR = Monitor(name="lbppw1", type="lbppw", group="g1", target="lbpp1")
_OLD = ClusterConfig(
    name="c",
    servers=(
        Server(name="node1", priority=1, interconnect=("10.5.0.110",)),
        Server(name="node2", priority=2, interconnect=("10.5.0.111",)),
    ),
    heartbeats=(Heartbeat(name="lanhb1", type="lanhb"),),
    groups=(Group(name="g1", resources=(_EXEC, _PORT)), Group(name="g2", resources=(_OTHER,))),
    monitors=(_MONITOR,),
)


def _with_resource(**changes: Any) -> ClusterConfig:  # noqa: ANN401 - fields of a resource
    first = attrs.evolve(_OLD.groups[0], resources=(attrs.evolve(_EXEC, **changes), _PORT))
    return attrs.evolve(_OLD, groups=(first, _OLD.groups[1]))


def _with_group(**changes: Any) -> ClusterConfig:  # noqa: ANN401 - fields of a group
    return attrs.evolve(_OLD, groups=(attrs.evolve(_OLD.groups[0], **changes), _OLD.groups[1]))


_NODE3 = Server(name="node3", priority=3, interconnect=("10.5.0.112",))
_MORE = Resource(name="exec9", group="g1", type="exec")


@pytest.mark.parametrize(
    ("new", "what", "effect", "about"),
    [
        (attrs.evolve(_OLD, name="d"), "[cluster] name: c -> d", Effect.NEVER, ""),
        (
            attrs.evolve(_OLD, heartbeat_timeout=30_000),
            "[cluster] heartbeat_timeout: 90000 -> 30000",
            Effect.PAUSE,
            "",
        ),
        (
            attrs.evolve(_OLD, freeze_timeout=40_000),
            "[cluster] freeze_timeout: 0 -> 40000",
            Effect.PAUSE,
            "",
        ),
        (
            attrs.evolve(_OLD, startup_wait=1_000),
            "[cluster] startup_wait: 300000 -> 1000",
            Effect.RUNNING,
            "",
        ),
        (attrs.evolve(_OLD, heartbeats=()), "the heartbeat paths change", Effect.PAUSE, ""),
        (
            attrs.evolve(_OLD, servers=_OLD.servers[:1]),
            "server node2 is removed",
            Effect.STOPPED,
            "node2",
        ),
        (
            attrs.evolve(_OLD, servers=(*_OLD.servers, _NODE3)),
            "server node3 is new: it joins when its agent starts",
            Effect.RUNNING,
            "",
        ),
        (attrs.evolve(_OLD, groups=_OLD.groups[:1]), "group g2 is removed", Effect.STOP, "g2"),
        (
            attrs.evolve(_OLD, groups=(*_OLD.groups, Group(name="g3"))),
            "group g3 is new",
            Effect.RUNNING,
            "",
        ),
        (_with_group(failback=Automatic.AUTO), "group g1: failback", Effect.RUNNING, ""),
        (
            _with_group(startup_servers=("node2",)),
            "group g1: startup_servers",
            Effect.RESTART,
            "g1",
        ),
        (
            _with_group(resources=(_EXEC,)),
            "resource lbpp1 of g1 is removed",
            Effect.RESTART,
            "g1",
        ),
        (
            _with_group(resources=(_EXEC, _PORT, _MORE)),
            "resource exec9 of g1 is new",
            Effect.RESTART,
            "g1",
        ),
        (
            _with_resource(settings={"start": "b.sh", "stop": "c.sh"}),
            "resource exec1 of g1: start and stop",
            Effect.RESTART,
            "g1",
        ),
        (
            _with_resource(per_server={"node2": {"start": "b.sh"}}),
            "resource exec1 of g1: server.node2",
            Effect.RESTART,
            "g1",
        ),
        (
            _with_resource(activate_timeout=1, deactivation_final_action=FinalAction.NONE),
            "resource exec1 of g1: deactivation_final_action and activate_timeout",
            Effect.RUNNING,
            "",
        ),
        (attrs.evolve(_OLD, monitors=()), "monitor lbppw1 is removed", Effect.RUNNING, ""),
        (
            attrs.evolve(_OLD, monitors=(attrs.evolve(_MONITOR, interval=1, settings={"a": 1}),)),
            "monitor lbppw1: a and interval",
            Effect.RUNNING,
            "",
        ),
    ],
)
def test_a_change_has_its_effect(new: ClusterConfig, what: str, effect: Effect, about: str) -> None:
    assert plan.plan(_OLD, new) == (Change(what, effect, about),)


def test_alerts_come_go_and_change_at_run_time() -> None:
    alert = Alert(name="file1", type="file", settings=AlertFile())
    with_it = attrs.evolve(_OLD, alerts=(alert,))
    changed = attrs.evolve(_OLD, alerts=(attrs.evolve(alert, ids=("nm2",)),))
    assert plan.plan(_OLD, with_it) == (Change("alert file1 is new"),)
    assert plan.plan(with_it, changed) == (Change("alert file1 changes"),)
    assert plan.plan(with_it, _OLD) == (Change("alert file1 is removed"),)


def test_rules_and_server_groups_change_at_run_time() -> None:
    rule, zone = (
        ExclusionRule(name="apart", groups=("g1", "g2")),
        ServerGroup(name="east", servers=()),
    )
    new = attrs.evolve(_OLD, exclusions=(rule,), server_groups=(zone,))
    rules = attrs.evolve(new, exclusions=(attrs.evolve(rule, rule=Exclusion.ABSOLUTE),))
    assert plan.plan(_OLD, new) == (
        Change("exclusion rule apart is new"),
        Change("server group east is new"),
    )
    assert plan.plan(new, rules) == (Change("exclusion rule apart changes"),)
    assert Change("server group east is removed") in plan.plan(new, _OLD)


def test_a_table_is_never_shown_as_a_key_of_the_cluster() -> None:
    """Also one that somebody adds to the model: its fields are no keys of [cluster]."""
    shown = {change.what for change in plan.plan(_OLD, ClusterConfig(name="c"))}
    tables = [field.name for field in attrs.fields(ClusterConfig) if not field.metadata]
    assert {"exclusions", "server_groups", "nps", "fencings", "arbiter"} <= {*tables}
    assert not any(what.startswith("[cluster]") for what in shown)
    arbiter = Arbiter(name="w1", type="witness")
    new = attrs.evolve(
        _OLD,
        nps=(NpResolution(name="ping1", type="pingnp"),),
        fencings=(Fencing(name="stop1", type="script"),),
        arbiter=arbiter,
    )
    assert plan.plan(_OLD, new) == (
        Change("NP resolution ping1 is new"),
        Change("forced stop stop1 is new"),
        Change("who may serve g1 is claimed anew", Effect.RESTART, "g1"),
        Change("who may serve g2 is claimed anew", Effect.RESTART, "g2"),
        Change("arbiter w1 is new"),
        Change("takeovers rest on another policy: operator -> both", Effect.PAUSE),
    )


_ARBITRATED = attrs.evolve(_OLD, arbiter=Arbiter(name="w1", type="witness", settings={"url": "a"}))


def test_times_of_the_arbiter_change_for_all_servers_together() -> None:
    assert _ARBITRATED.arbiter
    longer = attrs.evolve(_ARBITRATED.arbiter, lease=90_000)
    found = plan.plan(_ARBITRATED, attrs.evolve(_ARBITRATED, arbiter=longer))
    assert found == (Change("arbiter w1 changes", Effect.PAUSE),)
    budget = attrs.evolve(_ARBITRATED, stop_budget=9_000)
    assert {change.effect for change in plan.plan(_ARBITRATED, budget)} == {Effect.PAUSE}


@pytest.mark.parametrize(
    "change", [{"settings": {"url": "b"}}, {"type": "blob"}, {"per_server": {"node1": {}}}]
)
def test_another_store_of_records_restarts_what_rests_on_it(change: dict[str, Any]) -> None:
    assert _ARBITRATED.arbiter
    other = attrs.evolve(_ARBITRATED.arbiter, **change)
    found = plan.plan(_ARBITRATED, attrs.evolve(_ARBITRATED, arbiter=other))
    assert plan.groups(found, Effect.RESTART) == ("g1", "g2")
    assert Effect.PAUSE not in {change.effect for change in found}


def test_a_lease_that_comes_or_goes_is_another_policy() -> None:
    assert _ARBITRATED.arbiter
    fencings = (Fencing(name="stop1", type="script"),)
    old = attrs.evolve(_ARBITRATED, fencings=fencings)
    new = attrs.evolve(old, arbiter=attrs.evolve(_ARBITRATED.arbiter, lease=0))
    found = plan.plan(old, new)
    assert plan.groups(found, Effect.RESTART) == ("g1", "g2")
    assert Change("takeovers rest on another policy: both -> fence", Effect.PAUSE) in found


def test_a_script_of_the_forced_stop_changes_at_run_time() -> None:
    files = {"scripts/fencing/stop1/forcestop.sh": File(0o755, b"new")}
    (change,) = plan.plan(_OLD, _OLD, ({}, files))
    assert change == Change("scripts/fencing/stop1/forcestop.sh")


def test_nothing_changes_by_itself() -> None:
    assert plan.plan(_OLD, _OLD, ({}, {})) == ()


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("scripts/g1/exec1/start.sh", "g1"),
        ("scripts/g1/shared.sh", "g1"),
        ("scripts/g1/gone/start.sh", ""),
        ("scripts/nowhere/exec1/start.sh", ""),
        ("scripts/monitor/genw1/genw.sh", ""),
        ("scripts/common.sh", ""),
    ],
)
def test_a_script_restarts_the_group_that_runs_it(path: str, about: str) -> None:
    (change,) = plan.plan(_OLD, _OLD, ({path: File(0o755, b"1")}, {path: File(0o755, b"2")}))
    assert change.about == about
    assert change.effect is (Effect.RESTART if about else Effect.RUNNING)


def test_groups_are_named_once() -> None:
    new = _with_group(resources=())
    changes = plan.plan(_OLD, new, ({}, {"scripts/g1/exec1/start.sh": File(0o755, b"")}))
    assert plan.groups(changes, Effect.RESTART, Effect.STOP) == ("g1",)
