"""The network fails, lies, or is not there: who serves stays decided, and nobody is confused."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clp_lab.beside import holding
from clp_lab.conf import cluster_key
from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_UNPROVEN = "[cluster]\nunproven_takeover = true\n"
_STRANGER = Path(__file__).with_name("stranger.py")


def _wait_for_log(cluster: Trial, server: str, words: str) -> None:
    cluster.until(lambda: words in cluster.log(server), complaint=f"{server} did not log {words}")


# -- cuts


@pytest.mark.parametrize("one_way", [None, "node1", "node2"])
def test_a_cut_network_moves_nothing_without_proof(cluster: Trial, one_way: str | None) -> None:
    """R1, R2: whoever is not heard may serve; the group stays where it is, and who waits says why.

    `one_way`: who is not heard, while it hears; None: neither is.
    """
    before = cluster.kept("node1")
    silent = one_way or "node1"
    deaf = "node1" if silent == "node2" else "node2"
    cut = cluster.lab.cut(silent, deaf, one_way=one_way is not None)
    cluster.wait_told("nm2", by=deaf, after=cut, server=silent)
    if silent == "node1":
        cluster.wait_told("rc530", by="node2", after=cut)
    assert cluster.group("node1")["state"] == "Online"
    healed = cluster.lab.heal()
    cluster.wait_told("nm13", by=deaf, after=healed)
    cluster.wait_ready()
    assert cluster.group("node2")["epoch"] == 1
    assert cluster.kept("node1") == before
    assert cluster.told("rc10", by="node2") is None


@pytest.mark.parametrize("one_way", [False, True])
def test_after_an_unproven_takeover_in_a_cut_the_lower_epoch_gives_way(
    make_cluster: MakeCluster, *, one_way: bool
) -> None:
    """R43: both are active as declared; heard of, the higher epoch stays, and exactly it."""
    cluster = make_cluster(_UNPROVEN, declares=["two actives"])
    cluster.wait_ready()
    cut = cluster.lab.cut("node1", "node2", one_way=one_way)
    cluster.wait_group("node2", epoch=2)
    claim = cluster.told("rc529", by="node2", after=cut)
    assert claim is not None
    assert claim.args["evidence"] == "node1 boot 1: no proof"
    if not one_way:
        cluster.until(cluster.overlaps)
        cluster.lab.heal()
    # With one way open node1 hears of the higher epoch, and stops, before anything is healed.
    gave_way = cluster.wait_told("rc92", by="node1", after=cut)
    assert (gave_way.args["mine"], gave_way.args["epoch"]) == ("1", "2")
    cluster.until(lambda: cluster.kept("node1") == {})
    cluster.lab.heal()
    cluster.wait_online()
    cluster.wait_group("node2", by="node1", epoch=2)
    assert len(cluster.kept("node2")) == 2
    assert cluster.told("rc92", by="node2") is None
    assert all(overlap.end is not None for overlap in cluster.overlaps())


def test_a_bad_network_makes_nobody_silent(cluster: Trial) -> None:
    """R38: what is lost, doubled and overtaken costs no heartbeat timeout; letters come through."""
    cluster.lab.shape("node1", "node2", {"loss": 0.1, "duplicate": 0.1, "reorder": 0.1})
    bad = time.monotonic_ns()
    for to in ("node2", "node1", "node2", "node1"):
        cluster.do("node2", "group", "move", "failover1", "--to", to)
        cluster.wait_group(to, by="node1" if to == "node2" else "node2")
    cluster.until(lambda: cluster.agent("node1")["lateness"]["beats"] >= 50)
    assert cluster.told("nm2", after=bad) is None
    assert cluster.told("rc60", after=bad) is None
    assert cluster.agent("node1")["network"]["dropped"].get("replayed", 0) > 0
    assert cluster.group("node1")["epoch"] == 5


# -- strangers


def test_strangers_are_counted_and_change_nothing(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    """R38: garbage, changed and replayed frames make no decision and delay no heartbeat."""
    capture = tmp_path / "frames.pcap"
    cluster = make_cluster(capture=str(capture))
    cluster.wait_ready()
    cluster.until(lambda: cluster.agent("node1")["lateness"]["beats"] >= 10)
    began = time.monotonic_ns()
    argv = (sys.executable, str(_STRANGER), str(capture), "2")
    done = cluster.lab.client.run(argv)
    assert done.returncode == 0, done.stderr
    heard, orders = map(int, done.stdout.split())
    assert heard >= 10
    assert orders > 4
    for name in cluster.names:
        dropped = cluster.agent(name)["network"]["dropped"]
        assert dropped.keys() >= {"foreign", "truncated", "forged", "replayed", "no handshake"}
        assert dropped["replayed"] > 100
        assert [each.text for each in cluster.journal(name) if each.at > began] == []
        late = cluster.agent(name)["lateness"]["up_to_ms"]
        assert late["500"] == late["1000"] == late["more"] == 0
    cluster.do("node1", "group", "move", "failover1", "--to", "node2")


def test_a_wrong_key_is_named_and_the_others_service_goes_on(cluster: Trial) -> None:
    before = cluster.kept("node1")
    key = cluster.lab.server("node2").root / "etc/clpcore/cluster.key"
    ours = key.read_bytes()
    with cluster_key() as foreign:
        key.write_bytes(foreign.read_bytes())
    changed = cluster.lab.agent_kill("node2")
    cluster.wait_told("nm2", by="node1", after=changed)
    for name in cluster.names:
        _wait_for_log(cluster, name, "add it to our cluster.key")
        assert cluster.agent(name)["network"]["dropped"]["unknown key"] > 0
    assert cluster.group("node1")["state"] == "Online"
    assert cluster.kept("node1") == before
    key.write_bytes(ours)
    cluster.lab.agent_kill("node2")
    cluster.wait_ready()
    assert cluster.group("node1")["epoch"] == 1


@pytest.mark.parametrize(("kind", "port"), [("udp", 29002), ("tcp", 29001)])
def test_a_port_in_use_is_told_and_taken_as_soon_as_it_is_free(
    cluster: Trial, kind: str, port: int
) -> None:
    what = f"{kind.upper()} 10.5.0.111:{port}"
    cluster.lab.agent_stop("node2")
    cluster.until(lambda: cluster.lab.status().server("node2").agent == "stopped")
    before = cluster.kept("node1")
    with contextlib.ExitStack() as stranger:
        stranger.enter_context(holding(cluster.lab.server("node2"), kind, port, "10.5.0.111"))
        began = cluster.lab.agent_start("node2")
        in_use = cluster.wait_told("pm504", by="node2", after=began)
        assert in_use.text == f"{what} cannot be opened: another program uses it."
        shown = cluster.clp("node2", "status").stdout
        assert f"{what} cannot be opened" in shown
        assert cluster.group("node1")["state"] == "Online"
    cluster.wait_told("pm505", by="node2", after=began, what=what)
    cluster.wait_ready()
    assert cluster.status("node2")["troubles"] == []
    assert cluster.kept("node1") == before
