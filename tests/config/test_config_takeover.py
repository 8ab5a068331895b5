"""How long a takeover takes: the most with its parts, what is usual, what comes on top."""

from __future__ import annotations

import attrs
import pytest

from clpcore import config
from clpcore.config import takeover
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution

_SERVERS = tuple(
    Server(name=f"node{n}", priority=n, interconnect=(f"10.5.0.11{n}",)) for n in (1, 2)
)
_ARBITER = Arbiter(name="w1", type="witness")
_FENCING = Fencing(name="f1", type="script")
_BASE = ClusterConfig(name="C", servers=_SERVERS)
_STOPPED = attrs.evolve(_BASE, fencings=(_FENCING,))
_BOTH = attrs.evolve(_STOPPED, arbiter=_ARBITER)
_SLOW = attrs.evolve(_BOTH, arbiter=attrs.evolve(_ARBITER, lease=120_000))


@pytest.mark.parametrize(
    ("cluster", "steps"),
    [
        (_BASE, (90,)),
        (attrs.evolve(_BASE, nps=(NpResolution(name="p", type="pingnp"),)), (90, 13)),
        (_STOPPED, (90, 60, 120)),
        (attrs.evolve(_STOPPED, fence_delay=0), (90, 60)),
        (_BOTH, (90, 60)),
        (_SLOW, (120, 60)),
    ],
)
def test_how_long_a_takeover_takes(cluster: ClusterConfig, steps: tuple[int, ...]) -> None:
    assert tuple(ms // 1_000 for _, ms in takeover.steps(cluster)) == steps


def test_the_most_is_told_with_what_is_usual_and_what_comes_on_top() -> None:
    most, usual, more, clients = takeover.told(_STOPPED).split("; ")
    assert most == (
        "takeover of a silent server begins at the latest after 90 s (silence) + 60 s (one try of "
        "the forced stop, all of its timeout) + 120 s (fence_delay) = 270 s"
    )
    assert usual == (
        "usually sooner: without fence_delay 150 s (the one of less rank waits for it, and only "
        "where each server has a group that the other one needs), and a try ends as soon as the "
        "power is read as off"
    )
    assert more == "a try that fails is followed by another one (f1: 3 tries, 190 s in all)"
    assert clients.startswith("clients find it when it is active")


@pytest.mark.parametrize("cluster", [_BOTH, attrs.evolve(_STOPPED, fence_delay=0)])
def test_nothing_is_said_of_a_delay_that_nobody_waits(cluster: ClusterConfig) -> None:
    assert "usually sooner: a try ends as soon as" in takeover.told(cluster)
    assert "fence_delay" not in takeover.told(cluster)


def test_nothing_is_said_of_tries_where_there_are_none() -> None:
    once = attrs.evolve(_BOTH, fencings=(attrs.evolve(_FENCING, tries=1),))
    assert "followed by another one" not in takeover.told(once)
    most, clients = takeover.told(_BASE).split("; ")
    assert most == "takeover of a silent server begins at the latest after 90 s (silence)"
    assert clients.startswith("clients find it")


def test_the_report_has_it() -> None:
    assert takeover.told(_STOPPED) in " ".join(config.render([], _STOPPED).split())
