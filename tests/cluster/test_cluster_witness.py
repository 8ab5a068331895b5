"""The arbiter is lost, slow or back; an agent, a disk or a clock misbehaves: the lease holds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

from clp_lab import wall
from clp_lab.guarded import LEASE_S, Protection
from clp_lab.plan import WITNESS
from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeGuarded = Callable[..., Trial]

LEASE, BOTH = Protection.LEASE, Protection.BOTH
_S = 1_000_000_000
_HOUR_NS = 3_600 * _S
_STORE = "/var/lib/clpcore"
_WALL = "var/wall"


def _calm(cluster: Trial, before: tuple[int, dict[str, int]]) -> None:
    """See that what ran before runs on, under the same right."""
    cluster.wait_group("node1", by="node2", epoch=before[0])
    assert cluster.kept("node1") == before[1]
    assert cluster.told("rc530") is None


def _running(cluster: Trial) -> tuple[int, dict[str, int]]:
    return cluster.group("node1")["epoch"], cluster.kept("node1")


@pytest.mark.parametrize("how", ["kill", "slow"])
def test_a_lost_arbiter_alone_changes_nothing(make_guarded: MakeGuarded, how: str) -> None:
    """All servers promise: the holder goes on for longer than its lease, and when it is back."""
    cluster = make_guarded(LEASE)
    before = _running(cluster)
    if how == "slow":
        lost = cluster.lab.shape(WITNESS, "all", {"delay_ns": 600_000_000})
    else:
        lost = cluster.lab.kill(WITNESS)
    for name in cluster.names:
        cluster.wait_told("rc603", by=name, after=lost)
    time.sleep(LEASE_S + 1)
    assert cluster.group("node1")["state"] == "Online"
    if how == "slow":
        cluster.lab.heal()
    else:
        cluster.lab.start(WITNESS)
    cluster.wait_told("rc607", by="node1", after=lost)
    _calm(cluster, before)
    assert cluster.told("rc608") is None


def test_without_arbiter_and_promise_the_holder_stops_in_time(make_guarded: MakeGuarded) -> None:
    """R9: nobody says that no other one may claim: it stops before its lease ends, and waits."""
    cluster = make_guarded(LEASE)
    cluster.lab.kill(WITNESS)
    cluster.wait_told("rc603", by="node1")
    killed = cluster.lab.kill("node2")
    cluster.wait_told("rc608", by="node1", after=killed)
    cluster.until(lambda: cluster.kept("node1") == {})
    back = cluster.lab.start(WITNESS)
    cluster.wait_group("node1", seconds=15)
    assert cluster.told("rc11", by="node1", after=back) is not None


def test_without_an_arbiter_nobody_takes_over(make_guarded: MakeGuarded) -> None:
    """R1: a lease of which nothing can be learned may go on; back, the arbiter grants the claim."""
    cluster = make_guarded(LEASE)
    cluster.lab.kill(WITNESS)
    for name in cluster.names:
        cluster.wait_told("rc603", by=name)
    killed = cluster.lab.kill("node1")
    cluster.wait_told("nm2", by="node2", after=killed)
    time.sleep(LEASE_S + 1)
    assert cluster.kept("node2") == {}
    back = cluster.lab.start(WITNESS)
    cluster.wait_group("node2", seconds=20)
    claim = cluster.told("rc529", by="node2", after=back)
    assert claim is not None


def test_a_frozen_agent_is_reset_by_its_watchdog_before_the_other_one_serves(
    make_guarded: MakeGuarded,
) -> None:
    """R9: nobody inside could stop what runs: the machine is reset, the lease waited for."""
    cluster = make_guarded(LEASE)
    first = cluster.lab.status().server("node1")
    stopped = time.monotonic_ns()
    cluster.run("node1", f"kill -STOP {cluster.agent('node1')['pid']}")
    cluster.until(lambda: cluster.lab.status().server("node1").lives > first.lives)
    reset = cluster.lab.status().server("node1").since
    assert (reset - stopped) / _S < LEASE_S
    served = cluster.wait_told("rc30", after=stopped)
    assert served.at > reset
    cluster.home()


def test_a_wall_clock_that_jumps_changes_nothing(make_guarded: MakeGuarded) -> None:
    """Leases, heartbeats and epochs are told by a clock that nobody sets."""
    agent = (sys.executable, "-P", "-m", "clp_lab.wall", f"/{_WALL}", "agent")
    cluster = make_guarded(LEASE, agent=agent)
    before = _running(cluster)
    jumped = time.monotonic_ns()
    for name, hours in (("node1", 48), ("node2", -48), ("node1", -48), ("node1", 0)):
        wall.set_wrong(cluster.lab.server(name).root / _WALL, hours * _HOUR_NS)
        time.sleep(1.2)
    _calm(cluster, before)
    for key in ("nm2", "rc603", "rc608", "nm90"):
        assert cluster.told(key, after=jumped) is None


def test_a_full_store_under_a_lease_interrupts_no_service(make_guarded: MakeGuarded) -> None:
    """A renewal needs no disk: the holder goes on, for longer than its lease."""
    cluster = make_guarded(BOTH)
    cluster.lab.agent_stop("node2")
    cluster.until(lambda: cluster.lab.status().server("node2").agent == "stopped")
    cluster.run("node2", f"mount -t tmpfs -o size=8m none {_STORE}")
    cluster.lab.agent_start("node2")
    cluster.wait_ready()
    cluster.do("node1", "group", "move", "failover1", "--to", "node2")
    before = cluster.kept("node2")
    filled = cluster.run("node2", f"cat /dev/zero > {_STORE}/fill")
    assert "No space left" in filled.stderr
    time.sleep(LEASE_S + 1)
    assert cluster.kept("node2") == before
    assert cluster.group("node1")["server"] == "node2"
    cluster.run("node2", f"rm {_STORE}/fill")
    cluster.until(lambda: cluster.status("node2")["troubles"] == [])
    cluster.do("node2", "group", "move", "failover1", "--to", "node1")


def test_a_crashed_agent_takes_up_the_lease_of_its_boot(make_guarded: MakeGuarded) -> None:
    """R10: the right to run is at the arbiter, and of this boot: the agent takes it up again."""
    cluster = make_guarded(BOTH)
    before = _running(cluster)
    crashed = cluster.lab.agent_kill("node1")
    cluster.until(lambda: cluster.agent("node1"))
    cluster.wait_ready()
    _calm(cluster, before)
    assert cluster.told("rc430", after=crashed) is None
