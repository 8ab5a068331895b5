"""Receivers of messages that are real servers on loopback, and what they got."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clpcore import messages
from clpcore.runtime.alerts import message
from clpcore.runtime.alerts.message import Message, Origin

Say = Callable[[socket.socket], None]


@pytest.fixture
def error() -> Message:
    """A message with a remedy, that holds what somebody may have smuggled in."""
    reason = messages.because(
        "rc32",
        resource="exec1",
        group="failover1",
        server="node1",
        reason="exit 3\r\nBcc: evil@example.com\x1b[2J",
    )
    origin = Origin(cluster="Cluster1", server="node1")
    return message.of(reason, origin, "en", at=(3, 17, 1_795_000_000_123))


@attrs.define
class Server:
    """Serves every connection in a thread of its own, as *serve* says."""

    serve: Say
    listener: socket.socket = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    ends: list[socket.socket] = attrs.field(factory=list)
    threads: list[threading.Thread] = attrs.field(factory=list)

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def start(self) -> None:
        self.threads.append(threading.Thread(target=self._accept))
        self.threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self.listener.accept()
                self.ends.append(end)
                self.threads.append(threading.Thread(target=self._serve, args=(end,)))
                self.threads[-1].start()

    def _serve(self, end: socket.socket) -> None:
        with end, contextlib.suppress(OSError):
            self.serve(end)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)


@pytest.fixture
def server() -> Iterator[Callable[[Say], Server]]:
    """Start servers that talk as told; they are ended afterwards."""
    started: list[Server] = []

    def start(serve: Say) -> Server:
        made = Server(serve)
        started.append(made)
        made.start()
        return made

    yield start
    for each in started:
        each.close()


@attrs.frozen
class Certificate:
    """A certificate for 127.0.0.1 that signs itself."""

    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Certificate(folder / "cert.pem", context)


@attrs.define
class Mailbox:
    """A mail server's side: answers by the first word of a command, and what it was told."""

    tls: ssl.SSLContext | None = None
    answers: dict[str, str] = attrs.field(factory=dict)
    told: list[str] = attrs.field(factory=list)
    mails: list[str] = attrs.field(factory=list)

    def serve(self, end: socket.socket) -> None:
        lines = end.makefile("rb")
        try:
            end.sendall(b"220 hello\r\n")
            while line := lines.readline().decode():
                self.told.append(line.strip())
                word = line.split()[0].upper()
                if word == "STARTTLS" and self.tls is not None:
                    end.sendall(b"220 go\r\n")
                    lines.close()
                    end = self.tls.wrap_socket(end, server_side=True)
                    lines = end.makefile("rb")
                    continue
                end.sendall((self.answers.get(word) or self._usual(word)).encode() + b"\r\n")
                if word == "DATA" and "DATA" not in self.answers:
                    self._take(end, lines)
                if word == "QUIT":
                    return
        finally:
            lines.close()
            end.close()

    def _usual(self, word: str) -> str:
        extensions = "250-hello\r\n250-STARTTLS\r\n250 AUTH PLAIN"
        return {"EHLO": extensions, "DATA": "354 go on", "AUTH": "235 in", "QUIT": "221 bye"}.get(
            word, "250 ok"
        )

    def _take(self, end: socket.socket, lines: IO[bytes]) -> None:
        text = []
        while (line := lines.readline().decode()) != ".\r\n":
            text.append(line)
        self.mails.append("".join(text))
        end.sendall(self.answers.get("MAIL-END", "250 taken").encode() + b"\r\n")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()
