"""The only road from a driver to the outside world, so that tests can script that world.

Libraries with their own transport are fine too: one that blocks (netlink) through ``outside``, one
of coroutines (a cloud SDK) through ``outside_async``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import attrs

_T = TypeVar("_T")


@attrs.frozen
class Completed:
    """A command that ended by itself.

    Attributes:
        returncode: its exit code; -9 when signal 9 ended it (not ours: that is ``Failed``).
        output: stdout and stderr as they came, the last 64 KiB.

    """

    returncode: int
    output: str = ""


@attrs.frozen
class Process:
    """A kept process.

    Attributes:
        name: what the driver calls it, unique in its resource.
        pid: the kernel's number, which is used again when the process has gone.
        started: the kernel's start time in ticks: with the pid it names one process only.

    """

    name: str
    pid: int
    started: int


@attrs.frozen(kw_only=True)
class Places:
    """Folders of the resource that the call is about (for a monitor: of its target).

    Attributes:
        scripts: its files from the configuration; a monitor's own.
        run: for small files that are gone at reboot; made by the first ``write``.
        state: for small files that survive reboots, updates and removal from the configuration:
            a rollback finds them again. Each server has its own. Made by the first ``write``.
        log: for its own logs.

    """

    scripts: str
    run: str
    state: str
    log: str


@attrs.frozen(kw_only=True)
class HttpAnswer:
    """What a web server said, whatever the status.

    Attributes:
        status: 200, 404, ...
        headers: by lower-case name.
        body: as it came, cut at 1 MiB.

    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""


class Reach(enum.Enum):
    """How a connection attempt ended.

    Attributes:
        ANSWERED: somebody took the connection.
        REFUSED: the machine is there, and nobody listens.
        SILENT: no answer in time, or the kernel knows no way there: unknown, not a no.

    """

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"


class Ports(Protocol):
    """What a driver may do to the machine.

    Every wait ends at the call's deadline: then the call is cancelled in the ``await`` where it is.
    From that moment every port but ``places``, ``now`` and ``tell`` raises ``Failed``.
    """

    @property
    def places(self) -> Places:
        """Give the folders of the resource."""
        ...

    def now(self) -> int:
        """Give the time, in milliseconds, of the clock that ``Call.deadline`` uses."""
        ...

    async def sleep(self, ms: int) -> None:
        """Wait *ms* milliseconds.

        Raises:
            Failed: the call is over.

        """
        ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: int | None = None,  # noqa: ASYNC109 - milliseconds, enforced by the core
        log: str | None = None,
    ) -> Completed:
        """Run a command in a session of its own, which dies with the call.

        A call that is cancelled here kills the session. What a command that has ended left in the
        background lives on.

        Args:
            argv: the program and its arguments; no shell.
            env: added to the environment: PATH, HOME, LANG, LC_ALL and TZ.
            timeout: milliseconds; past it the session is killed and ``Failed`` raised. Without
                one it may last until the call's deadline.
            log: a file that the output is appended to as well.

        Raises:
            NotInstalled: there is no such program, or it may not be executed.
            Failed: it was killed at its timeout, or *log* cannot be written.

        """
        ...

    async def keep(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        log: str | None = None,
        inherit: Sequence[int] = (),
    ) -> Process:
        """Start a process that outlives worker and agent, as *name* of this resource.

        Its end is an event: the resource's monitors look at once. Starting a name that is alive
        gives the one alive. When a call is cancelled here, ``kept`` tells whether it was started.

        Args:
            name: what the driver calls it, unique in its resource.
            argv: the program and its arguments; no shell. It must stay in the foreground.
            env: added to the environment, as in ``run``.
            log: a file that its output is appended to; without one it is thrown away.
            inherit: file descriptors that it gets as 3, 4, ...

        Raises:
            NotInstalled: there is no such program, or it may not be executed.
            Failed: it cannot be started, or what an earlier one left cannot be ended.

        """
        ...

    async def kept(self, name: str) -> Process | None:
        """Give the process kept as *name* if it is alive.

        Raises:
            Failed: who it is cannot be read: not known, which is no None.

        """
        ...

    async def end(self, name: str, *, grace: int) -> None:
        """End the kept process and its session; return when gone, also when none was there.

        A call that is cancelled here may have sent the signals: ask again.

        Args:
            name: what ``keep`` was told.
            grace: milliseconds between TERM and KILL; 0: KILL at once.

        Raises:
            Failed: it is still there.

        """
        ...

    async def connect(self, host: str, port: int, *, timeout: int) -> Reach:  # noqa: ASYNC109
        """Try a TCP connection and close it.

        Args:
            host: an address or a name.
            port: 1 to 65535.
            timeout: milliseconds; past it the answer is SILENT.

        Raises:
            Failed: it could not be tried: the name is not found, or no name server answers; there
                is no socket to be had; the call is over.

        """
        ...

    async def http(
        self,
        method: str,
        url: str,
        *,
        timeout: int,  # noqa: ASYNC109 - milliseconds, enforced by the core
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        ca_file: str = "",
        proxy: str = "",
    ) -> HttpAnswer:
        """Ask a web server; redirections are not followed, the environment's proxies not used.

        Every status is an answer. A call that is cancelled here, or whose timeout passes, does not
        know whether the server has done what was asked.

        Args:
            method: GET, HEAD, POST, ...
            url: http or https.
            timeout: milliseconds for all of it.
            headers: added to the usual ones.
            body: of the request.
            ca_file: a PEM file of the authorities to trust; empty: the system's.
            proxy: the URL of a proxy; empty: none.

        Raises:
            Failed: no answer: the text says whether it was refused, silent, or not trusted.
            Misconfigured: the URL, *proxy* or *ca_file* cannot be used.

        """
        ...

    async def outside(self, function: Callable[..., _T], *args: object) -> _T:
        """Call *function* of a library that blocks, in a thread, as one call of the outside world.

        A call that is cancelled here forgets the thread, and the worker is replaced when that
        thread has not ended: give the library a timeout of its own.

        Args:
            function: what to call.
            args: what to call it with.

        Raises:
            Failed: the call is over. What *function* raises comes through as it is.

        """
        ...

    async def outside_async(
        self, function: Callable[..., Coroutine[Any, Any, _T]], *args: object
    ) -> _T:
        """Await *function* of a library with a transport of its own, on the worker's loop.

        All calls of a worker share the loop, so that the library may keep its connections. A call
        that is cancelled here is cancelled there.

        Args:
            function: a coroutine function.
            args: what to call it with.

        Raises:
            Failed: the call is over. What *function* raises comes through as it is.

        """
        ...

    def listen(self, host: str, port: int) -> int:
        """Give the file descriptor of a listening TCP socket, to hand to ``keep``.

        The driver closes it (``os.close``) after ``keep``.

        Args:
            host: an address of this machine; empty: all of them.
            port: 1 to 65535.

        Raises:
            Failed: the port is in use; the text says by whom, where that can be seen.

        """
        ...

    def read(self, path: str) -> str | None:
        """Give the text of the file *path* (UTF-8), or None if there is none.

        Raises:
            Failed: it is there, perhaps, and cannot be read.

        """
        ...

    def write(self, path: str, text: str) -> None:
        """Write *text* to the file *path*, atomically, making its folder.

        Raises:
            Failed: it cannot be written; what was there before is still there.

        """
        ...

    def remove(self, path: str) -> None:
        """Remove the file *path*; none there is fine.

        Raises:
            Failed: it is still there.

        """
        ...

    def tell(self, text: str) -> None:
        """Add *text* to the developers' log of this call; no secret in it."""
        ...
