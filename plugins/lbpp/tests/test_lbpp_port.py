"""lbpp and lbppw with a real listener on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from clpcore import api, config, host
from clpcore.runtime.driving import kept, processes
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_lbpp import monitor, resource, table
from clpcore_lbpp.monitor import Lbppw
from clpcore_lbpp.resource import Config, Lbpp

T = TypeVar("T")


@attrs.define
class Site:
    """One server with one lbpp resource, failover1/lbpp1, driven as a worker does it."""

    root: Path
    config: Config

    def call(self, role: api.Role = api.Role.ACTIVE) -> api.Call:
        return api.Call(
            event=api.Event.START,
            role=role,
            epoch=1,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource="lbpp1",
        )

    @property
    def folders(self) -> Folders:
        return Folders.of(Root(self.root), self.call())

    def ports(self) -> LocalPorts:
        return LocalPorts(self.call(), self.folders, Limits())

    def activate(self) -> None:
        asyncio.run(Lbpp(self.config).activate(self.call(), self.ports()))

    def deactivate(self) -> None:
        asyncio.run(Lbpp(self.config).deactivate(self.call(), self.ports()))

    def probe(self) -> api.Presence:
        return asyncio.run(Lbpp(self.config).probe(self.call(), self.ports()))

    def observe(self, role: api.Role) -> api.Observation:
        return asyncio.run(Lbppw(self.config).observe(self.call(role), self.ports()))

    def process(self) -> api.Process:
        (process,) = kept.living(self.folders.kept)
        return process

    def answers(self) -> bool:
        try:
            with socket.create_connection((self.config.here, self.config.port), timeout=2) as probe:
                return probe.recv(1) == b""
        except OSError:
            return False


@pytest.fixture
def site(tmp_path: Path, end_sessions: Callable[[Iterable[int]], None]) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = Site(tmp_path, Config(port=port))
    yield site
    end_sessions(process.pid for process in kept.living(site.folders.kept))


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
    return value


# -- the resource


def test_the_port_is_open_while_the_resource_is_active(site: Site) -> None:
    assert site.probe() is api.Presence.INACTIVE
    assert not site.answers()
    for _ in range(2):
        site.activate()
        assert site.probe() is api.Presence.ACTIVE
        assert site.answers()
    for _ in range(2):
        site.deactivate()
        assert site.probe() is api.Presence.INACTIVE
        assert not site.answers()


def test_activating_again_keeps_the_process(site: Site) -> None:
    site.activate()
    process = site.process()
    site.activate()
    assert site.process() == process


def test_the_process_is_a_small_one_of_its_own(site: Site) -> None:
    site.activate()
    assert site.answers()
    found = processes.stat(site.process().pid)
    assert found is not None
    assert found.parent == 1
    rollup = Path(f"/proc/{found.pid}/smaps_rollup").read_text()
    assert int(rollup.split("Pss:")[1].split()[0]) < 12_000  # kB


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_every_address_answers_by_default(site: Site, address: str) -> None:
    if address == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    site.activate()
    socket.create_connection((address, site.config.port), timeout=2).close()


def test_one_address_answers_alone(site: Site) -> None:
    site.config = Config(port=site.config.port, address="127.0.0.2")
    site.activate()
    assert site.answers()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.config.port), timeout=2)


def test_a_port_in_use_names_who_has_it(site: Site) -> None:
    with (
        socket.create_server(("127.0.0.1", site.config.port)),
        pytest.raises(
            api.Failed,
            match=rf"port {site.config.port} is already in use by pid {os.getpid()} \(.*python",
        ),
    ):
        site.activate()
    assert site.probe() is api.Presence.INACTIVE


def test_an_address_of_another_server_is_named(site: Site) -> None:
    site.config = Config(port=site.config.port, address="192.0.2.1")
    with pytest.raises(api.Failed, match=r"192\.0\.2\.1 is no address of this server"):
        site.activate()


def test_a_process_that_was_killed_is_started_anew(site: Site) -> None:
    site.activate()
    first = site.process()
    os.kill(first.pid, signal.SIGKILL)
    _within(5, lambda: site.probe() is api.Presence.INACTIVE)
    site.activate()
    assert site.answers()
    assert site.process() != first


def test_a_process_that_does_not_answer_is_broken_and_replaced(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "_ANSWER", 200)
    monkeypatch.setattr(monitor, "_ANSWER", 200)
    monkeypatch.setattr(resource, "_GRACE", 200)
    monkeypatch.setattr("clpcore.runtime.driving.tcp._BACKLOG", 1)
    site.activate()
    first = site.process()
    os.kill(first.pid, signal.SIGSTOP)
    waiting = [socket.socket() for _ in range(8)]
    for client in waiting:  # fill its queue
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", site.config.port))
    assert site.probe() is api.Presence.BROKEN
    seen = site.observe(api.Role.ACTIVE)
    for client in waiting:
        client.close()
    site.activate()
    assert site.answers()
    assert site.process() != first
    assert seen.health is api.Health.ERROR
    assert not seen.certain


def test_a_stranger_on_the_port_after_the_stop_is_no_stop(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.activate()
    ending = LocalPorts.end
    taken: list[socket.socket] = []

    async def end(self: LocalPorts, name: str, *, grace: int) -> None:
        await ending(self, name, grace=grace)
        taken.append(socket.create_server(("127.0.0.1", site.config.port)))

    monkeypatch.setattr(LocalPorts, "end", end)
    with pytest.raises(api.Failed, match=rf"has ended, but port \d+ .* by pid {os.getpid()}"):
        site.deactivate()
    taken[0].close()


def test_a_stranger_where_we_never_listened_takes_no_server_down(site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.config.port)):
        assert site.probe() is api.Presence.INACTIVE
        site.deactivate()


def test_bad_clients_do_not_end_it(site: Site) -> None:
    site.activate()
    address = ("127.0.0.1", site.config.port)
    for _ in range(200):
        with socket.create_connection(address, timeout=2) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for _ in range(50):
        with socket.create_connection(address, timeout=2) as client, contextlib.suppress(OSError):
            client.sendall(b"GET / HTTP/1.0\r\n\r\n" * 1_000)
    many = [socket.create_connection(address, timeout=5) for _ in range(500)]
    for client in many:
        client.close()
    assert site.answers()
    assert site.probe() is api.Presence.ACTIVE


def test_who_is_not_answered_yet_is_reset_by_the_deactivation(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "_GRACE", 100)
    site.activate()
    pid = site.process().pid
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
    with socket.create_connection((site.config.here, site.config.port), timeout=5) as client:
        site.deactivate()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.parametrize("answer", list(resource.Answer))
def test_the_port_answers_as_it_is_told_to(site: Site, answer: resource.Answer) -> None:
    site.config = Config(port=site.config.port, answer=answer)
    site.activate()
    assert site.probe() is api.Presence.ACTIVE
    assert site.observe(api.Role.ACTIVE).health is api.Health.NORMAL
    with socket.create_connection((site.config.here, site.config.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n" if answer is resource.Answer.HTTP else b"")
        heard = client.recv(100)
    assert heard.startswith(b"HTTP/1.1 200") is (answer is resource.Answer.HTTP)
    site.deactivate()
    assert site.probe() is api.Presence.INACTIVE


# -- the monitor


def test_where_it_is_active_the_port_answers(site: Site) -> None:
    site.activate()
    assert site.observe(api.Role.ACTIVE) == api.Observation(
        api.Health.NORMAL, f"port {site.config.port} answers"
    )


def test_the_end_of_the_process_is_certain(site: Site) -> None:
    site.activate()
    os.kill(site.process().pid, signal.SIGKILL)
    _within(5, lambda: not kept.living(site.folders.kept))
    seen = site.observe(api.Role.ACTIVE)
    assert (seen.health, seen.certain) == (api.Health.ERROR, True)
    assert seen.sentence == "the probe-port process has ended"


def test_where_it_is_not_active_nobody_may_listen(site: Site) -> None:
    assert site.observe(api.Role.STANDBY).health is api.Health.NORMAL
    with socket.create_server(("127.0.0.1", site.config.port)):
        seen = site.observe(api.Role.STANDBY)
    assert seen.health is api.Health.ERROR
    assert f"port {site.config.port} is already in use by pid {os.getpid()}" in seen.sentence


@pytest.mark.parametrize(
    ("listening", "watched", "seen"),
    [
        ("127.0.0.1", "", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),  # noqa: S104 - for a moment
        ("127.0.0.1", "127.0.0.2", False),
        ("::1", "", True),
        ("::1", "::1", True),
        ("::1", "127.0.0.1", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
    ],
)
def test_who_listens_on_which_address(
    site: Site,
    listening: str,
    watched: str,
    seen: bool,  # noqa: FBT001 - a column
) -> None:
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with socket.socket(family) as server:
        if family is socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((listening, site.config.port))
        assert not table.somebody_listens(site.ports(), watched, site.config.port)
        server.listen()
        assert table.somebody_listens(site.ports(), watched, site.config.port) is seen


# -- the settings


def test_an_address_must_be_one() -> None:
    spec = host.load_one("lbpp").specs[api.Kind.RESOURCE, "lbpp"]
    with pytest.raises(config.BadSettings, match=r"10\.5\.0 is no IP address"):
        config.structure(spec, {"port": 26001, "address": "10.5.0"})


@pytest.mark.parametrize("port", [0, 65_536])
def test_a_port_must_be_one(port: int) -> None:
    spec = host.load_one("lbpp").specs[api.Kind.RESOURCE, "lbpp"]
    with pytest.raises(config.BadSettings, match="port"):
        config.structure(spec, {"port": port})
