"""The template's process: without threads and forked early, it forks workers in milliseconds.

It has loaded what every worker needs, and no plugin. It dies with the agent, and its workers with
it: the kernel sees to that, so that no crash leaves a worker behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Final, NoReturn

from clpcore import host
from clpcore.runtime.driving import processes
from clpcore.runtime.workers import exchange, worker
from clpcore.wire import values

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_PACKET: Final = 64 * 1024
_prctl = ctypes.CDLL(None).prctl


def start() -> tuple[int, socket.socket]:
    """Fork the template from this process; give its pid and the socket to talk to it.

    Call it first of all: the child has a copy of whatever is there, and no threads but this one.
    """
    ours, its = _pair()
    agent = os.getpid()
    gc.collect()
    gc.freeze()  # for good: the collector's notes on what is shared would unshare it
    pid = os.fork()
    if pid == 0:
        ours.close()
        _run(its, agent)
    its.close()
    return pid, ours


def spawn() -> tuple[int, socket.socket]:
    """Start a template as a new program: a process with threads must not fork another one."""
    ours, its = _pair()
    argv = [sys.executable, "-P", "-m", __name__, str(os.getpid())]
    actions = [(os.POSIX_SPAWN_DUP2, its.fileno(), 3)]
    try:
        pid = os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions)
    except OSError:
        ours.close()
        raise
    finally:
        its.close()
    return pid, ours


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _main() -> NoReturn:
    """Be the template that ``spawn`` has started."""
    _unshield()
    _run(socket.socket(fileno=3), int(sys.argv[1]))


def _unshield() -> None:
    """Give back what only the agent should have; a fork before it was taken has none of it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("0")
        os.setpriority(os.PRIO_PROCESS, 0, max(0, os.getpriority(os.PRIO_PROCESS, 0)))


def _run(control: socket.socket, agent: int) -> NoReturn:
    """Be the template; never returns into the code that was forked."""
    code = 1
    try:
        _become("clp-template", control.fileno(), parent=agent)
        os.setsid()  # what is typed at the agent's terminal is not meant for us
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        plugins = host.entry_points()
        exchange.warm_up()
        gc.collect()
        gc.freeze()
        with contextlib.suppress(ConnectionError):
            _Nursery(control, plugins).serve()
        code = 0
    except BaseException:
        logger.exception("the template of the workers fails")
    finally:
        os._exit(code)


def _become(name: str, keep: int, *, parent: int) -> None:
    """Make this forked process one of its own: dies with its parent, holds one descriptor."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask for that
        os._exit(1)
    _prctl(_PR_SET_NAME, name[:15].encode())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.closerange(3, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


class _Nursery:
    """Forks workers, waits for their ends and tells them."""

    def __init__(self, control: socket.socket, plugins: host.EntryPoints) -> None:
        self._control = control
        self._plugins = plugins
        self._workers: dict[int, tuple[int, int]] = {}  # pidfd: (id, pid)
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Serve until the agent closes its end."""
        while True:
            for fd, _ in self._poll.poll():
                if fd != self._control.fileno():
                    self._bury(fd)
                elif not self._hear():
                    return

    def _hear(self) -> bool:
        packet, fds, _, _ = socket.recv_fds(self._control, _PACKET, 1)
        if not packet:
            return False
        order = values.from_json(packet.decode(), exchange.Fork)
        with socket.socket(fileno=fds[0]) as end:
            try:
                self._fork(order, end)
            except OSError as error:
                self._say(exchange.NotForked(order.id, str(error)))
        return True

    def _fork(self, order: exchange.Fork, end: socket.socket) -> None:
        template = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                _become(f"clp-{order.plugin}", end.fileno(), parent=template)
                worker.main(end, order.plugin, Path(order.root), self._plugins)
            except BaseException:
                logger.exception("the worker of plugin %s fails", order.plugin)
            finally:
                os._exit(1)
        pidfd = os.pidfd_open(pid)
        self._workers[pidfd] = (order.id, pid)
        self._poll.register(pidfd, select.POLLIN)
        self._say(exchange.Forked(order.id, pid), pidfd)

    def _bury(self, pidfd: int) -> None:
        ident, pid = self._workers.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        self._say(exchange.Ended(ident, processes.reap(pid) or 0))

    def _say(self, message: exchange.FromTemplate, *fds: int) -> None:
        packet = values.to_json(message, exchange.FromTemplate).encode()
        socket.send_fds(self._control, [packet], fds)


if __name__ == "__main__":
    _main()
