"""The rules between times: computed, told in full, and refused where they are broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from clpcore import config
from clpcore.config import timing
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Resource, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.states import Platform

Load = Callable[[str], config.Loaded]

_SERVERS = tuple(
    Server(name=f"node{n}", priority=n, interconnect=(f"10.5.0.11{n}",)) for n in (1, 2)
)
_ARBITER = Arbiter(name="w1", type="witness")
_FENCING = Fencing(name="f1", type="script")
_BASE = ClusterConfig(name="C", servers=_SERVERS)
_BOTH = attrs.evolve(_BASE, arbiter=_ARBITER, fencings=(_FENCING,))


def _rule(cluster: ClusterConfig, formula: str) -> timing.Rule:
    (found,) = [rule for rule in timing.rules(cluster) if rule.formula.startswith(formula)]
    return found


def _with(**changes: Any) -> ClusterConfig:  # noqa: ANN401 - as evolve has them
    return attrs.evolve(_BOTH, arbiter=attrs.evolve(_ARBITER, **changes))


def test_the_defaults_fit_a_freeze_of_azure() -> None:
    rule = _rule(_BOTH, "R + 2r + max(S, W) + K + F < L(1 - 2rho)")
    assert (rule.name, rule.holds) == ("T2", True)
    assert rule.numbers == "5 + 4 + 15 + 2 + 30 = 56 < 59.88 s"
    assert all(rule.holds for rule in timing.rules(_BOTH))


def test_the_stop_needs_a_quarter_more_than_its_budget() -> None:
    found = attrs.evolve(_BOTH, stop_budget=16_000)
    assert _rule(found, "R + 2r").numbers == "5 + 4 + 20 + 2 + 30 = 61 < 59.88 s"
    assert not _rule(found, "R + 2r").holds
    assert found.arbiter
    assert found.arbiter.margin(16_000) == (20 + 2 + 30) * 1_000


@pytest.mark.parametrize(
    ("cluster", "formula", "numbers"),
    [
        (_with(lease=7_000), "R + r < L", "5 + 2 = 7 < 6.986 s"),
        (_with(watchdog=30_001), "W <= L / 2", "30.001 <= 30 s"),
        (_with(freeze=29_000), "A <= F", "30 <= 29 s"),
        (attrs.evolve(_BASE, heartbeat_timeout=8_000), "3h <= H", "9 <= 8 s"),
        (attrs.evolve(_BASE, heartbeat_timeout=30_000), "A < H", "30 < 30 s"),
        (attrs.evolve(_BASE, fencings=(_FENCING,), fence_delay=30_000), "X <= D", "60 <= 30 s"),
        (
            attrs.evolve(_BASE, nps=(NpResolution(name="p", type="pingnp", timeout=30_000),)),
            "2h + tries (at least 2) x timeout of p <= H",
            "6 + 90 = 96 <= 90 s",
        ),
        (
            attrs.evolve(
                _BOTH, groups=(Group(name="g"), Group(name="w", start_after=("g",), start_wait=1))
            ),
            "all tries of all forced stops < start_wait of w",
            "190 < 0.001 s",
        ),
    ],
)
def test_a_broken_rule(cluster: ClusterConfig, formula: str, numbers: str) -> None:
    rule = _rule(cluster, formula)
    assert (rule.holds, rule.numbers) == (False, numbers)
    assert rule.broken
    assert rule.remedy


def test_rules_that_do_not_apply_are_not_told() -> None:
    on_premises = attrs.evolve(_BASE, platform=Platform.ON_PREMISES)
    told = [rule.formula for rule in timing.rules(on_premises)]
    assert not [each for each in told if "A " in each or "L" in each or "X" in each]
    asks = (NpResolution(name="p", type="httpnp", timeout=60_000),)
    told = [rule.formula for rule in timing.rules(attrs.evolve(_BOTH, nps=asks))]
    assert not [each for each in told if "tries" in each and "p <=" in each]
    no_lease = _with(lease=0)
    assert not [rule for rule in timing.rules(no_lease) if rule.name.startswith("T")]


def test_the_longest_chain_of_deactivations_counts() -> None:
    def made(name: str, seconds: int, *needs: str) -> Resource:
        ms = seconds * 1_000
        return Resource(name=name, group="g", type="exec", depends_on=needs, deactivate_timeout=ms)

    group = Group(
        name="g", resources=(made("a", 1), made("b", 20, "a"), made("c", 5, "a"), made("d", 2, "c"))
    )
    found = attrs.evolve(_BOTH, groups=(group,))
    assert _rule(found, "deactivation of g <= stop_budget").numbers == "21 <= 10 s"
    assert _rule(found, "deactivation of g < what Azure").numbers == "21 < 900 s"
    cycle = attrs.evolve(group, resources=(made("a", 1, "b"), made("b", 1, "a")))
    assert _rule(attrs.evolve(found, groups=(cycle,)), "deactivation of g <=").holds


_FILE = """[cluster]
name = "C"
platform = "lab"
stop_budget = 16
[server.node1]
priority = 1
interconnect = ["10.5.0.111"]
[arbiter.w1]
type = "store"
url = "https://a"
lease = 60
"""


def test_a_broken_rule_is_refused_where_it_stands(load_only: Load) -> None:
    loaded = load_only(_FILE)
    assert loaded.config is None
    (told,) = [each for each in loaded.problems if each.severity.value == "error"]
    assert (told.key, told.value, told.place and told.place.line) == ("arbiter.w1.lease", "60", 11)
    assert "5 + 4 + 20 + 2 + 30 = 61 is not less than 59.88 s" in told.what
    assert told.remedy == "Give lease more, or freeze, watchdog and stop_budget less."


def test_what_is_wrong_itself_is_not_compared(load_only: Load) -> None:
    wrong = _FILE.replace("lease = 60", "lease = 'x'\nfreeze = 58")
    said = [each.key for each in load_only(wrong).problems if each.severity.value == "error"]
    assert said == ["arbiter.w1.lease"]


def test_the_check_prints_every_rule_with_its_numbers(load_only: Load) -> None:
    loaded = load_only(_FILE.replace("stop_budget = 16\n", ""))
    assert loaded.config
    report = config.render(loaded.problems, loaded.config)
    assert "R + 2r + max(S, W) + K + F < L(1 - 2rho): 5 + 4 + 15 + 2 + 30 = 56 < 59.88 s" in report
    assert "L = 60: lease" in report
    told = config.as_json(loaded.problems, loaded.config)["times"]
    assert [each["formula"] for each in told] == [
        rule.formula for rule in timing.rules(loaded.config)
    ]
    plain = " ".join(report.split())
    assert all(f"{each['formula']}: {each['numbers']}" in plain for each in told)


_FAST = attrs.evolve(_BASE, heartbeat_timeout=12_000, freeze_timeout=40_000)


def test_a_short_timeout_rests_on_freezes_that_are_announced() -> None:
    rule = _rule(_FAST, "A < Z")
    assert (rule.numbers, rule.holds) == ("30 < 40 s", True)
    assert "clp-azureevents runs on every server" in rule.why
    assert "Z = 40: freeze_timeout" in timing.letters(_FAST)
    assert not _rule(attrs.evolve(_FAST, freeze_timeout=30_000), "A < H").holds
    assert _rule(attrs.evolve(_FAST, heartbeat_timeout=31_000), "A < H").holds


def test_two_servers_that_stop_each_other_may_find_silence_at_different_times() -> None:
    fast = attrs.evolve(_FAST, fencings=(_FENCING,))
    rule = _rule(attrs.evolve(fast, fence_delay=60_000), "X + Z - H <= D")
    assert (rule.numbers, rule.holds) == ("60 + 28 = 88 <= 60 s", False)
    assert "88 s, 28 s of it for a freeze that was announced" in rule.broken
    assert _rule(attrs.evolve(fast, fence_delay=88_000), "X + Z - H <= D").holds


def test_a_takeover_waits_for_the_lease_however_short_the_timeout_is() -> None:
    rule = _rule(attrs.evolve(_FAST, arbiter=_ARBITER), "max(H, L) before a takeover")
    assert rule.numbers == "60 s"
    slow = attrs.evolve(_BOTH, heartbeat_timeout=90_000)
    assert not any(rule.name == "H < L" for rule in timing.rules(slow))


def test_it_is_told_which_announced_freezes_are_sat_out() -> None:
    assert _rule(_FAST, "3/4 max(H, Z)").numbers == "30 s"
    rule = _rule(attrs.evolve(_FAST, arbiter=_ARBITER), "min(3/4 max(H, Z), L(1 - 2rho) - max(S")
    assert rule.numbers == "5.88 s"
    elsewhere = attrs.evolve(_FAST, platform=Platform.ON_PREMISES)
    assert not any(rule.name == "R8" for rule in timing.rules(elsewhere))
