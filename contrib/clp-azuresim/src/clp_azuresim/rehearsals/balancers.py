"""Behind a load balancer, public or internal, with and without direct server return."""

import contextlib
import functools
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from clp_azuresim.rehearsals.scene import FORCED_STOP, Scene
from clp_azuresim.rehearsals.stage import Stage, phase
from clp_lab import capture, frames
from clp_lab.guarded import NP
from clp_lab.plan import CLIENT_INNER
from clp_lab.spots import Findings, Visits
from clp_lab.timeline import Phase
from clp_lab.visits import outage

_PUBLIC, _INTERNAL = "203.0.113.10", "10.5.0.200"
_SERVICE = 8080
_PROTECTION = NP + FORCED_STOP
_STAYS = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as flow:
    print("open", flush=True)
    try:
        flow.recv(1)
        print("closed")
    except ConnectionResetError:
        print("reset")
"""

PUBLIC = Scene(conf="azure-public-lb", extra=_PROTECTION, balancer="TestLoadBalancer", azure=True)
INTERNAL = Scene(
    conf="azure-internal-lb", extra=_PROTECTION, balancer="TestInternalLoadBalancer", azure=True
)
DIRECT = Scene(
    conf="azure-internal-lb-dsr",
    extra=_PROTECTION,
    balancer="TestInternalLoadBalancer",
    azure=True,
    direct=True,
    wire=True,
)
DIRECT_BY_SCRIPTS = Scene(
    conf="azure-internal-lb-dsr-exec",
    extra=_PROTECTION,
    application="exec2",
    balancer="TestInternalLoadBalancer",
    azure=True,
    direct=True,
    wire=True,
)


def public(stage: Stage) -> None:
    """Clients on the Internet."""
    _play(stage, _PUBLIC, 80)


def internal(stage: Stage) -> None:
    """Clients in the virtual network; the balancer writes the server's address in place of its."""
    _play(stage, _INTERNAL, 80)


def direct(stage: Stage) -> None:
    """The same, and nothing is rewritten: the servers take turns with the frontend's address."""
    _play(stage, _INTERNAL, _SERVICE)
    _show_wire(stage)


def _play(stage: Stage, frontend: str, port: int) -> None:
    with stage.trial.lab.visit(f"http://{frontend}:{port}/", every=10) as visits:
        stage.answer(visits, "node1", 0)
        stage.wait_stoppable()
        stage.seen(f"the client is answered by node1 through {frontend}:{port}")
        _moves(stage, visits, frontend, port)
        _dies(stage, visits)
        _returns(stage)


def _moves(stage: Stage, visits: Visits, frontend: str, port: int) -> None:
    stage.step("The group is moved; a client has a connection open")
    with _staying(stage, frontend, port) as said:
        moved = time.monotonic_ns()
        stage.trial.do("node1", "group", "move", "failover1", "--to", "node2")
        stage.answer(visits, "node2", moved)
        stage.trial.until(lambda: len(said.lines()) > 1, complaint="it is still open")
        ended = said.lines()[1]
    gone = outage(visits.so_far(), after=moved) / 1e6
    stage.seen(f"node2 answers; nobody was answered for {gone:.0f} ms")
    stage.seen(f"the open connection was {ended}")
    if frontend == _INTERNAL:
        stage.must(ended == "reset", "reset_ports has reset nothing")
    stage.trial.wait_group("node2")
    stage.trial.home()


@contextlib.contextmanager
def _staying(stage: Stage, frontend: str, port: int) -> Iterator[Findings]:
    """Let a client connect and stay; what it says is "open", then how that ended."""
    argv = (sys.executable, "-I", "-S", "-c", _STAYS, frontend, str(port))
    with (
        contextlib.closing(Findings()) as said,
        Path(os.devnull).open("r+b") as null,
        stage.trial.lab.client.start(argv, stdio=(null.fileno(), said.fd, null.fileno())),
    ):
        stage.trial.until(lambda: said.lines() == ["open"], complaint="it does not connect")
        yield said


def _dies(stage: Stage, visits: Visits) -> None:
    stage.step("node2 loses its power")
    fault = stage.trial.lab.kill("node2")
    answer = stage.answer(visits, "node1", fault)
    tell = functools.partial(stage.told, after=fault, by="node1")
    stage.table(
        "Server node2 dies",
        Phase(name="fault", at=fault, told="node2 is switched off"),
        phase("detected", tell("nm2")),
        phase("off", tell("rc431")),
        phase("decided", tell("rc60")),
        phase("activated", tell("rc11")),
        Phase(name="answered", at=answer, told="node1 answers through the frontend"),
    )


def _returns(stage: Stage) -> None:
    stage.step("node2 is switched on again; it rejoins")
    on = stage.trial.lab.start("node2")
    stage.told("nm20", by="node2", after=on)
    stage.must(stage.trial.home() == "node1", "the group did not stay on node1")


def _show_wire(stage: Stage) -> None:
    """See that only the client's address and the frontend's are in what went between them."""
    wire = stage.trial.lab.status().capture
    stage.must(wire, "there is no capture")
    service = filter(_is_service, capture.read(Path(str(wire))))
    ends = {end for frame in service for end in _ends(frame)}
    stage.seen(f"on the wire, between client and service: {', '.join(sorted(ends))}")
    stage.must(ends == {CLIENT_INNER, _INTERNAL}, "somebody rewrites addresses")


def _is_service(frame: bytes) -> bool:
    port = _SERVICE.to_bytes(2)
    return frames.is_tcp(frame) and port in (frame[frames.SOURCE_PORT], frame[frames.TARGET_PORT])


def _ends(frame: bytes) -> Iterator[str]:
    for part in (frames.SOURCE_IP, frames.TARGET_IP):
        yield ".".join(map(str, frame[part]))
