"""The small clusters that are explored, one for each policy."""

from __future__ import annotations

from typing import Final

from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Heartbeat, Resource, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution, OnFenceFailure
from clpcore.model.states import Platform
from clpcore.simulate.exhaustive.canonical import PAST_MS

# Multiples of the heartbeat interval where that can be, so that few moments differ.
BEAT_MS: Final = 1_000
NP, POWER, ARBITER = "np1", "power1", "arbiter1"

_NP = NpResolution(name=NP, type="httpnp", interval=2_000, timeout=500, tries=1)
_POWER = Fencing(
    name=POWER,
    type="script",
    timeout=1_000,
    tries=2,
    retry_interval=1_000,
    check_interval=3_600_000,
    check_timeout=1_000,
)


def cluster(policy: str, *, servers: int = 2, groups: int = 1) -> ClusterConfig:
    """Give the cluster of one of ``POLICIES``: a resource in each group, no monitor.

    Raises:
        KeyError: there is no such policy.

    """
    nps, fencings, lease, failure = POLICIES[policy]
    return ClusterConfig(
        name="Cluster1",
        platform=Platform.LAB,
        heartbeat_interval=BEAT_MS,
        heartbeat_timeout=3_000,
        startup_wait=4_000,
        stop_budget=1_600,
        fence_delay=3_000,
        reboot_limit=1_000,
        reboot_window=PAST_MS,
        last_server_guard=False,
        servers=tuple(
            Server(name=f"node{n}", priority=n, interconnect=()) for n in range(1, servers + 1)
        ),
        heartbeats=(Heartbeat(name="lanhb1", type="lanhb"),),
        nps=nps,
        fencings=fencings,
        arbiter=None if lease is None else _arbiter(lease),
        on_fence_failure=failure,
        groups=tuple(_group(n) for n in range(1, groups + 1)),
    )


def _arbiter(lease: int) -> Arbiter:
    return Arbiter(
        name=ARBITER,
        type="witness",
        lease=lease,
        renewal=BEAT_MS,
        timeout=500,
        watchdog=2_000,
        reset=0,
        freeze=BEAT_MS,
    )


def _group(n: int) -> Group:
    name = f"group{n}"
    resource = Resource(
        name=f"exec{n}", group=name, type="exec", activate_timeout=2_000, deactivate_timeout=2_000
    )
    return Group(name=name, resources=(resource,))


_Shape = tuple[tuple[NpResolution, ...], tuple[Fencing, ...], int | None, OnFenceFailure]
_BLOCK: Final = OnFenceFailure.BLOCK
_LEASE_MS: Final = 8_000
POLICIES: Final[dict[str, _Shape]] = {
    "cohort": ((), (_POWER,), None, _BLOCK),
    "cohort-np": ((_NP,), (_POWER,), None, _BLOCK),
    "bare": ((), (), None, _BLOCK),  # a cohort that can stop nobody: an operator has to
    "fence": ((), (_POWER,), 0, _BLOCK),
    "lease": ((), (), _LEASE_MS, _BLOCK),
    "lease-np": ((_NP,), (), _LEASE_MS, _BLOCK),
    "both": ((), (_POWER,), _LEASE_MS, _BLOCK),
    "both-lease": ((), (_POWER,), _LEASE_MS, OnFenceFailure.LEASE),
}
