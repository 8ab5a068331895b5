"""`python -m clpcore_witness.bench`: how much one witness serves, on this machine.

Starts a service of its own with a new state folder, and plays the servers of many clusters: each
sends a heartbeat every interval, always has a question for heartbeats waiting, and renews its
lease. Tells requests per second, how long answers took, and what the service used of a core.
"""

from __future__ import annotations

import argparse
import asyncio
import asyncio.sslproto
import gc
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from clpcore import api
from clpcore_witness import keyfile, values
from clpcore_witness.caller import Asked, Caller
from clpcore_witness.service import ledger
from clpcore_witness.transport import Answered, Question

_FRAME: Final = b"f" * 300
_LEASE: Final = 60_000  # ms
_TIMEOUT: Final = 10_000  # ms
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@attrs.define
class Tally:
    """What was measured, in seconds; *failed*: questions without their answer."""

    beat: list[float] = attrs.field(factory=list)
    renewal: list[float] = attrs.field(factory=list)
    delivery: list[float] = attrs.field(factory=list)
    polls: int = 0
    failed: int = 0


class Wire(asyncio.Protocol):
    """A connection: one question at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[Answered] | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError())
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if mark and len(rest) >= int(fields["Content-Length"]):
            self._buffer = b""
            if self._answer is None or self._answer.done():
                return  # the measurement is over
            status = int(lines[0].split()[1])
            self._answer.set_result(Answered(status, rest, fields.get("Clp-Proof", "")))

    async def ask(self, question: Question) -> Answered:
        """Give the answer."""
        head = (
            f"{question.method} {question.target} HTTP/1.1\r\nHost: witness\r\n"
            f"Authorization: {question.authorization}\r\n"
            f"Content-Length: {len(question.body)}\r\n\r\n"
        )
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(head.encode() + question.body)
        return await self._answer


@attrs.define
class Server:
    """One server of a cluster, on two connections."""

    name: str
    other: str
    caller: Caller
    tally: Tally
    sent: dict[str, float]
    posting: Wire
    polling: Wire

    async def welcome(self) -> None:
        """Begin the visit."""
        hello = self.caller.hello(_TIMEOUT)
        self.caller.welcome(self.caller.nonce, await self.posting.ask(hello))

    async def beat(self, interval: float, renewal: float) -> None:
        """Post a heartbeat every interval, and renew."""
        await asyncio.sleep(random.random() * interval)  # noqa: S311 - spreads the load
        target = f"/v1/frames/{self.other}?from={self.name}"
        session = api.Session(server=self.name, boot=api.Boot(1, "b"), lease=_LEASE)
        asked = values.dump(values.session_to(session))
        due = time.monotonic()
        renewed = due - random.random() * renewal  # noqa: S311 - as above
        while True:
            self.sent[self.other] = time.monotonic()
            await self._timed(self.tally.beat, "POST", target, _FRAME)
            if time.monotonic() - renewed >= renewal - interval / 2:
                renewed = time.monotonic()
                await self._timed(self.tally.renewal, "POST", "/v1/session", asked)
            due += interval
            await asyncio.sleep(due - time.monotonic())

    async def poll(self) -> None:
        """Always have a question for heartbeats waiting."""
        cursor = ""
        while True:
            target = f"/v1/frames/{self.name}?after={cursor}&wait=5000"
            answered = await self._ask(self.polling, "GET", target)
            self.tally.polls += 1
            if answered is not None:
                said, _, frames = answered.body.partition(b"\n")
                cursor = said.decode()
                if frames:
                    self.tally.delivery.append(time.monotonic() - self.sent[self.name])

    async def _timed(self, times: list[float], method: str, target: str, body: bytes) -> None:
        began = time.monotonic()
        if await self._ask(self.posting, method, target, body) is not None:
            times.append(time.monotonic() - began)

    async def _ask(
        self, wire: Wire, method: str, target: str, body: bytes = b""
    ) -> Answered | None:
        asked: Asked | None = self.caller.ask(method, target, body, _TIMEOUT)
        answered = await wire.ask(asked.question) if asked else None
        if asked is None or answered is None or answered.status != 200:  # noqa: PLR2004 - OK
            self.tally.failed += 1
            await asyncio.sleep(1)
            return None
        self.caller.believe(asked, answered)
        return answered


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(prog="python -m clpcore_witness.bench", description=__doc__)
    parser.add_argument("--clusters", type=int, default=2_000)
    parser.add_argument("--interval", type=float, default=3.0, help="seconds between heartbeats")
    parser.add_argument("--renewal", type=float, default=5.0, help="seconds between renewals")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--tls", action="store_true")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        keys = _prepare(Path(folder), args.clusters, tls=args.tls)
        service, port = _start(Path(folder))
        try:
            asyncio.run(_measure(args, keys, service.pid, port))
        finally:
            service.terminate()
            service.communicate()
    return 0


def _prepare(folder: Path, clusters: int, *, tls: bool) -> list[keyfile.Key]:
    ledger.create(folder / "state", first=True)
    (folder / "keys").mkdir()
    keys: list[keyfile.Key] = []
    for number in range(clusters):
        text = keyfile.generate(f"c{number}", os.urandom(keyfile.SIZE), "benchmark")
        path = folder / "keys" / f"c{number}.key"
        path.touch(0o600)
        path.write_text(text)
        keys += keyfile.parse(text, str(path))
    text = f'state = "{folder}/state"\nkeys = "{folder}/keys"\nstrangers = 100000\n'
    listen = '["127.0.0.1:0"]'
    if tls:
        pair = [f"{folder}/key.pem", f"{folder}/cert.pem"]
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
        command += f" -subj /CN=localhost -keyout {pair[0]} -out {pair[1]}"
        subprocess.run(command.split(), check=True, capture_output=True)
        text += f'private_key = "{pair[0]}"\ncertificate = "{pair[1]}"\nlisten_tls = {listen}\n'
        listen = "[]"
    (folder / "witness.toml").write_text(f"listen = {listen}\n{text}")
    return keys


def _start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "clpcore_witness.service.main", "serve"]
    command += ["--config", str(folder / "witness.toml")]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    line = service.stderr.readline() if service.stderr else ""
    if "listens on" not in line:
        raise SystemExit(f"the service did not start: {line}")
    return service, int(line.split()[-1])


async def _measure(args: argparse.Namespace, keys: list[keyfile.Key], pid: int, port: int) -> None:
    tally = Tally()
    tasks: list[asyncio.Task[None]] = []
    began = time.monotonic()
    context = _trust_anybody() if args.tls else None
    wires: list[Wire] = []
    for key in keys:
        for server in await _pair(key, tally, port, context):
            wires += [server.posting, server.polling]
            await server.welcome()
            tasks += [asyncio.ensure_future(server.poll())]
            tasks += [asyncio.ensure_future(server.beat(args.interval, args.renewal))]
    connected = time.monotonic() - began
    await asyncio.sleep(args.interval + args.renewal)  # all have begun, with their leases on disk
    for counted in (tally.beat, tally.renewal, tally.delivery):
        counted.clear()
    tally.polls = 0
    gc.disable()  # of the load alone: its pauses would count as the service's
    used, since = _used(pid), time.monotonic()
    await asyncio.sleep(args.seconds)
    used, took = _used(pid) - used, time.monotonic() - since
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for wire in wires:
        wire.transport.abort()
    await asyncio.wait([wire.closed for wire in wires])
    _report(args, tally, used / took, took, connected, _memory(pid))


def _trust_anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    asyncio.sslproto.SSLProtocol.max_size = 16 << 10
    return context


async def _pair(
    key: keyfile.Key, tally: Tally, port: int, context: ssl.SSLContext | None
) -> list[Server]:
    loop, sent = asyncio.get_running_loop(), dict[str, float]()
    made = []
    for name, other in (("node1", "node2"), ("node2", "node1")):
        wires = [
            (await loop.create_connection(Wire, "127.0.0.1", port, ssl=context))[1]
            for _ in range(2)
        ]
        made.append(Server(name, other, Caller(key), tally, sent, *wires))
    return made


def _report(
    args: argparse.Namespace, tally: Tally, cpu: float, took: float, connected: float, memory: int
) -> None:
    requests = len(tally.beat) + len(tally.renewal) + tally.polls
    rates = [
        f"{len(tally.beat) / took:.0f} heartbeats",
        f"{len(tally.renewal) / took:.0f} renewals",
    ]
    rates += [f"{tally.polls / took:.0f} questions for heartbeats"]
    scheme = "HTTPS" if args.tls else "HTTP"
    lines = [
        f"{args.clusters} clusters of 2 servers, {args.interval:g} s, {scheme}",
        f"connected in {connected:.1f} s; measured {took:.1f} s; {tally.failed} failed",
        f"requests/s: {requests / took:.0f}: {', '.join(rates)}",
        f"the service: {cpu * 100:.0f} % of one core, {memory / 1024:.0f} MiB",
        *(f"{what}: {_times(times)}" for what, times in _measured(tally)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _measured(tally: Tally) -> list[tuple[str, list[float]]]:
    return [
        ("heartbeat answered", tally.beat),
        ("renewal answered", tally.renewal),
        ("heartbeat delivered", tally.delivery),
    ]


def _times(times: list[float]) -> str:
    ordered = sorted(times) or [0.0]
    places = [("median", 0.5), ("p99", 0.99), ("max", 1.0)]
    found = [(name, ordered[min(len(ordered) - 1, int(at * len(ordered)))]) for name, at in places]
    return ", ".join(f"{name} {value * 1_000:.1f} ms" for name, value in found)


def _used(pid: int) -> float:
    """Give the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(pid: int) -> int:
    """Give KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


if __name__ == "__main__":
    sys.exit(main())
