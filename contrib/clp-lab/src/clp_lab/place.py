"""A place with a PID 1 of its own: a server, the client, the load balancer; from life to life."""

import contextlib
import enum
import os
import signal
import time
from collections.abc import Iterator

import attrs

from clp_lab import initd
from clp_lab.board import Board
from clp_lab.channel import Channel, Message
from clp_lab.errors import LabError
from clp_lab.network import Network, Wiring
from clp_lab.parts import Lifeline
from clp_lab.supervise import AgentState

_PATIENCE_S = 5.0
_STEP_S = 0.0005


class Power(enum.Enum):
    """Whether a place runs."""

    OFF = "off"
    UP = "up"
    PAUSED = "paused"


@attrs.define(kw_only=True)
class Place:
    """What the keeper knows of a place; the PID 1 of its present life is a child of the keeper.

    Attributes:
        lives: how many lives it has had, the present one included.
        since: monotonic nanosecond of the last change of `power`.
        because: why it is off.
    """

    life: initd.Life
    wiring: Wiring
    board: Board
    network: Network
    power: Power = Power.OFF
    pid: int = 0
    lives: int = 0
    boot_id: str | None = None
    since: int = 0
    because: str = "not started"
    agent: AgentState = AgentState.STOPPED
    agent_pid: int | None = None
    restarts: int = 0
    channel: Channel | None = None

    @property
    def name(self) -> str:
        return self.life.name

    def boot(self, lifeline: Lifeline) -> None:
        """Begin a life: namespaces, port, PID 1; `await_ready` tells how it went."""
        ours, theirs = Channel.pair()
        ours.sock.settimeout(_PATIENCE_S)
        slot, since = self.life.slot, time.monotonic_ns()
        with self.network.plug(self.name, slot, self.wiring):
            self.board.set_live(slot, live=True)
            with _signals_held():
                midwife = os.fork()
                if midwife == 0:
                    initd.bear(self.life, self.board, theirs, lifeline.reading)
        theirs.close()
        self.pid = _born(ours, midwife)
        self.board.set_pid(slot, self.pid)
        self.channel, self.power, self.because = ours, Power.UP, ""
        self.lives, self.since = self.lives + 1, since

    def await_ready(self) -> None:
        """Wait until the PID 1 works; LabError with its own words when it cannot."""
        channel = self.must_be_up()
        received = channel.receive()
        channel.sock.settimeout(None)
        answer = (
            {"failed": f"{self.name}: PID 1 ended at once"} if received is None else received[0]
        )
        if "failed" in answer:
            raise LabError(str(answer["failed"]))
        self.boot_id = answer["ready"]

    def must_be_up(self) -> Channel:
        """Give the channel to the PID 1 of a place that runs; LabError tells what else it is."""
        if self.power is Power.OFF:
            raise LabError(f"{self.name} is off ({self.because}): 'start {self.name}' first")
        if self.power is Power.PAUSED:
            raise LabError(f"{self.name} is paused: 'resume {self.name}' first")
        assert self.channel is not None  # noqa: S101 - a place that is up has one
        return self.channel

    def heard(self, message: Message) -> None:
        """Take in what the PID 1 says of its agent."""
        self.agent = AgentState(message["agent"])
        self.agent_pid, self.restarts = message["pid"], message["restarts"]

    def kill(self) -> int:
        """Cut the power; gives the monotonic nanosecond at which the port closed."""
        if self.power is Power.OFF:
            raise LabError(f"{self.name} is off already ({self.because})")
        self.board.set_live(self.life.slot, live=False)
        at = time.monotonic_ns()
        os.kill(self.pid, signal.SIGKILL)
        self.because = "killed"
        return at

    def ended(self, exit_code: int) -> str:
        """Note the end of a life, when the PID 1 was reaped; gives the word that tells why."""
        slot = self.life.slot
        self.board.set_live(slot, live=False)
        self.board.set_pid(slot, 0)
        self.network.unplug(self.name)
        if self.channel is not None:
            self.channel.close()
        self.because = self.because or initd.ENDS.get(exit_code, f"PID 1 ended with {exit_code}")
        self.power, self.channel, self.pid, self.boot_id = Power.OFF, None, 0, None
        self.agent, self.agent_pid = AgentState.STOPPED, None
        self.since = time.monotonic_ns()
        return self.because

    def pause(self) -> None:
        """Freeze the machine: no process runs, nothing goes in or out, time goes on outside."""
        self.must_be_up()
        self.power = Power.PAUSED
        self.board.set_live(self.life.slot, live=False)
        deadline = time.monotonic() + _PATIENCE_S
        while moving := [pid for pid in members(self.pid) if not _is_still(pid)]:
            for pid in moving:
                _signal(pid, signal.SIGSTOP)
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: processes {moving} hang in the kernel: 'resume' it")
            time.sleep(_STEP_S)
        self.since = time.monotonic_ns()

    def resume(self) -> None:
        """Let a paused machine go on where it was."""
        if self.power is not Power.PAUSED:
            raise LabError(f"{self.name} is {self.power.value}, not paused")
        self.since = time.monotonic_ns()
        for pid in sorted(members(self.pid), reverse=True):
            _signal(pid, signal.SIGCONT)
        self.board.set_live(self.life.slot, live=True)
        self.power = Power.UP


def _born(channel: Channel, midwife: int) -> int:
    """Adopt the PID 1 that the midwife bore and let it go on; gives its process id."""
    os.waitpid(midwife, 0)
    received = channel.receive()
    if received is None:
        raise LabError("no PID namespace can be made: see the lab's keeper.log")
    channel.send({"go": True})
    return int(received[0]["pid"])


def members(pid: int) -> Iterator[int]:
    """Give the processes of the PID namespace whose PID 1 is `pid`, as the machine counts them."""
    wanted = _namespace(pid)
    if wanted is not None:
        numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208
        yield from (number for number in numbers if _namespace(number) == wanted)


def _namespace(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115 - a name, not a path
    except OSError:  # ended meanwhile, or another user's
        return None


def _is_still(pid: int) -> bool:
    """Tell whether a process cannot do anything more: stopped, dead, or in a call of the kernel.

    With SIGSTOP pending, the end of that call (a vfork whose child is stopped: never) is no start.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split(None, 1)[0] in b"DTtZX"
    except OSError:
        return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Keep signals from a child that still has the keeper's handlers."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
