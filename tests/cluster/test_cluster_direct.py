"""Direct server return: the servers take turns with the frontend's address, as does the service."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from clp_lab import capture, frames
from clp_lab.plan import BalancerPlan
from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_FRONTEND, _CLIENT = "10.5.0.200", "10.5.0.50"
_BALANCER = BalancerPlan(frontend=_FRONTEND, port=8080, direct=True, interval=50, threshold=1)
_LOOPBACK = f"""
[group.failover1.resource.loopback1]
type = "loopback"
ip = "{_FRONTEND}"
[group.failover1.resource.exec1]
depends_on = ["loopback1"]
"""
# The scripts of conf.d/azure-internal-lb-dsr-exec, as they are.
_WITH_SCRIPTS = """
[group.failover1.resource.exec2]
type = "exec"
[group.failover1.resource.exec1]
depends_on = ["exec2"]
"""
_SCRIPTS = Path(__file__).parents[2] / "conf.d/azure-internal-lb-dsr-exec/scripts/failover1/exec1"


def _scripts() -> Mapping[str, str]:
    return {f"failover1/exec2/{file.name}": file.read_text() for file in _SCRIPTS.iterdir()}


@pytest.mark.parametrize(
    ("extra", "scripts"),
    [(_LOOPBACK, MappingProxyType({})), (_WITH_SCRIPTS, _scripts())],
    ids=["loopback", "exec"],
)
def test_a_group_moves_and_fails_over_with_the_frontends_address(
    make_cluster: MakeCluster, tmp_path: Path, extra: str, scripts: Mapping[str, str]
) -> None:
    wire = tmp_path / "frames.pcap"
    allow = "[cluster]\nunproven_takeover = true\n"
    cluster = make_cluster(allow + extra, scripts=scripts, balancer=_BALANCER, capture=str(wire))
    cluster.wait_ready()
    with cluster.lab.visit(f"http://{_FRONTEND}:8080/", every=10) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        assert _holders(cluster) == ["node1"]
        moved = time.monotonic_ns()
        cluster.do("node1", "group", "move", "failover1", "--to", "node2")
        visits.wait_for(lambda visit: visit.who == "node2", after=moved)
        assert _holders(cluster) == ["node2"]
        killed = cluster.lab.kill("node2")
        visits.wait_for(lambda visit: visit.who == "node1", after=killed)
        assert not [visit for visit in visits.so_far() if visit.who not in {"", "node1", "node2"}]
    assert set(_ends(wire)) == {(_CLIENT, _FRONTEND), (_FRONTEND, _CLIENT)}


_WAITS = f"""
import socket
with socket.create_connection(("{_FRONTEND}", 8080), timeout=20) as flow:
    print("open", flush=True)
    try:
        print(flow.recv(1))
    except ConnectionResetError:
        print("reset")
"""


@pytest.mark.parametrize(("settings", "seen"), [("reset_ports = [8080]", "reset"), ("", "b''")])
def test_an_open_connection_is_reset_when_the_group_moves(
    make_cluster: MakeCluster, tmp_path: Path, settings: str, seen: str
) -> None:
    """Without it the client hears of the application's end, which may come late, or never."""
    lbpp = f"[group.failover1.resource.lbpp1]\n{settings}\n"
    cluster = make_cluster(_LOOPBACK + lbpp, balancer=_BALANCER)
    cluster.wait_ready()
    said = tmp_path / "said"
    with said.open("wb") as out:
        stdio = (out.fileno(),) * 3
        with cluster.lab.client.start([sys.executable, "-c", _WAITS], stdio=stdio) as client:
            cluster.until(lambda: "open" in said.read_text())
            cluster.do("node1", "group", "move", "failover1", "--to", "node2")
            assert client.wait(10) == 0
    assert said.read_text().split() == ["open", seen]


def _holders(cluster: Trial) -> list[str]:
    show = "ip -o address show dev lo"
    return [name for name in cluster.names if _FRONTEND in cluster.run(name, show).stdout]


def _ends(wire: Path) -> Iterator[tuple[str, str]]:
    """Give source and target of what went by between client and service."""
    for frame in capture.read(wire):
        if frames.is_tcp(frame) and b"\x1f\x90" in (
            frame[frames.SOURCE_PORT],
            frame[frames.TARGET_PORT],
        ):
            yield tuple(
                ".".join(map(str, frame[part])) for part in (frames.SOURCE_IP, frames.TARGET_IP)
            )  # type: ignore[misc] # two of them
