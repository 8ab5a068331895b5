"""PID 1 of a place: fresh volatile state per life, the agent, commands, orphans, power."""

import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Never, NoReturn

import attrs

from clp_lab import mounts, namespaces
from clp_lab.board import Board
from clp_lab.channel import Channel, Message
from clp_lab.parts import keep_open
from clp_lab.plan import SHARED
from clp_lab.power import PowerSocket
from clp_lab.spawn import Program, busy, exit_code, say, spawn
from clp_lab.supervise import Agent, AgentState
from clp_lab.watchdog import Watchdog

ENDS = {100: "poweroff", 101: "reboot", 102: "reset", 103: "panic", 104: "stopped"}
"""Exit code of a PID 1 -> the word that ended the life; the keeper reads it."""
_EXIT_FOR = {word: code for code, word in ENDS.items()}


@attrs.frozen(kw_only=True)
class Life:
    """What a PID 1 is told when it is born.

    Attributes:
        name: the place; its host name too.
        slot: its index on the board.
        root: CLP_ROOT of a server; None for a place that has no agent of an administrator's.
        seen: what a server sees of the machine although it lies below /run, /tmp or /var.
        program: the agent, or the lab's own function that runs here; None: commands only.
        environment: of the agent and of every command.
        log: where the agent's output goes.
        stop_ms: how long an orderly stop of the agent may take before SIGKILL.
    """

    name: str
    slot: int
    root: Path | None
    seen: tuple[Path, ...]
    program: Program | None
    environment: Mapping[str, str]
    log: Path
    stop_ms: int


def bear(life: Life, board: Board, channel: Channel, lifeline: int) -> NoReturn:
    """Fork PID 1 of a new PID namespace and end; called in a child of the keeper, signals blocked.

    A process cannot leave a PID namespace for whose parent it has no rights, so the keeper itself
    never asks for a new one. It adopts PID 1 when this process is gone; only then may PID 1 bind
    its life to its parent's, so it waits for a word.
    """
    try:
        keep_open({channel.fileno(), lifeline})
        namespaces.unshare(namespaces.NEWPID)
        pid = os.fork()
        if pid:
            channel.send({"pid": pid})
            os._exit(0)
        if channel.receive() is None:
            os._exit(1)
        namespaces.die_with_parent(lifeline)
    except BaseException:  # noqa: BLE001 - a child must never return into the keeper's loop
        traceback.print_exc()
        os._exit(1)
    _be_init(life, board, channel, lifeline)


def _be_init(life: Life, board: Board, channel: Channel, lifeline: int) -> NoReturn:
    try:
        os.setsid()
        _take_stdio(life.log)
        namespaces.unshare(namespaces.NEWUTS)
        socket.sethostname(life.name)
        os.umask(0o022)
        namespaces.own_mounts()
        if life.root is not None:
            mounts.empty(life.root)
            mounts.share(life.root, life.root.parent / SHARED)
            mounts.take(life.root, life.seen)
        init = _Init(life, board, channel, lifeline)
    except OSError as error:
        channel.send({"failed": f"{life.name}: {error}"})
        os._exit(1)
    init.run()


def _take_stdio(log: Path) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for wanted, fd in ((0, null), (1, out), (2, out)):
        os.dup2(fd, wanted)
    os.close(null)
    os.close(out)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


