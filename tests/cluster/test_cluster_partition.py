"""Two servers lose each other: who serves, by the table of the modelled product, row by row.

After a heal the design's rule holds, not the product's. Each row in two variants: NP resolution
alone, and with forced stop and an arbiter beside it. The NP target is the client's machine. The
rows without a partition or without NP resolution: test_cluster_fencing, test_cluster_network.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import pytest

from clp_lab import guarded
from clp_lab.guarded import LEASE_S, Protection
from clp_lab.plan import CLIENT
from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeGuarded = Callable[..., Trial]

NP, BOTH = Protection.NP, Protection.BOTH
_VARIANTS = pytest.mark.parametrize("protection", [NP, BOTH], ids=["np", "both"])


def _paths(cluster: Trial, server: str) -> dict[str, str]:
    """Give how a server finds its heartbeat paths."""
    shown = cluster.server(server, by=server)["heartbeats"]
    return {path["name"]: path["state"] for path in shown}


def _np(cluster: Trial, server: str) -> str:
    """Give how a server finds NP resolution: Unknown until the first answer."""
    return str(cluster.status(server)["np"][0]["state"])


def _is_off(cluster: Trial, server: str) -> bool:
    return cluster.lab.status().server(server).power == "off"


@_VARIANTS
def test_an_np_target_that_is_lost_alone_costs_nothing(
    make_guarded: MakeGuarded, protection: Protection
) -> None:
    """While heartbeats are heard, it is an error to be shown, and no more."""
    cluster = make_guarded(protection)
    epoch, before = cluster.group("node1")["epoch"], cluster.kept("node1")
    cut = cluster.lab.cut("node1", CLIENT)
    cluster.wait_told("nm37", by="node1", after=cut)
    time.sleep(1.5)  # nothing may come of it, for longer than a heartbeat timeout
    cluster.lab.heal()
    cluster.wait_told("nm36", by="node1", after=cut)
    assert cluster.group("node2")["server"] == "node1"
    assert cluster.group("node1")["epoch"] == epoch
    assert cluster.kept("node1") == before
    assert cluster.told("nm43", after=cut) is None


@_VARIANTS
def test_while_one_heartbeat_path_is_left_nobody_is_silent(
    make_guarded: MakeGuarded, protection: Protection
) -> None:
    """The holder's leg with interconnect and NP target is cut: the witness carries heartbeats."""
    cluster = make_guarded(protection, guarded.WITNESS_HEARTBEAT)
    both = dict.fromkeys(("lanhb1", "witnesshb1"), "Normal")
    one = {**both, "lanhb1": "Caution"}
    for name in cluster.names:
        cluster.until(lambda name=name: _paths(cluster, name) == both)  # type: ignore[misc]
    epoch, before = cluster.group("node1")["epoch"], cluster.kept("node1")
    cut = cluster.lab.cut("node1", "node2")
    cluster.lab.cut("node1", CLIENT)
    for name in cluster.names:
        cluster.until(lambda name=name: _paths(cluster, name) == one)  # type: ignore[misc]
        cluster.wait_told("nm4", by=name, after=cut, heartbeat="lanhb1")
    cluster.wait_told("nm37", by="node1", after=cut)
    time.sleep(1.5)  # nothing may come of it, for longer than a heartbeat timeout
    cluster.lab.heal()
    for name in cluster.names:
        cluster.until(lambda name=name: _paths(cluster, name) == both)  # type: ignore[misc]
        cluster.wait_told("nm3", by=name, after=cut, heartbeat="lanhb1")
    cluster.wait_ready()
    assert cluster.group("node1")["epoch"] == epoch
    assert cluster.kept("node1") == before
    for key in ("nm2", "nm43", "rc430", "rc529"):
        assert cluster.told(key, after=cut) is None


