"""The only road from a driver to the outside world, so that tests can script that world.

Libraries with their own transport (a cloud SDK, netlink) are fine too, through ``outside``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import attrs

_T = TypeVar("_T")


@attrs.frozen
class Completed:
    """A command that ended by itself; *output* is stdout and stderr as they came, cut at 64 KiB."""

    returncode: int
    output: str = ""


@attrs.frozen
class Process:
    """A kept process: *started* is the kernel's start time in ticks, so a pid is never mistaken."""

    name: str
    pid: int
    started: int


@attrs.frozen(kw_only=True)
class Places:
    """Folders of the resource that the call is about (for a monitor: of its target).

    *scripts*: its files from the revision (a monitor's own); *run*: gone at reboot; *log*: for its
    own logs.
    """

    scripts: str
    run: str
    log: str


@attrs.frozen(kw_only=True)
class HttpAnswer:
    """What a web server said; *headers* by lower-case name, *body* cut at 1 MiB."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""


class Reach(enum.Enum):
    """How a connection attempt ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    SILENT = "silent"  # no answer in time: unknown, not a no


class Ports(Protocol):
    """What a driver may do to the machine. Every wait ends at the call's deadline."""

    @property
    def places(self) -> Places:
        """Give the folders of the resource."""
        ...

    def now(self) -> int:
        """Give the time, in milliseconds, of the clock that ``Call.deadline`` uses."""
        ...

    async def sleep(self, ms: int) -> None:
        """Wait."""
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

        Args:
            argv: the program and its arguments; no shell.
            env: added to the environment.
            timeout: milliseconds; past it the session is killed and ``Failed`` raised.
            log: a file that the output is appended to as well.

        Raises:
            NotInstalled: there is no such program, or it may not be executed.
            Failed: it was killed at its timeout.

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

        Its end is an event: the resource's monitors look at once. *inherit* lists file descriptors
        that it gets as 3, 4, ... Starting a name that is alive gives the one alive.

        Raises:
            NotInstalled: there is no such program, or it may not be executed.

        """
        ...

    async def kept(self, name: str) -> Process | None:
        """Give the process kept as *name* if it is alive."""
        ...

    async def end(self, name: str, *, grace: int) -> None:
        """End the kept process and its session: TERM, after *grace* ms KILL; return when gone.

        Raises:
            Failed: it is still there.

        """
        ...

    async def connect(self, host: str, port: int, *, timeout: int) -> Reach:  # noqa: ASYNC109
        """Try a TCP connection and close it; *timeout* in milliseconds."""
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

        """
        ...

    async def outside(self, function: Callable[..., _T], *args: object) -> _T:
        """Call *function* of a library that blocks, in a thread, as one call of the outside world.

        What it raises comes through. A call that is over (its deadline has passed) forgets the
        thread, and the worker is replaced when that thread has not ended.
        """
        ...

    def listen(self, host: str, port: int) -> int:
        """Give the file descriptor of a listening TCP socket, to hand to ``keep``.

        The driver closes it after ``keep``.

        Raises:
            Failed: the port is in use; the text says by whom, where that can be seen.

        """
        ...

    def read(self, path: str) -> str | None:
        """Give the text of a file, or None if there is none."""
        ...

    def write(self, path: str, text: str) -> None:
        """Write a file atomically, making its folder."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; none there is fine."""
        ...

    def tell(self, text: str) -> None:
        """Add a line to the developers' log of this call."""
        ...
