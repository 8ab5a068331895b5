"""The agent of a server as its PID 1 sees it: when it runs, and when it is started again."""

import enum

import attrs

_SETTLED_MS = 2_000  # an agent that lived so long did not fail at once
_FIRST_WAIT_MS = 100
_LONGEST_WAIT_MS = 5_000


class AgentState(enum.Enum):
    """What the lab's status says of an agent."""

    RUNNING = "running"
    WAITING = "waiting to start again"
    STOPPED = "stopped"


@attrs.define(kw_only=True)
class Agent:
    """Restarts as systemd's Restart=on-failure would: after a crash, not after a clean end.

    A crash is answered at once; one that follows soon after a start waits, longer each time, so
    that an agent that cannot start does not burn the machine. Times are monotonic milliseconds.
    """

    pid: int | None = None
    state: AgentState = AgentState.STOPPED
    restarts: int = 0
    start_at: int | None = None
    kill_at: int | None = None
    _started: int = 0
    _failures: int = 0
    _wanted: bool = False

    def want(self, now: int) -> None:
        """Ask for the agent to run."""
        self._wanted, self._failures, self.start_at = True, 0, now
        self.state = AgentState.WAITING

    def started(self, pid: int, now: int) -> None:
        self.pid, self.start_at, self._started = pid, None, now
        self.state = AgentState.RUNNING

    def stopping(self, kill_at: int) -> None:
        """Note that SIGTERM was sent, to be followed by SIGKILL at `kill_at`."""
        self._wanted, self.start_at, self.kill_at = False, None, kill_at
        if self.pid is None:
            self.state = AgentState.STOPPED

    def ended(self, exit_code: int, now: int) -> None:
        """Decide what follows an end; below zero is the number of the signal."""
        self.pid, self.kill_at = None, None
        if not self._wanted or exit_code == 0:
            self._wanted, self.state = False, AgentState.STOPPED
            return
        self._failures = self._failures + 1 if now - self._started < _SETTLED_MS else 0
        self.restarts += 1
        self.start_at = now + self._wait()
        self.state = AgentState.WAITING

    def _wait(self) -> int:
        if self._failures <= 1:
            return 0
        return int(min(_LONGEST_WAIT_MS, _FIRST_WAIT_MS * 2 ** (self._failures - 2)))

    def wake_at(self) -> int | None:
        """Give when something is to be done next."""
        times = [at for at in (self.start_at, self.kill_at) if at is not None]
        return min(times, default=None)
