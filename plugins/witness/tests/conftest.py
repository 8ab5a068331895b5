"""A witness for tests: in a thread on loopback with a clock of ours, or as a process."""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_witness import arbiter, heartbeat, keyfile, transport, values
from clpcore_witness.caller import OK, Caller
from clpcore_witness.service import ledger
from clpcore_witness.service.arbiter import Arbiter
from clpcore_witness.service.config import Config
from clpcore_witness.service.ledger import Ledger
from clpcore_witness.service.serve import Service
from clpcore_witness.transport import Where

SECRET = b"witness-test-secret-of-32-bytes!"
KEY = keyfile.Key("Cluster1", "id1", SECRET)


class Running:
    """A service that runs in a thread of this process."""

    def __init__(self, config: Config, clock: Callable[[], int]) -> None:
        self._begun = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.addresses: list[tuple[str, int]] = []
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(config, clock))
        self._thread.start()
        assert self._begun.wait(10)

    def _work(self, config: Config, clock: Callable[[], int]) -> None:
        try:
            self._loop.run_until_complete(self._serve(config, clock))
        except BaseException as error:  # noqa: BLE001 - for the test
            self.failed = error
        finally:
            self._begun.set()
            self._loop.close()

    async def _serve(self, config: Config, clock: Callable[[], int]) -> None:
        self.service = Service(config, clock)
        self.addresses = self.service.addresses
        self._begun.set()
        await self.service.run(self._stop)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.addresses[0][1]}"

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()


LEASE = 60_000  # ms
_T = TypeVar("_T")


class Witness:
    """An arbiter that is begun anew as often as we like; *now* is its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000_000

    def do(self, act: Callable[[Arbiter], Awaitable[_T]]) -> _T:
        """Start it, do something, end it."""

        async def doing() -> _T:
            its = Ledger(self.folder)
            try:
                return await act(Arbiter(its, lambda: self.now))
            finally:
                while its.settled is not None:
                    await asyncio.wait({its.settled})
                its.close()

        return asyncio.run(doing())

    def epoch(self, group: str = "g") -> int:
        return self.do(lambda arbiter: arbiter.read("c", group)).epoch

    def claim(self, epoch: int, server: str = "node1", boot: int = 1) -> bool:
        me = self.holder(epoch, server, boot)
        return self.do(lambda arbiter: arbiter.claim("c", "g", me)).holder == me

    def renew(self, server: str = "node1", boot: int = 1, lease: int = LEASE) -> bool:
        return self.do(lambda arbiter: arbiter.renew("c", self.session(server, boot, lease)))

    @staticmethod
    def holder(epoch: int, server: str = "node1", boot: int = 1) -> api.Holder:
        return api.Holder(server, api.Boot(boot, f"boot{boot}"), epoch)

    @staticmethod
    def session(server: str = "node1", boot: int = 1, lease: int = LEASE) -> api.Session:
        return api.Session(server=server, boot=api.Boot(boot, f"boot{boot}"), lease=lease)


@attrs.define
class Place:
    """Where a witness keeps its things; the fixture knows one cluster."""

    folder: Path
    key: keyfile.Key = KEY

    @property
    def config(self) -> Config:
        return Config(
            listen=(("127.0.0.1", 0),), state=self.folder / "state", keys=self.folder / "keys"
        )

    @property
    def key_text(self) -> str:
        return f"{self.key.cluster} {self.key.id} {base64.b64encode(self.key.secret).decode()}\n"

    @property
    def secret(self) -> str:
        return base64.b64encode(self.key.secret).decode()

    def allow(self, key: keyfile.Key = KEY) -> Path:
        """Put a key file into the witness's folder."""
        folder = self.folder / "keys"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{key.cluster}.key"
        path.touch(0o600)
        path.write_text(Place(self.folder, key).key_text)
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A witness that is set up, with one cluster, and does not run."""
    made = Place(tmp_path)
    made.allow()
    ledger.create(tmp_path / "state", first=True)
    return made


@pytest.fixture
def run(place: Place) -> Iterator[Callable[..., Running]]:
    """Start it in a thread; with a clock of the test's, if given."""
    running: list[Running] = []

    def start(
        clock: Callable[[], int] = lambda: 10_000_000, config: Config | None = None
    ) -> Running:
        running.append(Running(config or place.config, clock))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(autouse=True)
def _no_connection_left() -> Iterator[None]:
    yield
    for where in [*transport._pool._idle, *transport._pool._busy]:
        transport.hang_up(where)
    arbiter._lines.clear()


