"""The client's program: visits a service every few milliseconds and writes down what happened.

`python -m clp_lab.visitor http://203.0.113.10/ --every 5`; each outcome is one line of JSON, in the
words of `clp_lab.visits.Visit`. A visit is a new connection, begun on its beat whether or not the
earlier ones are answered, so that the first answer after an outage is seen within one beat.
"""

import argparse
import errno
import json
import os
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

_NS_PER_MS = 1_000_000
_LONGEST_ANSWER = 65536
_GOOD = b"200"
_OUTCOMES = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset"}


class _Visitor:
    def __init__(self, address: tuple[str, int], request: bytes, timeout_ms: int) -> None:
        self._address, self._request = address, request
        self._timeout = timeout_ms * _NS_PER_MS
        self._selector = selectors.DefaultSelector()
        self._open: dict[socket.socket, int] = {}
        self._heard: dict[socket.socket, bytes] = {}

    def run(self, every_ms: int, until: int | None) -> None:
        """Visit until monotonic nanosecond `until`, or for ever."""
        due = time.monotonic_ns()
        while until is None or due < until:
            self._begin()
            due = max(due + every_ms * _NS_PER_MS, time.monotonic_ns())
            while (left := due - time.monotonic_ns()) > 0:
                for key, events in self._selector.select(left / 1e9):
                    self._go_on(key.data, events)
            self._give_up()

    def _begin(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        self._open[sock], self._heard[sock] = time.monotonic_ns(), b""
        error = sock.connect_ex(self._address)
        if error in {0, errno.EINPROGRESS}:
            self._selector.register(sock, selectors.EVENT_WRITE, sock)
        else:
            self._end(sock, _outcome(error))

    def _go_on(self, sock: socket.socket, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._connected(sock)
            else:
                self._listen(sock)
        except OSError as error:
            self._end(sock, _outcome(error.errno or 0))

    def _connected(self, sock: socket.socket) -> None:
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        if self._request:
            sock.send(self._request)
        self._selector.modify(sock, selectors.EVENT_READ, sock)

    def _listen(self, sock: socket.socket) -> None:
        """Collect the answer; it is whole when the first line of its content is."""
        data = sock.recv(_LONGEST_ANSWER)
        self._heard[sock] += data
        heard = self._heard[sock]
        head, content = _split(heard) if self._request else (_GOOD, heard)
        line, whole, _ = content.partition(b"\n")
        if head and not head.startswith(_GOOD):
            self._end(sock, f"http {head[:3].decode(errors='replace')}")
        elif whole or (line and not data):
            self._end(sock, "answer", line.decode(errors="replace").strip())
        elif not data or len(heard) > _LONGEST_ANSWER:
            self._end(sock, "empty")

    def _give_up(self) -> None:
        limit = time.monotonic_ns() - self._timeout
        for sock in [sock for sock, begin in self._open.items() if begin < limit]:
            self._end(sock, "timeout")

    def _end(self, sock: socket.socket, outcome: str, who: str = "") -> None:
        begin, end = self._open.pop(sock), time.monotonic_ns()
        del self._heard[sock]
        if sock in self._selector.get_map():
            self._selector.unregister(sock)
        sock.close()
        visit = {"begin": begin, "end": end, "outcome": outcome, "who": who}
        os.write(1, json.dumps(visit).encode() + b"\n")


def _outcome(error: int) -> str:
    return _OUTCOMES.get(error, errno.errorcode.get(error, "error"))


def _split(heard: bytes) -> tuple[bytes, bytes]:
    """Give the head of a web server's answer without its version, and the content."""
    head, complete, content = heard.partition(b"\r\n\r\n")
    return (head.partition(b" ")[2], content) if complete else (b"", b"")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="clp_lab.visitor", description=__doc__)
    parser.add_argument("url", help="http://ADDRESS[:PORT]/PATH or tcp://ADDRESS:PORT")
    parser.add_argument("--every", type=int, default=5, metavar="MS", help="from visit to visit")
    parser.add_argument("--timeout", type=int, default=500, metavar="MS", help="for one answer")
    parser.add_argument("--until", type=int, metavar="NS", help="monotonic nanosecond of the end")
    given = parser.parse_args(argv)
    url = urlsplit(given.url)
    host, port = url.hostname or "", url.port or 80
    request = (
        f"GET {url.path or '/'} HTTP/1.0\r\nHost: {host}\r\n\r\n" if url.scheme == "http" else ""
    )
    _Visitor((host, port), request.encode(), given.timeout).run(given.every, given.until)


if __name__ == "__main__":
    main(sys.argv[1:])
