"""Groups and resources: keys of the core beside the driver's, values per server, the order."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from clpcore.api import DriverSpec, Kind, Problem
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Resource
from clpcore.model.states import Automatic, FinalAction

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]
Specs = dict[tuple[Kind, str], DriverSpec]

_PAIR = """
[group.g1.resource.app1]
type = "app"
[group.g1.resource.port1]
type = "port"
port = 26001
"""


def _resource(cluster: ClusterConfig, name: str) -> Resource:
    (found,) = [each for group in cluster.groups for each in group.resources if each.name == name]
    return found


def test_a_group_has_its_keys_and_its_resources_in_the_order_of_the_file(good: Good) -> None:
    text = "[group.g1]\nfailback = 'auto'\nstartup_servers = ['node2', 'node1']" + _PAIR
    (group,) = good(text).groups
    assert (group.failback, group.failover) == (Automatic.AUTO, Automatic.AUTO)
    assert group.startup_servers == ("node2", "node1")
    assert [(each.name, each.group) for each in group.resources] == [
        ("app1", "g1"),
        ("port1", "g1"),
    ]


def test_a_table_mixes_the_cores_keys_and_the_drivers(good: Good) -> None:
    cluster = good(
        """
        [group.g1.resource.app1]
        type = "app"
        activate_timeout = "2 min"
        deactivation_final_action = "panic"
        patience = 3
        """
    )
    app = _resource(cluster, "app1")
    assert (app.activate_timeout, app.activation_retry) == (120_000, 0)
    assert app.deactivation_final_action is FinalAction.PANIC
    assert app.settings == {"patience": 3}  # as the file has it: the worker structures it again


def test_a_types_own_defaults_stand_between_the_file_and_the_model(good: Good) -> None:
    text = "[group.g1.resource.ip{n}]\ntype = 'address'\nip = '10.5.0.{n}'\n"
    cluster = good(text.format(n=1) + text.format(n=2) + "activation_retry = 2")
    assert _resource(cluster, "ip1").activation_retry == 5
    assert _resource(cluster, "ip2").activation_retry == 2


def test_a_server_may_have_values_of_its_own(good: Good) -> None:
    cluster = good(
        """
        [group.g1.resource.app1]
        type = "app"
        start = "run.sh"
        patience = 3
        server.node2.patience = "4 s"
        [group.g1.resource.ip1]
        type = "address"
        [group.g1.resource.ip1.server]
        node1.ip = "10.5.0.1"
        node2.ip = "10.5.0.2"
        """
    )
    app = _resource(cluster, "app1")
    assert app.settings_for("node1") == {"start": "run.sh", "patience": 3}
    assert app.settings_for("node2") == {"start": "run.sh", "patience": "4 s"}
    assert _resource(cluster, "ip1").per_server == {
        "node1": {"ip": "10.5.0.1"},
        "node2": {"ip": "10.5.0.2"},
    }


_IP = "group.g1.resource.ip1"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", [f"{_IP}.ip: ip is missing."]),
        ("server.node1.ip = '10.5.0.1'", [f"{_IP}.server.node2.ip: ip is missing."]),
        ("ip = '10.5.0.0'", [f"{_IP}.ip: 10.5.0.0 is a network. Give the address of one machine."]),
        (
            "ip = '10.5.0.1'\nserver.node2.ip = '10.5.0.0'",
            [f"{_IP}.server.node2.ip: 10.5.0.0 is a network."],
        ),
        (
            "ip = 1\nserver.node2.ip = 2",
            [f"{_IP}.ip: 1 is not", f"{_IP}.server.node2.ip: 2 is not"],
        ),
        ("ip = 1\nserver.node2.ipp = 2", [f"{_IP}.ip: 1 is not", f"{_IP}.server.node2.ipp: ["]),
        (
            "ip = '10.5.0.1'\nserver.nod2.ip = 'x'",
            [f"{_IP}.server.nod2: There is no server nod2. "],
        ),
        (
            "ip = '10.5.0.1'\nserver.node1 = 'x'",
            [f"{_IP}.server.node1: {_IP}.server.node1 is not a"],
        ),
        ("ip = '10.5.0.1'\nserver = 'x'", [f"{_IP}.server: {_IP}.server is not a table."]),
        (
            "ip = '10.5.0.1'\nserver.node1.probe_timeout = 3",
            [f"{_IP}.server.node1.probe_timeout: probe_timeout is the same on every server. "],
        ),
    ],
)
def test_values_are_checked_as_every_server_will_see_them(
    complaints: Complaints, keys: str, said: list[str]
) -> None:
    found = complaints(f"[{_IP}]\ntype = 'address'\n{keys}")
    assert [each.startswith(start) for start, each in zip(said, found, strict=True)] == [
        True
    ] * len(said)


def test_what_is_wrong_with_all_of_them_is_told_at_the_table(
    complaints: Complaints, specs: Specs
) -> None:
    spec = specs[Kind.RESOURCE, "address"]
    wrong = attrs.evolve(spec, validate=lambda address: [Problem("", f"{address.ip} is bad.")])
    specs[Kind.RESOURCE, "address"] = wrong
    text = f"[{_IP}]\ntype = 'address'\n"
    assert complaints(text + "ip = 'a'") == [f"{_IP}: a is bad."]
    assert complaints(text + "ip = 'a'\nserver.node2.ip = 'b'") == [
        f"{_IP}.server.node1: a is bad.",
        f"{_IP}.server.node2: b is bad.",
    ]


def test_only_the_groups_own_servers_need_values(good: Good) -> None:
    text = (
        f"[group.g1]\nstartup_servers = ['node1']\n[{_IP}]\ntype = 'address'\nserver.node1.ip = 'x'"
    )
    assert _resource(good(text), "ip1").settings_for("node2") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[group.g1]", "Group g1 has no resource: it would do nothing."),
        ("[group.g1.resource.g1]\ntype = 'app'", "A resource and its group are both called g1"),
        ("[group.monitor.resource.r1]\ntype = 'app'", "A group cannot be called monitor"),
        (
            "[group.g1.resource.r1]\ntype = 'app'\ninterval = 3",
            "interval is a key of [monitor.NAME] and [np.NAME].",
        ),
        ("[group.g1.resource.r1]\ntype = 'app'\npatients = 3", "Did you mean patience?"),
        ("[group.g1.resource.r1]\ntype = 'app'\nprobe_timeout = 'x'", '"x" is not a duration.'),
        (
            "[group.g1.resource.r1]\ntype = 'app'\nactivate_timout = 3",
            "Did you mean activate_timeout?",
        ),
        ("[group.g1.resource.r1]\ntype = 'app'\nname = 'x'", "name is a key of [cluster]."),
        ("[group.g1]\nstartup_servers = ['node1', 'nod']" + _PAIR, "There is no server nod."),
        ("[group.g1]\nstartup_servers = ['node1', 'node1']" + _PAIR, "node1 is there twice."),
        ("[group.g1.resources.r1]\ntype = 'app'" + _PAIR, "Did you mean resource?"),
    ],
)
def test_a_wrong_group_is_refused(complaints: Complaints, text: str, said: str) -> None:
    (complaint,) = complaints(text)
    assert said in complaint


def test_an_address_comes_after_all_that_is_none(good: Good) -> None:
    cluster = good(
        """
        [group.g1.resource.port1]
        type = "port"
        port = 26001
        [group.g1.resource.app1]
        type = "app"
        [group.g1.resource.ip1]
        type = "address"
        ip = "10.5.0.1"
        [group.g1.resource.app2]
        type = "app"
        """
    )
    assert _resource(cluster, "port1").depends_on == ("app1", "app2")
    assert _resource(cluster, "app1").depends_on == ()
    assert _resource(cluster, "ip1").depends_on == ()


def test_a_type_names_the_types_it_follows(good: Good, specs: Specs) -> None:
    app = specs[Kind.RESOURCE, "app"]
    specs[Kind.RESOURCE, "disk"] = attrs.evolve(app, name="disk")
    specs[Kind.RESOURCE, "app"] = attrs.evolve(app, activates_after=("disk",))
    disk = "[group.g1.resource.disk1]\ntype = 'disk'"
    cluster = good(_PAIR + disk)
    assert _resource(cluster, "app1").depends_on == ("disk1",)
    assert _resource(cluster, "port1").depends_on == ("app1", "disk1")


def test_a_list_in_the_file_replaces_the_order_by_type(good: Good) -> None:
    assert _resource(good(_PAIR + "depends_on = []"), "port1").depends_on == ()
    again = _PAIR + "depends_on = ['app1', 'app1']"
    assert _resource(good(again), "port1").depends_on == ("app1",)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("['ap2']", "[]", "There is no resource ap2 in this group. Did you mean app2?"),
        ("['app11']", "[]", "There is no resource app11 in this group. Did you mean app2?"),
        ("['app1']", "[]", "app1 cannot depend on itself."),
        (
            "['app2']",
            "['app1']",
            "The resources wait for each other: app1 before app2 before app1.",
        ),
    ],
)
def test_a_wrong_dependency_is_refused(
    complaints: Complaints, first: str, second: str, said: str
) -> None:
    text = "[group.g1.resource.app{n}]\ntype = 'app'\ndepends_on = {on}\n"
    (complaint,) = complaints(text.format(n=1, on=first) + text.format(n=2, on=second))
    assert said in complaint


def test_a_cycle_that_an_order_by_type_closes_says_where_to_open_it(complaints: Complaints) -> None:
    text = "[group.g1.resource.app1]\ndepends_on = ['port1']\n" + _PAIR.replace(
        "[group.g1.resource.app1]", "", 1
    )
    cycle, warning = complaints(text)
    assert "port1 depends by type: give it a depends_on of its own." in cycle
    assert "Clients reach port1 before app1 is active" in warning
    port, app = _PAIR.split("[group.g1.resource.port1]")[::-1]
    cycle, _ = complaints(f"[group.g1.resource.port1]{port}{app}depends_on = ['port1']")
    assert cycle.startswith("group.g1.resource.app1.depends_on: ")  # where it can be opened


def test_all_others_are_never_itself(good: Good, specs: Specs) -> None:
    app = specs[Kind.RESOURCE, "app"]
    specs[Kind.RESOURCE, "app"] = attrs.evolve(app, activates_after=("*",))
    assert _resource(good(_PAIR), "app1").depends_on == ()


def test_an_address_may_follow_an_address_and_a_type_its_own_rule(
    complaints: Complaints, good: Good, specs: Specs
) -> None:
    text = _PAIR + "depends_on = ['ip1']\n[group.g1.resource.ip1]\ntype = 'address'\nip = 'x'"
    assert complaints(text) == []
    app = specs[Kind.RESOURCE, "app"]
    specs[Kind.RESOURCE, "app"] = attrs.evolve(app, activates_after=("address",))
    assert complaints(text) == []
    assert _resource(good(text), "app1").depends_on == ("ip1",)


def test_an_address_before_the_application_is_a_risk_that_is_told(
    complaints: Complaints, good: Good
) -> None:
    text = _PAIR.replace('"app"', '"app"\ndepends_on = ["port1"]') + "depends_on = []"
    (said,) = complaints(text)
    assert "Clients reach port1 before app1 is active, and after it has stopped." in said
    assert _resource(good(text), "app1").depends_on == ("port1",)
