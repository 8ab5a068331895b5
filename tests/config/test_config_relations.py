"""Server groups, exclusion rules and groups that wait for groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clpcore.model.config import ClusterConfig
from clpcore.model.states import Exclusion, FailoverPolicy

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]


def _groups(*tables: str) -> str:
    """Give groups g1, g2, ... with these keys and an application each."""
    return "".join(
        f"[group.g{n}]\n{table}\n[group.g{n}.resource.app{n}]\ntype = 'app'\n"
        for n, table in enumerate(tables, 1)
    )


_ZONES = "[server_group.east]\nservers = ['node2']\n[server_group.west]\nservers = ['node1']\n"


def test_a_rule_names_its_groups_and_how_far_it_goes(good: Good) -> None:
    text = _groups("", "") + "[exclusion.apart]\nrule = 'absolute'\ngroups = ['g1', 'g2']"
    cluster = good(text)
    (rule,) = cluster.exclusions
    assert (rule.rule, rule.groups) == (Exclusion.ABSOLUTE, ("g1", "g2"))
    assert cluster.apart_from == {"g1": ((rule, "g2"),), "g2": ((rule, "g1"),)}
    (rule,) = good(text.replace("rule = 'absolute'", "")).exclusions
    assert rule.rule is Exclusion.NORMAL


def test_server_groups_say_where_a_group_may_run(good: Good) -> None:
    text = _ZONES + _groups("server_groups = ['east', 'west']\nfailover_policy = 'dynamic'")
    cluster = good(text)
    (group,) = cluster.groups
    assert cluster.homes == {"g1": ("node2", "node1")}
    assert cluster.server_group_of(group, "node1") == "west"
    assert group.failover_policy is FailoverPolicy.DYNAMIC
    homes = good(text.replace("server_groups =", "startup_servers = ['node1']\nserver_groups ="))
    assert homes.homes == {"g1": ("node1",)}


def test_groups_wait_for_groups(good: Good) -> None:
    first, second = good(
        _groups(
            "start_after = ['g2']\nstart_wait = 60\nstart_after_same_server = true",
            "stop_after = ['g1']\nstop_after_at_group_stop = true\nstop_wait = '500 ms'",
        )
    ).groups
    assert (first.start_after, first.start_wait) == (("g2",), 60_000)
    assert first.start_after_same_server
    assert (second.stop_after, second.stop_wait) == (("g1",), 500)
    assert second.stop_after_at_cluster_stop
    assert second.stop_after_at_group_stop
    assert not second.stop_after_at_server_stop


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_groups("", "") + "[exclusion.x]", "groups is missing."),
        (_groups("", "") + "[exclusion.x]\ngroups = ['g1']", "One group has nothing"),
        (_groups("", "") + "[exclusion.x]\ngroups = ['g1', 'g3']", "There is no group g3."),
        (_groups("", "") + "[exclusion.x]\ngroups = ['g1', 'g1']", "g1 is there twice."),
        (
            _groups("", "") + "[exclusion.x]\nrule = 'strict'\ngroups = ['g1', 'g2']",
            "exclusion.x.rule",
        ),
        ("[server_group.east]", "servers is missing."),
        ("[server_group.east]\nservers = ['node3']", "There is no server node3."),
        (_ZONES + _groups("server_groups = ['eas']"), "no server group eas. Did you mean east?"),
        (
            _ZONES.replace("node2", "node1") + _groups("server_groups = ['east', 'west']"),
            "node1 is in east and in west.",
        ),
        (
            _ZONES + _groups("server_groups = ['east']\nstartup_servers = ['node1']"),
            "node1 is in none of its server groups.",
        ),
        (_groups("manual_between_server_groups = true"), "It names no server groups to stay in."),
        (_groups("failover_policy = 'best'"), "group.g1.failover_policy"),
        (_groups("start_after = ['g2']"), "There is no group g2."),
        (_groups("start_after = ['g1']"), "The groups wait for each other: g1 before g1."),
        (
            _groups("start_after = ['g2']", "start_after = ['g1']"),
            "The groups wait for each other: g1 before g2 before g1.",
        ),
        (
            _groups("stop_after = ['g2']", "stop_after = ['g1']"),
            "The groups wait for each other: g1 before g2 before g1.",
        ),
    ],
)
def test_what_cannot_be_is_refused(complaints: Complaints, text: str, said: str) -> None:
    (complaint,) = complaints(text)
    assert said in complaint