class Talker:
    """A server of the cluster that asks without ports; one thread's."""

    def __init__(self, key: keyfile.Key = KEY, purpose: str = "") -> None:
        self.purpose = purpose
        self.caller = Caller(key)

    def ask(self, url: str, method: str, target: str, value: object = None) -> object:
        """Give what the witness says; OSError: nobody knows. A ValueError is its refusal."""
        where = Where(url, purpose=self.purpose)
        body = b"" if value is None else values.dump(value)
        for _ in range(5):
            try:
                asked = self.caller.ask(method, target, body, 5_000)
                if asked is None:
                    hello = self.caller.hello(5_000)
                    self.caller.welcome(self.caller.nonce, transport.ask(where, hello))
                    continue
                answered = transport.ask(where, asked.question)
            except transport.Stale:
                continue
            if self.caller.is_unknown(asked, answered):
                continue
            self.caller.believe(asked, answered)
            if answered.status != OK:
                raise ValueError(answered.body.decode())
            return values.load(answered.body) if answered.body else None
        raise OSError("it takes nothing of ours")


@pytest.fixture
def talker() -> Callable[..., Talker]:
    return Talker


@attrs.define
class Process:
    """`clp-witness serve` as a process of its own."""

    popen: subprocess.Popen[str]
    url: str
    log: Path

    def end(self, number: int = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(10)


@pytest.fixture
def process(place: Place) -> Iterator[Callable[..., Process]]:
    """Start it as a process."""
    started: list[subprocess.Popen[str]] = []

    def start(more: str = "", *, before: Sequence[str] = ()) -> Process:
        file = place.folder / "witness.toml"
        text = f'state = "{place.folder / "state"}"\nkeys = "{place.folder / "keys"}"\n'
        listen = "" if "listen" in more else 'listen = ["127.0.0.1:0"]\n'
        file.write_text(listen + text + more)
        log = place.folder / "log"
        command = [*before, sys.executable, "-m", "clpcore_witness.service.main", "serve"]
        command += ["--config", str(file)]
        with log.open("w") as out:
            popen = subprocess.Popen(command, stderr=out, stdout=out, text=True)
        started.append(popen)
        return Process(popen, _url(popen, log), log)

    yield start
    for popen in started:
        if popen.poll() is None:
            popen.kill()
        popen.wait(10)


def _url(popen: subprocess.Popen[str], log: Path) -> str:
    """Give where it listens, as its log says; "" if it has ended."""
    pause = threading.Event()
    for _ in range(1_000):
        if found := re.findall(r"listens on (\S+) port (\d+)\n", log.read_text()):
            return f"http://{found[0][0]}:{found[0][1]}"
        if popen.poll() is not None:
            return ""
        pause.wait(0.01)
    raise AssertionError(log.read_text())


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    ledger.create(tmp_path / "state", first=True)
    return Witness(tmp_path / "state")


@pytest.fixture
def arbiter_at() -> Callable[[Path], Witness]:
    return Witness


@attrs.define
class Server:
    """A server of the cluster with real ports."""

    name: str
    place: Place
    settings: dict[str, Any]

    @property
    def ports(self) -> api.Ports:
        return LocalPorts(self.call, Folders.of(Root(self.place.folder), self.call), Limits())

    @property
    def call(self) -> api.Call:
        return api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=0,
            server=self.name,
            home=self.name,
            previous="",
            group="failover 1/ä",
            resource="",
            deadline=clock.now() + 15_000,
        )

    async def open(self) -> api.Link:
        driver = heartbeat.Witnesshb(heartbeat.Config(**self.settings))
        return await driver.open(self.call, self.ports)

    def holder(self, epoch: int) -> api.Holder:
        return api.Holder(self.name, api.Boot(1, "b"), epoch)

    async def claim(self, epoch: int) -> api.Record:
        witness = arbiter.Witness(arbiter.Config(**self.settings))
        return await witness.claim(self.call, self.ports, self.holder(epoch))

    async def renew(self, held: dict[str, int]) -> bool:
        witness = arbiter.Witness(arbiter.Config(**self.settings))
        its = api.Session(server=self.name, boot=api.Boot(1, "b"), lease=60_000, held=held)
        return await witness.renew(self.call, self.ports, its)


@pytest.fixture
def server(place: Place) -> Callable[..., Server]:
    """Make a server that has the key."""
    file = place.folder / "witness.key"
    file.touch(0o600)
    file.write_text(place.key_text)

    def make(url: str, name: str = "node1", **more: Any) -> Server:  # noqa: ANN401 - settings
        return Server(name, place, {"url": url, "key_file": str(file), **more})

    return make
