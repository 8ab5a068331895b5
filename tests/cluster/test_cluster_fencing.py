"""A server dies or stands still: the other one serves once that is proven, and not before.

The power service of the lab does what it is asked, refuses, comes late, or lies.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clp_lab.guarded import LEASE_S, Protection
from clp_lab.timeline import Happened
from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeGuarded = Callable[..., Trial]

NP, COHORT, FENCE, LEASE, BOTH = (
    Protection.NP,
    Protection.COHORT,
    Protection.FENCE,
    Protection.LEASE,
    Protection.BOTH,
)
_S = 1_000_000_000
_TIMEOUT, _LEASE = 1 * _S, int(LEASE_S * _S)
_INTERVAL, _RENEWAL = 200_000_000, 500_000_000  # as _TIMEOUT: of clp_lab.guarded
_NP_WAIT = 1 * _S + _INTERVAL + 400_000_000  # stop_budget, and what asking takes beyond _TIMEOUT

_OWN_GROUP = """
[group.second]
startup_servers = ["node2", "node1"]

[group.second.resource.lbpp2]
type = "lbpp"
port = 26002
"""


def _proof(cluster: Trial, after: int) -> Happened:
    """Wait until node2 serves; give the sentence that says by what right."""
    cluster.wait_group("node2")
    return cluster.wait_told("rc529", by="node2", after=after)


@pytest.mark.parametrize(
    ("protection", "evidence", "earliest", "latest"),
    [
        (NP, "NP resolution", _TIMEOUT + _NP_WAIT - _INTERVAL, _TIMEOUT + _NP_WAIT + 4 * _S),
        (COHORT, "forced stop", _TIMEOUT - _INTERVAL, 5 * _S),
        (FENCE, "forced stop", _TIMEOUT - _INTERVAL, 5 * _S),
        (LEASE, "lease", _LEASE - 2 * _RENEWAL, _LEASE + 4 * _S),
        (BOTH, "forced stop", _LEASE - 2 * _RENEWAL, _LEASE + 4 * _S),
    ],
    ids=["np", "cohort", "fence", "lease", "both"],
)
def test_a_killed_server_is_replaced_after_its_proof(
    make_guarded: MakeGuarded, protection: Protection, evidence: str, earliest: int, latest: int
) -> None:
    """R1, R3: what a takeover rests on, and when it comes, follows from the configuration."""
    cluster = make_guarded(protection)
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        killed = cluster.lab.kill("node1")
        answered = visits.wait_for(lambda visit: visit.who == "node2", after=killed)
    proof = _proof(cluster, killed)
    assert evidence in proof.args["evidence"]
    assert earliest < proof.at - killed < latest
    assert answered.end - proof.at < 4 * _S
    fenced = cluster.told("rc431", by="node2", after=killed)
    assert (fenced is None) == (evidence != "forced stop")
    begun = cluster.told("rc30", by="node2", after=killed)
    assert begun is not None
    assert begun.at >= proof.at


@pytest.mark.parametrize("protection", [COHORT, FENCE], ids=["cohort", "fence"])
def test_of_two_that_both_serve_one_stops_the_other_and_not_the_other_way_round(
    make_guarded: MakeGuarded, protection: Protection
) -> None:
    """R20: the side with the better server goes first, the other one gives it time."""
    cluster = make_guarded(protection, _OWN_GROUP, ports=[26002])
    if cluster.home("second") != "node2":  # whoever had its first word of the arbiter sooner
        cluster.do("node1", "group", "move", "second", "--to", "node2")
    cluster.wait_group("node2", "second", by="node1")
    cut = cluster.lab.cut("node1", "node2")
    cluster.wait_told("rc529", by="node1", after=cut, group="second")
    for group in ("second", "failover1"):
        cluster.wait_group("node1", group)
    assert cluster.lab.status().server("node2").because == "switched off"
    assert cluster.lab.status().server("node1").lives == 1
    assert cluster.told("rc430", by="node2", after=cut) is None


def test_a_frozen_server_is_stopped_before_the_other_one_serves(make_guarded: MakeGuarded) -> None:
    """R7: what wakes up after a takeover must not serve; here it never wakes up."""
    cluster = make_guarded(BOTH)
    paused = cluster.lab.pause("node1")
    proof = _proof(cluster, paused)
    assert "forced stop" in proof.args["evidence"]
    shown = cluster.lab.status().server("node1")
    assert (shown.power, shown.because) == ("off", "switched off")
    assert shown.since < proof.at + 1_000_000


def test_a_forced_stop_that_fails_blocks_until_an_operator_confirms(
    make_guarded: MakeGuarded,
) -> None:
    """R2: an unknown is no proof; why and what to do is said; a word by hand is named as one."""
    cluster = make_guarded(COHORT)
    cluster.lab.set_power("refuses")
    cluster.wait_told("nm46", by="node2", server="node1")
    killed = cluster.lab.kill("node1")
    cluster.wait_told("rc433", by="node2", after=killed)
    why = cluster.do("node2", "why", "failover1")
    assert "could not be stopped by force" in why
    assert "clp server confirm-down node1" in why
    assert cluster.kept("node2") == {}
    (ended,) = cluster.status("node2")["fencing"][0]["stops"]
    assert ended["failed"]
    said = f"node1 could not be stopped by force: {ended['failed']}"
    assert said in cluster.do("node2", "why", "forced_stop")
    confirmed = time.monotonic_ns()
    cluster.do("node2", "server", "confirm-down", "node1", "--yes")
    proof = _proof(cluster, confirmed)
    assert "operator" in proof.args["evidence"]
    assert cluster.told("nm48", by="node2", after=confirmed) is not None


def test_an_accepted_request_is_no_stop(make_guarded: MakeGuarded) -> None:
    """R2: the read-back proves; until then the group waits, however often it was accepted."""
    cluster = make_guarded(COHORT)
    cluster.lab.set_power("late", delay_ms=2_000)
    paused = cluster.lab.pause("node1")
    proof = _proof(cluster, paused)
    assert cluster.told("rc432", by="node2", after=paused) is not None
    shown = cluster.lab.status().server("node1")
    assert shown.because == "switched off"
    assert shown.since < proof.at + 1_000_000


def test_a_late_power_off_of_a_new_life_harms_nobody_else(make_guarded: MakeGuarded) -> None:
    """R4: it is safe, as the right to run had died with the old life; it costs one server."""
    cluster = make_guarded(COHORT)
    cluster.lab.set_power("late", delay_ms=3_000)
    killed = cluster.lab.kill("node1")
    cluster.wait_told("rc431", by="node2", after=killed)  # it was off already: read at once
    cluster.wait_group("node2")
    before, epoch = cluster.kept("node2"), cluster.group("node2")["epoch"]
    cluster.lab.start("node1")
    cluster.wait_online()
    cluster.until(lambda: cluster.lab.status().server("node1").power == "off")
    cluster.wait_told("nm2", by="node2", after=killed + 3 * _S)
    assert cluster.kept("node2") == before
    cluster.lab.set_power("good")
    cluster.lab.start("node1")
    cluster.wait_online()
    cluster.wait_group("node2", by="node1", epoch=epoch)