@pytest.mark.parametrize(
    ("protection", "np"),
    [(NP, guarded.NP), (BOTH, guarded.NP), (NP, guarded.WITNESS_NP)],
    ids=["np", "both", "httpnp"],
)
def test_a_holder_that_is_cut_off_shuts_down_and_the_other_one_takes_over(
    make_guarded: MakeGuarded, protection: Protection, np: str
) -> None:
    cluster = make_guarded(protection, np=np)
    for name in cluster.names:
        cluster.until(lambda name=name: _np(cluster, name) == "Normal")  # type: ignore[misc]
    cut = cluster.lab.cut("node1", "all")
    cluster.wait_told("nm43", by="node1", after=cut)
    cluster.until(lambda: _is_off(cluster, "node1"))
    cluster.wait_group("node2")
    proof = cluster.told("rc529", by="node2", after=cut)
    assert proof is not None
    wanted = "NP resolution" if protection is NP else "forced stop"
    assert wanted in proof.args["evidence"]
    cluster.lab.heal()
    cluster.lab.start("node1")
    cluster.wait_online()
    cluster.wait_group("node2", by="node1")


@_VARIANTS
def test_a_standby_that_is_cut_off_shuts_down_and_the_holder_goes_on(
    make_guarded: MakeGuarded, protection: Protection
) -> None:
    cluster = make_guarded(protection)
    epoch, before = cluster.group("node1")["epoch"], cluster.kept("node1")
    cut = cluster.lab.cut("node2", "all")
    cluster.wait_told("nm43", by="node2", after=cut)
    cluster.until(lambda: _is_off(cluster, "node2"))
    assert cluster.group("node1")["state"] == "Online"
    assert cluster.group("node1")["epoch"] == epoch
    assert cluster.kept("node1") == before
    assert cluster.told("nm43", by="node1") is None


def test_two_that_both_reach_the_np_target_both_serve_until_the_heal(
    make_guarded: MakeGuarded,
) -> None:
    """NP resolution alone is no exclusion. R43: heard of again, the lower epoch gives way."""
    cluster = make_guarded(NP, declares=["two actives"])
    epoch = cluster.group("node1")["epoch"]
    cut = cluster.lab.cut("node1", "node2")
    cluster.wait_group("node2", epoch=epoch + 1)
    cluster.until(cluster.overlaps)
    cluster.lab.heal()
    cluster.wait_told("rc92", by="node1", after=cut)
    cluster.wait_online()
    cluster.wait_group("node2", by="node1", epoch=epoch + 1)
    cluster.until(lambda: all(each.end is not None for each in cluster.overlaps()))
    assert cluster.told("nm43", after=cut) is None


def test_with_an_arbiter_the_holder_keeps_what_it_has(make_guarded: MakeGuarded) -> None:
    """R1: it goes on renewing; the other one asks for the claim and gets none, and stops nobody.

    First node2 alone is deaf, then both are.
    """
    cluster = make_guarded(BOTH)
    epoch, before = cluster.group("node1")["epoch"], cluster.kept("node1")
    cut = cluster.lab.cut("node1", "node2", one_way=True)
    cluster.wait_told("nm2", by="node2", after=cut, server="node1")
    cluster.wait_told("rc604", by="node2", after=cut)
    cluster.lab.cut("node1", "node2")
    cluster.wait_told("nm2", by="node1", after=cut, server="node2")
    time.sleep(LEASE_S)  # which a claim would wait for
    assert cluster.group("node1")["state"] == "Online"
    cluster.lab.heal()
    cluster.wait_ready()
    assert cluster.group("node1")["epoch"] == epoch
    assert cluster.kept("node1") == before
    for key in ("rc430", "nm43", "rc529"):
        assert cluster.told(key, after=cut) is None


@_VARIANTS
def test_two_that_both_lost_the_np_target_before_both_shut_down(
    make_guarded: MakeGuarded, protection: Protection
) -> None:
    """An outage, and the only safe answer to NP resolution alone; with its target in one place."""
    cluster = make_guarded(protection)
    cluster.lab.cut(CLIENT, "all")
    for name in cluster.names:
        cluster.wait_told("nm37", by=name)
    cut = cluster.lab.cut("node1", "node2")
    for name in cluster.names:
        cluster.wait_told("nm43", by=name, after=cut)
        cluster.until(functools.partial(_is_off, cluster, name))
    assert not cluster.kept("node2")
