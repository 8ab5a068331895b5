"""A server dies, comes back, starts alone, or stands still: who serves, and by what right."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs
import pytest

from clp_lab.plan import ServerPlan, servers
from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_UNPROVEN = "[cluster]\nunproven_takeover = true\n"
_TIMEOUT = 1_000_000_000  # the pair's heartbeat_timeout in nanoseconds
_INTERVAL = 100_000_000
_MS = 1_000_000


def test_a_killed_server_is_found_in_time_and_the_other_one_answers(
    make_cluster: MakeCluster,
) -> None:
    """R6: a takeover makes a new epoch, whatever it rests on."""
    cluster = make_cluster(_UNPROVEN)
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        cluster.wait_ready()
        visits.wait_for(lambda visit: visit.who == "node1")
        killed = cluster.lab.kill("node1")
        answered = visits.wait_for(lambda visit: visit.who == "node2", after=killed)
    cluster.wait_group("node2", epoch=2)
    silent = cluster.told("nm2", by="node2", after=killed, server="node1")
    assert silent is not None
    took = silent.at - killed
    assert _TIMEOUT - _INTERVAL - 20 * _MS < took < _TIMEOUT + 500 * _MS
    assert answered.end - silent.at < 5_000 * _MS


def test_without_proof_a_dead_servers_group_is_blocked_until_its_next_boot(
    cluster: Trial,
) -> None:
    """R1: no start before it is proven that the old holder cannot run it; R12: a boot proves it."""
    killed = cluster.lab.kill("node1")
    cluster.wait_told("nm2", by="node2", after=killed)
    cluster.wait_told("rc530", by="node2", after=killed)
    why = cluster.do("node2", "why", "failover1")
    assert "node1 is silent and not proven stopped" in why
    assert "clp server start --alone" in why
    assert cluster.kept("node2") == {}
    assert cluster.told("rc10", by="node2") is None
    booted = cluster.lab.start("node1")
    cluster.until(lambda: cluster.group("node2")["state"] == "Online")
    assert cluster.group("node2")["epoch"] == 2
    proof = cluster.told("rc529", after=booted)
    assert proof is not None
    assert proof.args["evidence"] == "node1 boot 1: new boot"


def test_a_reboot_within_the_timeout_is_found_at_once(make_cluster: MakeCluster) -> None:
    """R11, R12: a new boot announces itself; nobody waits out the timeout of the old one."""
    cluster = make_cluster(timeout=30)
    cluster.wait_ready()
    killed = cluster.lab.kill("node1")
    cluster.lab.start("node1")
    again = cluster.wait_told("rc11", after=killed)
    assert again.args["epoch"] == "2"
    assert again.at - killed < 15_000 * _MS  # half of the timeout
    assert cluster.told("nm11", by="node2", after=killed) is not None
    assert cluster.told("nm2", after=killed) is None


# -- starting alone


def _only_node1() -> tuple[ServerPlan, ...]:
    node1, node2 = servers(2)
    return node1, attrs.evolve(node2, start=False)


def test_one_server_of_two_starts_nothing_until_the_other_has_told_what_it_knows(
    make_cluster: MakeCluster,
) -> None:
    """R5: at a cold start an unseen server may be alive, and the end of the wait gives no right."""
    cluster = make_cluster("[cluster]\nstartup_wait = 0.5\n", servers=_only_node1())
    over = cluster.wait_told("nm7", by="node1")
    cluster.until(lambda: (cluster.group("node1")["because"] or {}).get("key") == "rc565")
    assert "node2 is not an online member" in cluster.do("node1", "why", "failover1")
    assert cluster.told("rc10", after=over.at) is None
    cluster.lab.start("node2")
    cluster.wait_group("node1", by="node2", epoch=1)


def test_an_operators_word_starts_one_server_alone(make_cluster: MakeCluster) -> None:
    """R5: only a person can know that the unseen server is off; the claim cites their word."""
    cluster = make_cluster(servers=_only_node1())
    pending = cluster.until(lambda: cluster.server("node1", by="node1"))
    assert pending["state"] == "Online Pending"
    cluster.do("node1", "server", "start", "--alone")
    cluster.wait_group("node1", epoch=1)
    claim = cluster.told("rc529", by="node1")
    assert claim is not None
    assert "operator" in claim.args["evidence"]
    cluster.lab.start("node2")
    cluster.wait_group("node1", by="node2", epoch=1)


# -- standing still


def test_a_pause_within_the_timeout_changes_nothing(make_cluster: MakeCluster) -> None:
    """R8: after its own pause a server does not take its deafness for the other's silence."""
    cluster = make_cluster(timeout=4)
    cluster.wait_ready()
    before = cluster.kept("node1")
    paused = cluster.lab.pause("node1")  # for longer than lbppw1 may take, as well
    cluster.until(lambda: cluster.server("node1", by="node2")["heard_ms_ago"] > 2_400)
    cluster.lab.resume("node1")
    cluster.wait_told("nm90", by="node1", after=paused)
    cluster.until(lambda: cluster.server("node1", by="node2")["heard_ms_ago"] < 100)
    cluster.wait_group("node1", epoch=1)
    for key in ("nm2", "rm9", "rm50", "rm13"):
        assert cluster.told(key, after=paused) is None
    assert cluster.kept("node1") == before