class _Init:
    def __init__(self, life: Life, board: Board, channel: Channel, lifeline: int) -> None:
        self._life, self._board, self._channel = life, board, channel
        self._agent = Agent()
        self._commands: dict[int, int] = {}
        self._asked_to_leave = self._leaving = False
        self._watchdog: Watchdog | None = None
        self._selector = selectors.DefaultSelector()
        self._watch_signals()
        self._selector.register(lifeline, selectors.EVENT_READ, self._parent_gone)
        self._selector.register(channel, selectors.EVENT_READ, self._obey)
        boot_id = None if life.root is None else self._new_run(life.root / "run")
        channel.send({"ready": boot_id})

    def _watch_signals(self) -> None:
        self._wake, writing = socket.socketpair()
        self._wake.setblocking(False)
        writing.setblocking(False)
        self._wake_writing = writing
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._note_sigterm)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._selector.register(self._wake, selectors.EVENT_READ, self._woken)

    def _note_sigterm(self, _number: int, _frame: object) -> None:
        """Remember that an orderly stop is wanted; the loop, woken by the signal, begins it."""
        self._asked_to_leave = True

    def _new_run(self, run: Path) -> str:
        """Give this life its boot id, and its machine the power socket and a watchdog."""
        boot_id = Path("/proc/sys/kernel/random/uuid").read_text(encoding="ascii")
        (run / "boot_id").write_text(boot_id, encoding="ascii")
        self._power = PowerSocket(run / "power", self._selector, self._leave)
        self._watchdog = Watchdog(
            run / "watchdog", self._selector, _now, lambda: self._leave("reset")
        )
        return boot_id.strip()

    def run(self) -> Never:
        if self._life.program is not None:
            self._agent.want(_now())
        while True:
            self._tend_agent()
            for key, _events in self._selector.select(self._pause()):
                key.data()

    def _pause(self) -> float | None:
        watched = self._watchdog.wake_at if self._watchdog is not None else None
        times = [at for at in (self._agent.wake_at(), watched) if at is not None]
        return max(0, min(times) - _now()) / 1000 if times else None

    def _tend_agent(self) -> None:
        """Do what is due: reset, start the agent, kill one that does not stop, leave at its end."""
        agent, now = self._agent, _now()
        if self._watchdog is not None:
            self._watchdog.look(now)
        if agent.start_at is not None and agent.start_at <= now:
            self._start_agent(now)
        if agent.kill_at is not None and agent.kill_at <= now and agent.pid is not None:
            say(f"the agent did not stop within {self._life.stop_ms} ms: SIGKILL")
            os.kill(agent.pid, signal.SIGKILL)
            agent.kill_at = None
        if self._leaving and agent.pid is None:
            self._leave("stopped")

    def _start_agent(self, now: int) -> None:
        if self._life.program is not None:
            self._agent.started(self._spawn(self._life.program, (0, 1, 2)), now)
            self._report_agent()

    def _spawn(
        self,
        program: Program,
        stdio: tuple[int, int, int],
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
    ) -> int:
        return spawn(
            program,
            environment=self._life.environment if environment is None else environment,
            folder=folder or str(self._life.root or "/"),
            stdio=stdio,
        )

    def _report_agent(self) -> None:
        agent = self._agent
        report = {"agent": agent.state.value, "pid": agent.pid, "restarts": agent.restarts}
        self._channel.send(report)

    def _woken(self) -> None:
        self._wake.recv(4096)
        if self._asked_to_leave and not self._leaving:
            self._leaving = True
            self._stop_agent()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._reaped(pid, exit_code(status))

    def _reaped(self, pid: int, code: int) -> None:
        """Sort a dead child: the agent, a command, or an orphan that nobody asks for."""
        if pid == self._agent.pid:
            self._agent.ended(code, _now())
            say(f"the agent ended with {code}: {self._agent.state.value}")
            self._report_agent()
        elif pid in self._commands:
            self._channel.send({"ended": self._commands.pop(pid), "code": code})

    def _obey(self) -> None:
        received = self._channel.receive()
        if received is None:
            self._parent_gone()
        message, fds = received
        if "agent" in message:
            self._obey_for_agent(message["agent"])
        else:
            self._obey_for_command(message, fds)
        for fd in fds:
            os.close(fd)

    def _obey_for_agent(self, verb: str) -> None:
        match verb:
            case "kill" if self._agent.pid is not None:
                os.kill(self._agent.pid, signal.SIGKILL)
            case "stop":
                self._stop_agent()
            case "start" if self._agent.state is AgentState.STOPPED:
                self._agent.want(_now())

    def _obey_for_command(self, message: Message, fds: list[int]) -> None:
        match message:
            case {"spawn": number, "argv": argv, "environment": extra, "folder": folder}:
                environment = {**self._life.environment, **extra}
                stdio = fds[0], fds[1], fds[2]
                self._commands[self._spawn(argv, stdio, environment, folder)] = number
            case {"signal": wanted, "number": number}:
                for pid in [pid for pid, command in self._commands.items() if command == wanted]:
                    os.killpg(pid, number)
            case {"burn": seconds, "processes": processes}:
                for _ in range(processes):
                    self._spawn(busy(seconds), (0, 1, 2))

    def _stop_agent(self) -> None:
        self._agent.stopping(_now() + self._life.stop_ms)
        if self._agent.pid is not None:
            os.kill(self._agent.pid, signal.SIGTERM)
        self._report_agent()

    def _leave(self, word: str) -> NoReturn:
        """End the life, and all processes with it; the port closes first, as a dead machine's."""
        self._board.set_live(self._life.slot, live=False)
        os._exit(_EXIT_FOR[word])

    def _parent_gone(self) -> NoReturn:
        os._exit(1)
