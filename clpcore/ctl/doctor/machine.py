"""The looks at this machine: files, programs, sockets. Each ends by itself and changes nothing."""

from __future__ import annotations

import ctypes
import os
import socket
import time
from pathlib import Path
from typing import Final, NamedTuple

from clpcore.ctl.doctor import running
from clpcore.ctl.doctor.findings import Blind
from clpcore.ctl.words import said

_PROGRAM: Final = 4.0  # seconds
_CONNECT: Final = 2.0  # seconds
_MOST: Final = 1 << 20  # bytes of a file
_SAID: Final = 16 << 20  # bytes that a program says: a firewall of 50,000 rules
_TIMEX: Final = 512  # bytes, more than struct timex has
_UNSYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)
_PATH: Final = "/usr/sbin:/sbin:/usr/bin:/bin"


class Ran(NamedTuple):
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str


class Machine:
    """This machine."""

    def read(self, path: Path) -> str:
        """Give the text of a file.

        Raises:
            FileNotFoundError: there is none.
            Blind: it cannot be read.

        """
        try:
            with path.open("rb") as file:
                return file.read(_MOST).decode(errors="replace")
        except FileNotFoundError:
            raise
        except OSError as why:
            raise _unreadable(path, why) from None

    def stat(self, path: Path) -> os.stat_result:
        """Give owner and mode; raises as ``read`` does."""
        try:
            return path.stat()
        except FileNotFoundError:
            raise
        except OSError as why:
            raise _unreadable(path, why) from None

    def space(self, path: Path) -> os.statvfs_result:
        """Give what is free where *path* is; raises as ``read`` does."""
        try:
            return os.statvfs(path)
        except FileNotFoundError:
            raise
        except OSError as why:
            raise _unreadable(path, why) from None

    def run(self, *argv: str) -> Ran:
        """Run a program that only tells; raises Blind when it is not there or does not end."""
        path = f"{os.environ.get('PATH', '')}:{_PATH}"
        environment = {**os.environ, "LC_ALL": "C", "PATH": path}
        try:
            ran = running.run(argv, seconds=_PROGRAM, most=_SAID, env=environment)
        except FileNotFoundError:
            text = said("the program {name} is not here", name=argv[0])
            raise Blind(text, said("install it, or look at it by hand")) from None
        except OSError as why:
            raise Blind(said("{name} did not answer: {why}", name=argv[0], why=why)) from None
        if ran.late or ran.much:
            late = said("no answer within {seconds} s", seconds=f"{_PROGRAM:g}")
            reason = late if ran.late else said("it said more than {most} bytes", most=_SAID)
            raise Blind(said("{name} did not answer: {why}", name=argv[0], why=reason))
        return Ran(ran.code, ran.out.decode(errors="replace"), ran.err.decode(errors="replace"))

    def owns(self, address: str) -> bool:
        """Tell whether *address* is one of this machine's, by a socket that sends nothing."""
        with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((address, 0))
            except OSError:
                return False
        return True

    def connect(self, source: str, address: str, port: int) -> str:
        """Connect, and hang up; give why it could not, or an empty text."""
        try:
            place = (address, port)
            with socket.create_connection(place, _CONNECT, source_address=(source, 0)):
                return ""
        except TimeoutError:
            return said("no answer within {seconds} s", seconds=f"{_CONNECT:g}")
        except OSError as why:
            return (why.strerror or str(why)).lower()

    def addresses(self, host: str) -> list[str]:
        """Give the addresses of a name; raises Blind."""
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as why:
            reason = (why.strerror or str(why)).lower()
            text = said("{name} has no address here: {why}", name=host, why=reason)
            raise Blind(text) from None
        return sorted({str(each[4][0]) for each in found})

    def is_synchronised(self) -> bool:
        """Tell whether the kernel counts its clock as kept by a time service; raises Blind."""
        buffer = ctypes.create_string_buffer(_TIMEX)  # modes = 0: it only asks
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
        if state < 0:
            raise Blind(os.strerror(ctypes.get_errno()))
        return bool(state != _UNSYNCHRONISED)

    def wall(self) -> int:
        """Give the time of day, in ms since 1970."""
        return time.time_ns() // 1_000_000


def _unreadable(path: Path, why: OSError) -> Blind:
    text = said("{path} cannot be read: {why}", path=path, why=(why.strerror or str(why)).lower())
    return Blind(text, said("look again as root") if isinstance(why, PermissionError) else "")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
