"""A client that finds the service by its name: `python -m ... NAME PORT NAME-SERVER ...`.

Again and again it asks all name servers, and visits the address that they agree on. Whenever
something is otherwise than before it writes a line of JSON: when, what each said, who answered.
"""

import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import AZURE_ADDRESSES
from clp_lab.spots import Findings

_PAUSE_S = 0.02
_ANSWER_S = 0.5
_PATIENCE_S = 30.0


@attrs.frozen(kw_only=True)
class Found:
    """What the client found, and went on finding until the next.

    Attributes:
        at: monotonic nanoseconds.
        said: the address that each name server gave; "" for none.
        who: the server that answered the visit; "" where there was nobody.
    """

    at: int
    said: tuple[str, ...]
    who: str

    @property
    def address(self) -> str:
        """The address that all name servers agree on; "" where they do not, or have none."""
        return self.said[0] if len(set(self.said)) == 1 else ""


class Client:
    """What a client in the lab has found so far."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def so_far(self) -> list[Found]:
        read = (json.loads(line) for line in self._findings.lines())
        return [Found(at=each["at"], said=tuple(each["said"]), who=each["who"]) for each in read]

    def wait(self, wanted: Callable[[Found], object], *, after: int = 0) -> Found:
        """Give the first that is wanted and was, or still is, so at *after* or later.

        Raises:
            LabError: it is not found in time; with what was found last.

        """
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            every = self.so_far()
            ends = [*(found.at for found in every[1:]), time.monotonic_ns()]
            for found, end in zip(every, ends, strict=False):
                if end > after and wanted(found):
                    return attrs.evolve(found, at=max(found.at, after))
            time.sleep(_PAUSE_S)
        raise LabError(f"not found within {_PATIENCE_S:g} s; the last: {self.so_far()[-3:]}")


@contextlib.contextmanager
def following(lab: Lab, name: str, port: int) -> Iterator[Client]:
    """Let a client of the lab follow a name in the simulated Azure during the block."""
    argv = (sys.executable, "-P", "-m", __name__, name, str(port), *AZURE_ADDRESSES)
    with (
        contextlib.closing(Findings()) as findings,
        (lab.folder / "log" / "client.log").open("ab") as log,
        Path(os.devnull).open("rb") as null,
        lab.client.start(argv, stdio=(null.fileno(), findings.fd, log.fileno())),
    ):
        yield Client(findings)


def _follow(name: str, port: int, servers: Sequence[str]) -> None:
    before: tuple[tuple[str, ...], str] | None = None
    while True:
        said = tuple(_ask(server, name) for server in servers)
        who = _visit(said[0], port) if said[0] and len(set(said)) == 1 else ""
        if (said, who) != before:
            print(json.dumps({"at": time.monotonic_ns(), "said": said, "who": who}), flush=True)
            before = said, who
        time.sleep(_PAUSE_S)


def _ask(server: str, name: str) -> str:
    """Give the one address of a name by a name server; empty: it knows none, or is silent."""
    question = dns.message.make_query(name, dns.rdatatype.A)
    try:
        answer = dns.query.udp(question, server, timeout=_ANSWER_S)
    except (OSError, dns.exception.DNSException):
        return ""
    return " ".join(str(record) for records in answer.answer for record in records)


def _visit(address: str, port: int) -> str:
    """Give the first line of what a web server says; empty: nobody answers."""
    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


if __name__ == "__main__":
    _follow(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
