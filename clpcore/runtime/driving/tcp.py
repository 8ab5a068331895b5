"""TCP ports of this machine: open one, try one, and who has one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from clpcore import api
from clpcore.runtime.driving import processes

_BACKLOG: Final = 1_024
_LISTENING: Final = "0A"  # TCP_LISTEN in the kernel's table
_COMMAND: Final = 80  # characters of a command line that are shown


_NO_WAY: Final = frozenset(  # what the kernel says where the network gives no answer
    {
        errno.EADDRNOTAVAIL,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ETIMEDOUT,
    }
)
_REFUSED: Final = frozenset(
    {errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN}
)


async def connect(host: str, port: int, timeout: int) -> api.Reach:  # noqa: ASYNC109 - ms
    """Try a connection to each address of *host* at once, and close it; *timeout* in milliseconds.

    Raises:
        Failed: it could not be tried: the name is not found, there is no socket, a firewall here.

    """
    until = asyncio.get_running_loop().time() + timeout / 1_000
    ends = await _addresses(host, port, until)
    tries = [asyncio.ensure_future(_attempt(family, address)) for family, address in ends]
    found: set[api.Reach | api.Failed] = set()
    try:
        async with asyncio.timeout_at(until):
            for end in asyncio.as_completed(tries):
                found.add(await end)
                if api.Reach.ANSWERED in found:
                    break
    except TimeoutError:
        found.add(api.Reach.SILENT)
    finally:
        for each in tries:
            each.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    return _best(found)


def _best(found: set[api.Reach | api.Failed]) -> api.Reach:
    """Give the answer that tells most; a failure only where nothing else was found out."""
    for reach in (api.Reach.ANSWERED, api.Reach.REFUSED, api.Reach.SILENT):
        if reach in found:
            return reach
    raise next(each for each in found if isinstance(each, api.Failed))


async def _addresses(host: str, port: int, until: float) -> list[tuple[int, Any]]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(until):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise api.Failed(f"{host} was not looked up in time: no name server answers") from None
    except (OSError, UnicodeError) as error:
        raise api.Failed(f"{host} cannot be looked up: {error}") from error
    return [(family, address) for family, _, _, _, address in found]


async def _attempt(family: int, address: Any) -> api.Reach | api.Failed:  # noqa: ANN401 - the socket's own
    try:
        with socket.socket(family, socket.SOCK_STREAM) as ours:
            ours.setblocking(False)
            await asyncio.get_running_loop().sock_connect(ours, address)
            # A port that nobody listens on may be chosen for our own end, which then meets itself.
            alone = ours.getsockname() == ours.getpeername()
            return api.Reach.REFUSED if alone else api.Reach.ANSWERED
    except OSError as error:
        if error.errno in _REFUSED:
            return api.Reach.REFUSED
        if error.errno in _NO_WAY:
            return api.Reach.SILENT
        return api.Failed(f"{address[0]}:{address[1]} cannot be tried from here: {error.strerror}")


def listen(host: str, port: int) -> int:
    """Give the descriptor of a listening socket; *host* "" means every address.

    Raises:
        Failed: the port or the address cannot be had; says why, and who has it.

    """
    both = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in host else socket.AF_INET
    try:
        listening = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        raise api.Failed(_why_not(host, port, error)) from error
    return listening.detach()


def _why_not(host: str, port: int, error: OSError) -> str:
    where = f"port {port} of {host}" if host else f"port {port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{where} is already in use by {owners(port)}; stop it or choose another port"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this server"
        case errno.EACCES:
            return f"{where} may not be opened: ports below 1024 need root"
        case _:
            return f"{where} cannot be opened: {error.strerror}"


def owners(port: int) -> str:
    """Name the processes that listen on *port*, for a sentence."""
    sockets = set(_sockets(port))
    pids = processes.pids() if sockets else []
    found = [_name(pid) for pid in pids if not sockets.isdisjoint(_open_files(pid))]
    return ", ".join(found) or "a process that cannot be seen from here"


def _sockets(port: int) -> Iterator[str]:
    """Give the listening sockets of the port as links in /proc/PID/fd show them."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"


def _open_files(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended, or is not ours to see
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(link.readlink())


def _name(pid: int) -> str:
    command = ""
    with contextlib.suppress(OSError):
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        command = raw.replace(b"\0", b" ").decode(errors="replace").strip()[:_COMMAND]
    return f"pid {pid} ({command})" if command else f"pid {pid}"
