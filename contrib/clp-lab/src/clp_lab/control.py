"""All that can be done to a lab that runs, from any process of its user."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from clp_lab.channel import Channel, Message
from clp_lab.errors import LabError, LabGoneError
from clp_lab.folders import CONTROL
from clp_lab.plan import CLIENT
from clp_lab.spots import Audit, Server, Spot, Visits
from clp_lab.status import Status

_END_S = 15.0
_STEP_S = 0.005


class Control:
    """The lab that keeps its things in `folder`; LabGoneError from everything when none answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Channel]:
        channel = Channel.connect(str(self.folder / CONTROL))
        try:
            yield channel
        finally:
            channel.close()

    def _ask(self, request: Message) -> Message:
        with self._channel() as channel:
            return channel.ask(request)

    def down(self) -> None:
        """End the lab; no process, namespace, device or folder of it is left afterwards."""
        with contextlib.suppress(LabGoneError):
            self._ask({"do": "down"})
        wait_until(lambda: not self.folder.exists(), _END_S, f"{self.folder} is not cleared")

    def status(self) -> Status:
        return Status.of(self._ask({"do": "status"}))

    def server(self, name: str) -> Server:
        return Server(self.folder, name)

    def pids(self, place: str) -> list[int]:
        """Give all processes of a place as the machine counts them, its PID 1 first."""
        return [int(pid) for pid in self._ask({"do": "pids", "place": place})["pids"]]

    def place(self, name: str) -> Spot:
        """Give a server, or the client or load balancer by its name."""
        return Spot(self.folder, name)

    @property
    def client(self) -> Spot:
        """The client's namespace: 203.0.113.50 outside, 10.5.0.50 on the servers' network."""
        return Spot(self.folder, CLIENT)

    def fault(self, verb: str, **details: object) -> int:
        """Do something to the lab, in the words of `clp lab fault`.

        Returns:
            The monotonic nanosecond just before it took effect: what it causes comes after.

        """
        return int(self._ask({"do": "fault", "verb": verb, **details})["at"])

    def kill(self, server: str) -> int:
        """Cut a server's power: PID 1 killed, port closed in the same moment, which is given."""
        return self.fault("kill", server=server)

    def start(self, server: str) -> int:
        """Switch a server on: a new life with a new boot id."""
        return self.fault("start", server=server)

    def stop(self, server: str) -> int:
        """Shut a server down in order: the agent stops first. Returns when that has begun."""
        return self.fault("stop", server=server)

    def pause(self, server: str) -> int:
        """Freeze a server as a host can freeze a virtual machine; its network is silent too."""
        return self.fault("pause", server=server)

    def resume(self, server: str) -> int:
        return self.fault("resume", server=server)

    def agent_kill(self, server: str) -> int:
        """SIGKILL the agent alone; PID 1 starts it again."""
        return self.fault("agent-kill", server=server)

    def agent_stop(self, server: str) -> int:
        """SIGTERM the agent alone; it stays stopped until `agent_start`."""
        return self.fault("agent-stop", server=server)

    def agent_start(self, server: str) -> int:
        return self.fault("agent-start", server=server)

    def burn(self, server: str, seconds: float, processes: int = 2) -> int:
        """Keep that many cores busy inside a server."""
        return self.fault("burn", server=server, seconds=seconds, processes=processes)

    def set_power(self, mood: str, *, delay_ms: int = 0) -> int:
        """Let the power service work in one of `clp_lab.outlets.Mood`."""
        return self.fault("power", mood=mood, delay_ms=delay_ms)

    def unplug(self, server: str) -> int:
        """Pull a server's cable: its eth0 loses the carrier."""
        return self.fault("unplug", server=server)

    def plug(self, server: str) -> int:
        return self.fault("plug", server=server)

    def cut(self, a: str, b: str = "all", *, one_way: bool = False) -> int:
        """Let nothing pass between two places, or only from `a` to `b` when `one_way`."""
        return self.shape(a, b, {"cut": True}, one_way=one_way)

    def shape(self, a: str, b: str, faults: Mapping[str, float], *, one_way: bool = False) -> int:
        """Set some of the faults of `clp_lab.ways.Way` between two places; the others stay."""
        return self.fault("shape", a=a, b=b, one_way=one_way, faults=dict(faults))

    def heal(self, a: str | None = None, b: str = "all", *, one_way: bool = False) -> int:
        """Make the way between two places good again; without names every way."""
        return self.fault("heal", a=a, b=b, one_way=one_way)

    @contextlib.contextmanager
    def visit(self, url: str, *, every: int = 5, timeout: int = 500) -> Iterator[Visits]:
        """Visit a service from the client during the block.

        Args:
            url: http://ADDRESS[:PORT]/PATH or tcp://ADDRESS:PORT.
            every: milliseconds from one visit to the next.
            timeout: milliseconds that one may take.
        """
        argv = [sys.executable, "-P", "-m", "clp_lab.visitor", url]
        argv += ["--every", str(every), "--timeout", str(timeout)]
        with (
            contextlib.closing(Visits()) as visits,
            (self.folder / "log" / "visitor.log").open("ab") as log,
            Path(os.devnull).open("rb") as null,
            self.client.start(argv, stdio=(null.fileno(), visits.fd, log.fileno())),
        ):
            yield visits

    @contextlib.contextmanager
    def audit(self, *ports: int, every: int = 10) -> Iterator[Audit]:
        """Watch all servers for two that listen on the same port, every so many milliseconds."""
        with contextlib.closing(Audit()) as audit, self._channel() as channel:
            request = {"do": "audit", "ports": ports, "every": every}
            number = channel.ask(request, [audit.fd])["number"]
            yield audit
            channel.ask({"do": "audit-stop", "number": number})


def wait_until(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Look every 5 ms until the condition holds; LabError with the complaint when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{complaint} within {seconds:g} s")
        time.sleep(_STEP_S)
