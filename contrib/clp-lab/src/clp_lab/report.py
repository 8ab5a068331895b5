"""The cluster's present state as the value that `clp lab status` prints."""

import os

import attrs

from clp_lab.cluster import Cluster
from clp_lab.plan import BALANCER, CLIENT, ServerPlan
from clp_lab.status import (
    BackendStatus,
    BalancerStatus,
    OutsideStatus,
    ServerStatus,
    Status,
    WayStatus,
)
from clp_lab.ways import GOOD, Way


def status_of(cluster: Cluster, lacks: str) -> Status:
    """Say how everything is now; `lacks` is the line on what cannot be had here."""
    pids = {name: cluster.places[name].pid for name in (CLIENT, BALANCER)}
    return Status(
        keeper=os.getpid(),
        directory=str(cluster.folder),
        network=f"{cluster.network.device}, switch at {cluster.switch.priority} priority",
        lacks=lacks,
        capture=cluster.plan.capture,
        pids={**pids, "switch": cluster.switch.pid, "guard": os.getppid()},
        servers=tuple(_server(cluster, server) for server in cluster.plan.servers),
        outside=tuple(_outside(cluster, name) for name in cluster.plan.outside),
        balancer=_balancer(cluster),
        ways=tuple(
            WayStatus(source=source, target=target, faults=_faults(way))
            for (source, target), way in sorted(cluster.network.ways.items())
        ),
    )


def _server(cluster: Cluster, server: ServerPlan) -> ServerStatus:
    place = cluster.places[server.name]
    return ServerStatus(
        name=server.name,
        address=server.address,
        power=place.power.value,
        because=place.because,
        since=place.since,
        pid=place.pid,
        lives=place.lives,
        boot_id=place.boot_id,
        root=str(place.life.root),
        agent=place.agent.value,
        agent_pid=place.agent_pid,
        restarts=place.restarts,
        cable=cluster.board.has_cable(place.life.slot),
    )


def _outside(cluster: Cluster, name: str) -> OutsideStatus:
    place = cluster.places[name]
    return OutsideStatus(
        name=name,
        address=cluster.plan.outside[name],
        power=place.power.value,
        service=place.agent.value,
    )


def _balancer(cluster: Cluster) -> BalancerStatus:
    numbers, board = cluster.plan.balancer, cluster.board
    return BalancerStatus(
        frontend=f"{numbers.frontend}:{numbers.port}",
        backends=tuple(
            BackendStatus(
                server=server.name,
                healthy=board.is_healthy(cluster.slots[server.name]),
                since=board.healthy_since(cluster.slots[server.name]),
            )
            for server in cluster.plan.pool
        ),
        flows=cluster.network.flows(),
    )


def _faults(way: Way) -> dict[str, object]:
    """Give the values that differ from a good wire's."""
    good = attrs.asdict(GOOD)
    return {name: value for name, value in attrs.asdict(way).items() if value != good[name]}
