"""One question over HTTP on a connection that is kept: it blocks, so it runs in a thread.

``Ports.http`` makes a connection for each question; a TLS handshake for each heartbeat of thousands
of servers would cost the witness more than all the rest.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
from typing import Final

import attrs

LARGEST: Final = 2 << 20  # bytes of an answer
_IDLE: Final = 2  # connections kept for each place
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def warm_up() -> None:
    """Load what a question needs: the first one of a worker may be a claim, or a late renewal."""
    import encodings.idna  # noqa: F401, PLC0415 - names of certificates are compared with it

    ssl.create_default_context()  # OpenSSL itself, and the system's authorities from the disk


class Stale(OSError):
    """The kept connection had ended: ask again, on a new one."""


class Unusable(ValueError):
    """URL, proxy or file of authorities cannot be used."""


@attrs.frozen
class Where:
    """Whom we ask, through what; *purpose* has connections of its own."""

    url: str
    ca_file: str = ""
    proxy: str = attrs.field(default="", repr=False)  # it may hold a password
    purpose: str = ""


@attrs.frozen
class Answered:
    """What came back: *proof* is its header of that name."""

    status: int
    body: bytes
    proof: str = ""


@attrs.frozen(kw_only=True)
class Question:
    """A request; *timeout* in ms for all of it."""

    method: str
    target: str
    authorization: str
    body: bytes = b""
    timeout: int


class _Pool:
    """The connections of this process, idle and busy, by place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Where, list[http.client.HTTPConnection]] = {}
        self._busy: dict[Where, set[http.client.HTTPConnection]] = {}

    def take(self, where: Where) -> http.client.HTTPConnection | None:
        with self._lock:
            kept = self._idle.get(where)
            return kept.pop() if kept else None

    def note(self, where: Where, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._busy.setdefault(where, set()).add(connection)

    def is_busy(self, where: Where, connection: http.client.HTTPConnection) -> bool:
        """Tell whether nobody has hung up."""
        with self._lock:
            return connection in self._busy.get(where, ())

    def give_back(
        self, where: Where, connection: http.client.HTTPConnection, *, good: bool
    ) -> None:
        with self._lock:
            busy = self._busy.get(where, set())
            kept = self._idle.setdefault(where, [])
            if good and connection in busy and len(kept) < _IDLE:
                kept.append(connection)
            else:
                connection.close()
            busy.discard(connection)

    def drop_idle(self, where: Where) -> None:
        with self._lock:
            for connection in self._idle.pop(where, ()):
                connection.close()

    def hang_up(self, where: Where) -> None:
        self.drop_idle(where)
        with self._lock:
            for connection in self._busy.pop(where, ()):
                if connection.sock is not None:
                    with contextlib.suppress(OSError):  # its thread wakes up, and closes it
                        connection.sock.shutdown(socket.SHUT_RDWR)


_pool: Final = _Pool()


def hang_up(where: Where) -> None:
    """End all connections to that place; who waits on one gets an OSError."""
    _pool.hang_up(where)


def ask(where: Where, question: Question) -> Answered:
    """Ask, on a kept connection if there is one.

    Raises:
        Stale: it had ended; nobody knows whether the question arrived.
        OSError: no answer; the text says why.
        Unusable: it cannot be asked.

    """
    until = time.monotonic() + question.timeout / 1_000
    kept = _pool.take(where)
    connection = kept or _connect(where, question.timeout / 1_000)
    _pool.note(where, connection)
    good = False
    try:
        answered, good = _asked(connection, where, question, until)
    except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError) as error:
        if kept is not None and _pool.is_busy(where, connection):
            _pool.drop_idle(where)  # they have ended with it
            raise Stale(str(error)) from error
        raise
    except http.client.HTTPException as error:
        raise OSError(f"it does not speak as a witness: {type(error).__name__}") from error
    finally:
        _pool.give_back(where, connection, good=good)
    return answered


def _asked(
    connection: http.client.HTTPConnection, where: Where, question: Question, until: float
) -> tuple[Answered, bool]:
    """Give the answer, and whether the connection may be kept."""
    if connection.sock is None:
        connection.connect()
    connection.sock.settimeout(max(0.001, until - time.monotonic()))
    headers = {"Authorization": question.authorization, **_for_proxy(where)}
    target = question.target
    if where.proxy and where.url.startswith("http:"):
        target = where.url.rstrip("/") + target
    connection.request(question.method, target, body=question.body or None, headers=headers)
    response = connection.getresponse()
    body = b""
    while part := response.read1(65_536):
        body += part
        if len(body) > LARGEST or time.monotonic() > until:
            raise OSError("its answer is too large, or comes too slowly")
        if connection.sock is not None:  # gone already when the answer is the connection's last
            connection.sock.settimeout(max(0.001, until - time.monotonic()))
    if response.length:
        raise OSError("its answer ends too early")
    response.close()
    proof = response.getheader("Clp-Proof", "")
    return Answered(response.status, body, proof), not response.will_close


def _connect(where: Where, timeout: float) -> http.client.HTTPConnection:
    parts = _split(where.url)
    proxy = _split(where.proxy) if where.proxy else None
    host, port = _place(proxy or parts)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    made = http.client.HTTPSConnection(host, port, timeout=timeout, context=_trust(where.ca_file))
    if proxy is not None:
        made.set_tunnel(*_place(parts), headers=_for_proxy(where))
    return made


def _split(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.hostname and parts.scheme in _DEFAULT_PORTS and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise Unusable(f"{url} is no URL to ask: write https://HOST or https://HOST:PORT")


def _place(parts: urllib.parse.SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise Unusable(f"the certificates in {ca_file} cannot be read: {error}") from error


def _for_proxy(where: Where) -> dict[str, str]:
    """Give the header for a proxy that wants a name and a password, as its URL has them."""
    parts = _split(where.proxy) if where.proxy else None
    if parts is None or not parts.username:
        return {}
    word = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"}