@pytest.mark.parametrize("who", ["node1", "node2"])
def test_a_pause_beyond_the_timeout_moves_nothing_without_proof(cluster: Trial, who: str) -> None:
    """R1, R7: silence is no proof, and whoever was paused looks around before it acts."""
    other = "node2" if who == "node1" else "node1"
    before = cluster.kept("node1")
    paused = cluster.lab.pause(who)
    cluster.wait_told("nm2", by=other, after=paused, server=who)
    cluster.lab.resume(who)
    cluster.wait_told("nm90", by=who, after=paused)
    cluster.wait_told("nm13", by=other, after=paused, server=who)
    cluster.wait_ready()
    cluster.wait_group("node1", epoch=1)
    assert cluster.told("nm2", by=who) is None
    assert cluster.told("rc10", by="node2") is None
    assert cluster.kept("node1") == before


def test_an_agent_that_stands_still_interrupts_no_service(cluster: Trial) -> None:
    """R1: its server counts as silent; what it runs goes on, and nobody else starts it."""
    before = cluster.kept("node1")
    agent = cluster.agent("node1")["pid"]
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.answered)
        stopped = time.monotonic_ns()
        cluster.run("node1", f"kill -STOP {agent}")
        cluster.wait_told("nm2", by="node2", after=stopped)
        cluster.run("node1", f"kill -CONT {agent}")
        cluster.wait_told("nm13", by="node2", after=stopped)
        cluster.wait_ready()
        failed = [
            visit for visit in visits.so_far() if visit.begin > stopped and not visit.answered
        ]
    assert failed == []
    assert cluster.kept("node1") == before
    assert cluster.group("node1")["epoch"] == 1


def test_a_holder_that_slept_through_an_unproven_takeover_stops_at_once(
    make_cluster: MakeCluster,
) -> None:
    """R43: both are active for a moment, as declared; the lower epoch gives way."""
    cluster = make_cluster(_UNPROVEN, declares=["two actives"])
    cluster.wait_ready()
    cluster.lab.pause("node1")
    cluster.wait_group("node2", epoch=2)
    woke = cluster.lab.resume("node1")
    gave_way = cluster.wait_told("rc92", by="node1", after=woke)
    assert (gave_way.args["mine"], gave_way.args["epoch"]) == ("1", "2")
    cluster.wait_told("rc21", by="node1", after=woke)
    cluster.wait_group("node2", by="node1", epoch=2)
    cluster.until(lambda: cluster.kept("node1") == {})
    assert gave_way.at - woke < _TIMEOUT
    # The auditor looks every 10 ms: what has ended may still have to be seen.
    cluster.until(lambda: all(overlap.end is not None for overlap in cluster.overlaps()))
    cluster.until(lambda: cluster.group("node2")["servers"]["node1"]["can_take"])
