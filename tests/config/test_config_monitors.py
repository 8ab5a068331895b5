"""Monitors made with their resources, adjusted ones, and those of their own."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind, setting
from clpcore.model.config import ClusterConfig
from clpcore.model.members import ALL_GROUPS, LOCAL_SERVER
from clpcore.model.reasons import Severity
from clpcore.model.states import Timing

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]
Load = Callable[[str], config.Loaded]
Specs = dict[tuple[Kind, str], DriverSpec]


@attrs.frozen
class _Level:
    level: int = setting("A key that the resource does not have.")


def _port(n: int, more: str = "", group: str = "g1") -> str:
    return f"[group.{group}.resource.port{n}]\ntype = 'port'\nport = {26000 + n}\n{more}\n"


_APP = "[group.g1.resource.app1]\ntype = 'app'\n"


def _targets(cluster: ClusterConfig) -> list[tuple[str, str]]:
    return [(monitor.name, monitor.target) for monitor in cluster.monitors]


def test_a_monitor_is_made_with_its_resource(good: Good) -> None:
    (monitor,) = good(_port(1)).monitors
    assert (monitor.name, monitor.type) == ("portw1", "portw")
    assert (monitor.group, monitor.target, monitor.recovery_target) == ("g1", "port1", "port1")
    assert (monitor.interval, monitor.timeout, monitor.retry) == (60_000, 180_000, 1)
    assert monitor.timing is Timing.ALWAYS  # its type watches the standby servers too


def test_numbers_follow_the_order_of_the_files_and_leave_said_names_out(good: Good) -> None:
    said = "monitors.portw = '{}'"
    cluster = good(
        _port(5) + _port(4, said.format("portw1")) + _port(3, said.format("mine")) + _port(2)
    )
    assert _targets(cluster) == [
        ("portw2", "port5"),
        ("portw1", "port4"),
        ("mine", "port3"),
        ("portw3", "port2"),
    ]


def test_a_table_without_type_adjusts_the_monitor_that_was_made(good: Good) -> None:
    (monitor,) = good(
        _port(1) + "[monitor.portw1]\ninterval = 0.5\nretry = 0\ndepth = 7\nmax_reactivations = 1"
    ).monitors
    assert (monitor.interval, monitor.timeout, monitor.retry) == (500, 180_000, 0)
    assert monitor.max_reactivations == 1
    assert monitor.settings == {"port": 26001, "depth": 7}


def test_settings_that_target_and_monitor_share_need_no_second_mention(good: Good) -> None:
    text = _port(1, "backlog = 9\nserver.node2.port = 26002")
    (monitor,) = good(text).monitors
    assert monitor.settings_for("node1") == {"port": 26001}
    assert monitor.settings_for("node2") == {"port": 26002}


def test_what_the_monitors_own_table_says_wins_on_every_server(good: Good) -> None:
    text = _port(1, "server.node2.port = 26002") + "[monitor.portw1]\nport = 5\n"
    (monitor,) = good(text).monitors
    assert (monitor.settings_for("node1"), monitor.settings_for("node2")) == (
        {"port": 5},
        {"port": 5},
    )
    (monitor,) = good(text + "server.node2.port = 6").monitors
    assert (monitor.settings_for("node1"), monitor.settings_for("node2")) == (
        {"port": 5},
        {"port": 6},
    )


def test_a_monitor_without_a_target_watches_its_server(good: Good) -> None:
    (monitor,) = good(_APP + "[monitor.w]\ntype = 'look'").monitors
    assert (monitor.group, monitor.target, monitor.timing) == ("", "", Timing.ALWAYS)
    assert monitor.recovery_target == LOCAL_SERVER
    assert monitor.critical
    assert not monitor.servers


@pytest.mark.parametrize("target", ["g1", "app1", ALL_GROUPS, LOCAL_SERVER])
def test_it_recovers_what_it_is_told(good: Good, target: str) -> None:
    text = f"[monitor.w]\ntype = 'look'\nrecovery_target = '{target}'\ncritical = false"
    (monitor,) = good(_APP + text).monitors
    assert monitor.recovery_target == target
    assert not monitor.critical


def test_the_server_itself_has_nothing_but_the_final_action(
    load: Load,
) -> None:
    text = "[monitor.w]\ntype = 'look'\nmax_failovers = 1\nfinal_action = 'reboot'"
    warnings = [p for p in load(_APP + text).problems if p.key.startswith("monitor")]
    (warning,) = warnings
    assert (warning.key, warning.severity) == ("monitor.w.max_failovers", Severity.WARNING)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[monitor.portw1]\ntype = 'portw'", "portw1 is already there: it is made with port1."),
        ("[monitor.portw2]\ninterval = 3", "No resource makes a monitor portw2, and the"),
        ("[monitor.portw1]\ntarget = 'app1'", "It is made with port1 of g1 and watches that."),
        ("[monitor.portw1]\ngroup = 'g2'", "There is no group g2."),
        (
            "[monitor.portw1]\ngroup = 'g2'\n[group.g2.resource.a]\ntype = 'app'",
            "It is made with port1 of g1 and watches that.",
        ),
        ("[monitor.portw1]\nport = 0", "monitor.portw1.port: 0 is too little."),
        ("[monitor.portw1]\nserver.node3.port = 1", "There is no server node3."),
        ("[monitor.portw1]\nintervall = 1", "Did you mean interval?"),
        ("[monitor.portw1]\nbacklog = 1", "backlog is a key of resources of type port."),
        ("[monitor.portw1]\nservers = ['node1', 'nod']", "There is no server nod."),
        ("[monitor.portw1]\nrecovery_target = 'g2'", "g2 is neither g1 nor one of its resources."),
        ("[monitor.w]\ntype = 'portw'", "target is missing. Name what it watches: portw watches"),
        ("[monitor.w]\ntype = 'portw'\ntarget = 'app1'", "app1 is of type app; portw watches"),
        ("[monitor.w]\ntype = 'portw'\ntarget = 'prt1'", "no resource prt1. Did you mean port1?"),
        ("[monitor.w]\ntype = 'look'\ntarget = 'app1'\ngroup = 'g2'", "There is no group g2."),
        ("[monitor.w]\ntype = 'lok'\ntarget = 'port1'", "brings a monitor of type lok. Did you"),
        ("[monitor.w]\ntype = 'look'\ngroup = 'g1'", "It has no target, so that it is about no"),
        ("[monitor.w]\ntype = 'look'\ntiming = 'active'", "It has no target that could be"),
        ("[monitor.w]\ntype = 'look'\nrecovery_target = 'g2'", "There is no group or resource g2."),
        ("[monitor.w]\ntype = 'look'\nfinal_action = 'stop_group'", "there is no group to stop."),
        (
            "[monitor.w]\ntype='look'\nrecovery_target='app1'\n[group.g2.resource.app1]\ntype='app'",
            "There is a resource app1 in each of g1 and g2.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_monitor_is_refused(complaints: Complaints, text: str, said: str) -> None:
    (complaint,) = complaints(_APP + _port(1) + text)
    assert said in complaint


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "monitors.portv = 'x'",
            "No monitor of type portv is made with port1. Did you mean portw?",
        ),
        ("monitors.portw = 3", "3 is not a name."),
        ("monitors.portw = 'a b'", '"a b" cannot be a name.'),
        ("monitors = 'portw1'", "group.g1.resource.port1.monitors is not a table."),
    ],
)
def test_a_wrong_name_for_a_made_monitor_is_refused(
    complaints: Complaints, more: str, said: str
) -> None:
    (complaint,) = complaints(_port(1, more))
    assert said in complaint


def test_two_resources_cannot_make_one_monitor(complaints: Complaints) -> None:
    said = "monitors.portw = 'mine'"
    (complaint,) = complaints(_port(1, said) + _port(2, said))
    assert complaint.startswith("group.g1.resource.port2.monitors.portw: mine is made with port1")


def test_what_is_wrong_with_a_shared_setting_is_told_once(complaints: Complaints) -> None:
    text = "[group.g1.resource.port1]\ntype = 'port'\n{}\n[monitor.portw1]\ndepth = 'x'"
    depth = "monitor.portw1.depth"
    key = "group.g1.resource.port1"
    for line, wrong in (
        ("", [f"{key}.port"]),
        ("port = 'x'", [f"{key}.port"]),
        ("server.node1.port = 1", [f"{key}.server.node2.port"]),
        ("port = 1\nserver.node2.port = 'x'", [f"{key}.server.node2.port"]),
    ):
        found = complaints(text.format(line))
        assert sorted(each.partition(": ")[0] for each in found) == sorted([*wrong, depth]), line


def test_what_is_wrong_in_both_tables_is_told_of_both(complaints: Complaints) -> None:
    text = "[group.g1.resource.port1]\ntype = 'port'\nport = 'x'\n[monitor.portw1]\nport = 0"
    assert [each.partition(": ")[0] for each in complaints(text)] == [
        "group.g1.resource.port1.port",
        "monitor.portw1.port",
    ]


def test_a_problem_of_a_made_monitor_points_to_its_resource(load: Load, specs: Specs) -> None:
    watch = specs[Kind.MONITOR, "portw"]
    specs[Kind.MONITOR, "portw"] = attrs.evolve(watch, config=_Level)
    (problem,) = [each for each in load(_port(1)).problems if each.severity is Severity.ERROR]
    assert problem.place
    assert problem.key == "monitor.portw1.level"
    assert problem.place.text == "[group.g1.resource.port1]"


def test_monitors_of_their_own(good: Good) -> None:
    cluster = good(
        _APP
        + _port(1)
        + """
        [monitor.second]
        type = "portw"
        target = "port1"
        timing = "active"
        recovery_target = "g1"
        servers = ["node2"]
        [monitor.look1]
        type = "look"
        target = "app1"
        """
    )
    found = {monitor.name: monitor for monitor in cluster.monitors}
    assert list(found) == ["portw1", "second", "look1"]
    second = found["second"]
    assert (second.timing, second.servers, second.group) == (Timing.ACTIVE, ("node2",), "g1")
    assert (second.recovery_target, second.settings) == ("g1", {"port": 26001})
    assert (found["look1"].timing, found["look1"].recovery_target) == (Timing.ACTIVE, "app1")


def test_without_servers_those_of_the_group_look(good: Good, complaints: Complaints) -> None:
    homes = "[group.g1]\nstartup_servers = ['node2']\n"
    text = homes + "[group.g1.resource.port1]\ntype = 'port'\nserver.node2.port = 26001\n"
    (monitor,) = good(text).monitors
    assert monitor.servers == ("node2",)
    (said,) = complaints(text + "[monitor.portw1]\nservers = ['node1']")
    assert said.startswith("monitor.portw1.server.node1.port: port is missing.")


def test_one_name_in_two_groups_wants_the_group(complaints: Complaints, good: Good) -> None:
    text = _APP + _APP.replace("g1", "g2") + "[monitor.w]\ntype = 'look'\ntarget = 'app1'\n"
    (complaint,) = complaints(text)
    assert 'There is a resource app1 in each of g1 and g2. Say which: group = "g1"' in complaint
    (monitor,) = good(text + "group = 'g2'").monitors
    assert (monitor.group, monitor.target) == ("g2", "app1")
