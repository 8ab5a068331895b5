"""``World``: a scripted machine; what stands in it is all that a driver under test can reach."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from clpcore import api

_TICKS: Final = 100_000  # the start time of the first kept process
_FIRST_PID: Final = 4_001
_HERE: Final = ("", "127.0.0.1", "::1", "localhost", "0.0.0.0", "::")  # noqa: S104 - compared only


class Unscripted(BaseException):
    """The world does not say what happens then; the text says where to write it down.

    No driver may catch it: the mistake is not the driver's.
    """


@attrs.frozen(kw_only=True)
class Command:
    """How a program was called; *kept*: as which kept process, empty: by ``run``."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    kept: str = ""


@attrs.frozen(kw_only=True)
class Request:
    """What a web server was asked."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(kw_only=True)
class Kept:
    """A kept process that lives: *sockets* are the (host, port) that it listens on."""

    process: api.Process
    argv: tuple[str, ...]
    sockets: tuple[tuple[str, int], ...] = ()


Program: TypeAlias = Callable[[Command], api.Completed | int | str | None]
Site: TypeAlias = Callable[[Request], api.HttpAnswer | int | bytes | str]


@attrs.define(kw_only=True)
class World:
    """One machine. Make it in ``Suite.world``; every play begins with a new one.

    Attributes:
        programs: what is installed, by path or name. A program does its work on the world and gives
            its ``Completed``, or just its exit code, its output, or None for success.
        sites: web servers, by the beginning of their URLs.
        library: what functions called through ``Ports.outside`` and ``outside_async`` do here, by
            the function; plain functions all.
        files: text by path; ``/proc/net/tcp`` follows the listening sockets unless it stands here.
        facts: whatever your programs, sites and functions change. Looks are compared by it.
        reach: how other machines' (host, port) answer a connection; not listed: refused.
        strangers: TCP ports of this machine that somebody else listens on, and who.
        secrets: texts that must never be shown; put those here that stand in files.
        addresses: this machine's, beside the loopback.
        clock: milliseconds; it moves by itself when somebody waits.

    """

    programs: dict[str, Program] = attrs.field(factory=dict)
    sites: dict[str, Site] = attrs.field(factory=dict)
    library: dict[Callable[..., Any], Callable[..., Any]] = attrs.field(factory=dict)
    files: dict[str, str] = attrs.field(factory=dict)
    facts: dict[str, Any] = attrs.field(factory=dict)
    reach: dict[tuple[str, int], api.Reach] = attrs.field(factory=dict)
    strangers: dict[int, str] = attrs.field(factory=dict)
    secrets: list[str] = attrs.field(factory=list)
    addresses: list[str] = attrs.field(factory=list)
    clock: int = 1_000_000

    kept: dict[str, Kept] = attrs.field(factory=dict, init=False)
    opened: dict[int, tuple[int, str, int]] = attrs.field(factory=dict, init=False)
    _started: int = attrs.field(default=0, init=False)

    # -- what a script of yours may want

    def kill(self, name: str) -> None:
        """Let a kept process end by itself."""
        self.kept.pop(name, None)

    def opens(self, name: str, port: int, host: str = "") -> None:
        """Let a kept process listen on a port of its own until it ends, as servers do."""
        kept = self.kept[name]
        self.kept[name] = attrs.evolve(kept, sockets=(*kept.sockets, (host, port)))

    def pass_time(self, ms: int) -> None:
        """Let time pass: a program that takes *ms*."""
        self.clock += ms

    def listens(self, port: int) -> bool:
        """Tell whether anybody listens on the TCP port of this machine."""
        return port in self.strangers or port in {number for _, number in self.listening}

    @property
    def listening(self) -> tuple[tuple[str, int], ...]:
        """Give the (host, port) on which kept processes, or an open call, listen."""
        held = [socket for one in self.kept.values() for socket in one.sockets]
        return tuple(held + [(host, port) for _, host, port in self._open()])

    @property
    def state(self) -> dict[str, Any]:
        """Give all that a look must leave as it was."""
        return {
            "files": dict(self.files),
            "facts": {name: repr(fact) for name, fact in self.facts.items()},
            "kept processes": {name: one.process.pid for name, one in self.kept.items()},
            "listening sockets": sorted(self.listening),
        }

    # -- what the ports do here

    def read(self, path: str) -> str | None:
        """Give the text of a file."""
        if path not in self.files and path in ("/proc/net/tcp", "/proc/net/tcp6"):
            return self._table(six=path.endswith("6"))
        return self.files.get(path)

    def program(self, path: str) -> Program:
        """Give an installed program."""
        found = self.programs.get(path) or self.programs.get(path.rpartition("/")[2])
        if found is None:
            raise api.NotInstalled(f"{path} does not exist on this server")
        return found

    def run(self, command: Command) -> api.Completed:
        """Let a program run to its end."""
        match self.program(command.argv[0])(command):
            case api.Completed() as done:
                return done
            case str() as said:
                return api.Completed(0, said)
            case int() as code:
                return api.Completed(code)
            case _:
                return api.Completed(0)

    def keep(self, name: str, command: Command, inherit: Sequence[int]) -> api.Process:
        """Start a process, which gets the sockets behind the descriptors."""
        if name in self.kept:
            return self.kept[name].process
        program = self.program(command.argv[0])
        self._started += 1
        process = api.Process(name, _FIRST_PID + self._started, _TICKS + self._started)
        sockets = tuple(self.opened[fd][1:] for fd in inherit if fd in self.opened)
        self.kept[name] = Kept(process=process, argv=command.argv, sockets=sockets)
        program(command)
        return process

    def connect(self, host: str, port: int) -> api.Reach:
        """Try a connection."""
        if (host, port) in self.reach:
            return self.reach[host, port]
        here = host in _HERE or host in self.addresses
        return api.Reach.ANSWERED if here and self.listens(port) else api.Reach.REFUSED

    def http(self, request: Request) -> api.HttpAnswer:
        """Ask a web server."""
        for beginning in sorted(self.sites, key=len, reverse=True):
            if request.url.startswith(beginning):
                break
        else:
            raise api.Failed(f"{request.url.partition('?')[0]} did not answer: refused")
        match self.sites[beginning](request):
            case api.HttpAnswer() as answer:
                return answer
            case int() as status:
                return api.HttpAnswer(status=status)
            case bytes() as body:
                return api.HttpAnswer(status=200, body=body)
            case text:
                return api.HttpAnswer(status=200, body=str(text).encode())

    def call(self, function: Callable[..., Any], args: tuple[object, ...]) -> Any:
        """Call what stands here for a library's function."""
        if function not in self.library:
            name = getattr(function, "__qualname__", repr(function))
            raise Unscripted(
                f"the driver called {name} through outside: say in Suite.world what it does,"
                f" world.library[{name}] = ..."
            )
        return self.library[function](*args)

    def listen(self, host: str, port: int) -> int:
        """Open a port; the descriptor is a real one, so that whoever forgets it is found."""
        if self.listens(port):
            who = f": {self.strangers[port]}" if port in self.strangers else ""
            raise api.Failed(f"port {port} is in use{who}")
        fd = os.memfd_create(f"listening on {host}:{port}")
        self.opened[fd] = (os.fstat(fd).st_ino, host, port)
        return fd

    def forget_descriptors(self) -> list[int]:
        """Close what the driver has left open; give the ports."""
        left = [port for _, _, port in self._open()]
        for fd in [fd for fd, (inode, _, _) in self.opened.items() if _is(fd, inode)]:
            os.close(fd)
        self.opened.clear()
        return left

    def _open(self) -> list[tuple[int, str, int]]:
        return [one for fd, one in self.opened.items() if _is(fd, one[0])]

    def _table(self, *, six: bool) -> str:
        """Give the kernel's table of listening sockets."""
        lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"]
        everybody = [*self.listening, *(("", port) for port in self.strangers)]
        for host, port in everybody:
            address = ipaddress.ip_address(host or "0.0.0.0")  # noqa: S104 - any
            if (address.version == 6) is six:  # noqa: PLR2004 - IPv6
                words = [address.packed[i : i + 4][::-1] for i in range(0, len(address.packed), 4)]
                local = b"".join(words).hex().upper()
                lines.append(f"   {len(lines) - 1}: {local}:{port:04X} {'0' * len(local)}:0000 0A")
        return "\n".join(lines) + "\n"


def _is(fd: int, inode: int) -> bool:
    try:
        return os.fstat(fd).st_ino == inode
    except OSError:
        return False
