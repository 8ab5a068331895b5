"""An internal frontend, with and without direct server return: what is on the wire."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clp_lab import capture, frames
from clp_lab.lab import Lab
from clp_lab.plan import BalancerPlan

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]

_FRONTEND, _CLIENT, _NODE1 = "10.5.0.200", "10.5.0.50", "10.5.0.110"
_URL = f"http://{_FRONTEND}:8080/"


class Segment(NamedTuple):
    """Who sent a TCP segment to whom, and to whose hardware address."""

    source: str
    target: str
    wire: tuple[str, str]


def _address(data: bytes) -> str:
    return ".".join(map(str, data))


def _segments(file: Path) -> set[Segment]:
    return {
        Segment(
            _address(frame[frames.SOURCE_IP]),
            _address(frame[frames.TARGET_IP]),
            (_address(frame[8:12]), _address(frame[2:6])),  # source and target, as `mac_of` made it
        )
        for frame in capture.read(file)
        if frames.is_tcp(frame) and b"\x1f\x90" in frame[34:38]  # port 8080
    }


@pytest.fixture
def balanced(
    make_lab: MakeLab, stand_in: Path, eventually: Wait, tmp_path: Path
) -> Iterator[Callable[[bool], Lab]]:
    """A lab whose frontend is internal; node1 answers the probe."""
    with contextlib.ExitStack() as stack:

        def make(direct: bool) -> Lab:  # noqa: FBT001 - a fixture's word
            balancer = BalancerPlan(
                frontend=_FRONTEND, port=8080, direct=direct, interval=50, threshold=1
            )
            lab = make_lab(balancer=balancer, capture=str(tmp_path / "frames.pcap"))
            null = stack.enter_context(Path(os.devnull).open("r+b"))
            argv = [sys.executable, str(stand_in), "listen", "26001"]
            stack.enter_context(lab.server("node1").start(argv, stdio=(null.fileno(),) * 3))
            eventually(lambda: lab.status().balancer.healthy == ("node1",))
            return lab

        yield make


def _visit(lab: Lab) -> None:
    with lab.visit(_URL, every=20) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")


def test_without_it_the_server_sees_its_own_address(
    balanced: Callable[[bool], Lab], tmp_path: Path, eventually: Wait
) -> None:
    _visit(balanced(False))
    asked = Segment(_CLIENT, _NODE1, (_FRONTEND, _NODE1))
    eventually(lambda: asked in _segments(tmp_path / "frames.pcap"))
    answered = Segment(_NODE1, _CLIENT, (_NODE1, _CLIENT))
    eventually(lambda: answered in _segments(tmp_path / "frames.pcap"))


def test_with_it_client_and_frontend_are_on_the_wire(
    balanced: Callable[[bool], Lab], tmp_path: Path, eventually: Wait
) -> None:
    lab = balanced(True)
    add = ["ip", "address", "add", f"{_FRONTEND}/32", "dev", "lo"]
    assert lab.server("node1").run(add).returncode == 0
    _visit(lab)
    forwarded = Segment(_CLIENT, _FRONTEND, (_FRONTEND, _NODE1))  # by the balancer, unchanged
    answered = Segment(_FRONTEND, _CLIENT, (_NODE1, _CLIENT))  # straight from the server
    eventually(lambda: {forwarded, answered} <= _segments(tmp_path / "frames.pcap"))
    ends = {(each.source, each.target) for each in _segments(tmp_path / "frames.pcap")}
    assert ends == {(_CLIENT, _FRONTEND), (_FRONTEND, _CLIENT)}


def test_a_server_without_the_address_takes_nothing(balanced: Callable[[bool], Lab]) -> None:
    lab = balanced(True)
    with lab.visit(_URL, every=20, timeout=100) as visits:
        visits.wait_for(lambda visit: visit.outcome == "timeout")
        assert not any(visit.answered for visit in visits.so_far())
