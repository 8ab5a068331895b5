# ruff: noqa: INP001 - beside a script, in no package
"""What runs on the two servers, and what a client sees of it through the balancer."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Final

_PORT: Final = 80
_STEP: Final = 0.2  # seconds between two visits
_ANSWER: Final = 2.0  # seconds for one

# A line is answered with the server's name, for as long as the connection lasts.
_SERVE: Final = (
    "import socketserver,socket;"
    "h=type('h',(socketserver.StreamRequestHandler,),{'handle':lambda s:["
    "(s.wfile.write(socket.gethostname().encode()+b'\\n'),s.wfile.flush()) for _ in s.rfile]});"
    "socketserver.ThreadingTCPServer.allow_reuse_address=True;"
    "socketserver.ThreadingTCPServer(('',8080),h).serve_forever()"
)
_PROBE: Final = (
    "import socket;s=socket.create_server(('',26001));\nwhile True: s.accept()[0].close()"
)
SERVICE: Final = f'systemd-run --unit=smoke-service python3 -c "{_SERVE}"'
OPEN: Final = f'systemd-run --unit=smoke-probe python3 -c "{_PROBE}"; date +at=%s.%N'
CLOSE: Final = "systemctl stop smoke-probe; date +at=%s.%N"
_IMDS: Final = "curl -sS -m 150 -H Metadata:true --noproxy '*' -o /dev/null"
_SAYS: Final = "-w '%{http_code} after %{time_total} s'"
METADATA: Final = "\n".join(
    f"echo \"{name}: $({_IMDS} {_SAYS} 'http://169.254.169.254/metadata/{path}')\""
    for name, path in (
        ("instance", "instance?api-version=2021-02-01"),
        ("scheduled events, first", "scheduledevents?api-version=2020-07-01"),
        ("scheduled events, again", "scheduledevents?api-version=2020-07-01"),
    )
)


class UnansweredError(Exception):
    """The service was not seen as it should be; says what was."""


def moment(output: str) -> float:
    """Give the time of the server's clock that a script told, in seconds since 1970."""
    found = re.search(r"at=(\d+\.\d+)", output)
    if found is None:
        raise UnansweredError(f"the server told no time: {output[-300:]!r}")
    return float(found[1])


def metadata_lines(output: str) -> Iterator[str]:
    """Give what the metadata service answered."""
    yield from re.findall(r"^(?:instance|scheduled events).*", output, re.MULTILINE) or [output]


class Flow:
    """A connection to the service that stays open."""

    def __init__(self, address: str) -> None:
        self._end = socket.create_connection((address, _PORT), timeout=_ANSWER)

    def ask(self) -> str:
        """Give who answers on it."""
        self._end.sendall(b"?\n")
        return self._end.recv(100).decode(errors="replace").strip() or "nobody: it was closed"

    def close(self) -> None:
        """End it."""
        self._end.close()


def answered_by(
    server: str, address: str, patience: float, *, alone: bool = False
) -> tuple[float, float]:
    """Visit until *server* answers, or with *alone* nobody else does for 3 s.

    Returns:
        the time of its first answer since another one's, and of the last one of another server,
        in seconds since 1970.

    """
    until = time.monotonic() + patience
    first = last = 0.0
    while time.monotonic() < until:
        who, now = _visit(address), time.time()
        if who == server:
            first = first or now
            if not alone or now - first > 3:  # noqa: PLR2004 - seconds
                return first, last
        elif who:
            first, last = 0.0, now
        time.sleep(_STEP)
    raise UnansweredError(f"{server} did not answer at {address} within {patience:g} s")


def _visit(address: str) -> str:
    try:
        flow = Flow(address)
    except OSError:
        return ""
    try:
        return flow.ask()
    except OSError:
        return ""
    finally:
        flow.close()
