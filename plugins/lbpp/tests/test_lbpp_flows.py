"""Clients' connections are reset when the probe port closes, on a real network of namespaces."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clp_lab.lan import Lan
from clpcore import api, config, host
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_lbpp import flows
from clpcore_lbpp.monitor import Lbppw
from clpcore_lbpp.resource import Config, Lbpp

_SERVICE, _OTHER = 8080, 8081


@attrs.frozen
class Flow:
    """A client's connection to node1, both ends of it."""

    client: socket.socket
    server: socket.socket

    @property
    def is_open(self) -> bool:
        try:
            self.client.sendall(b"?")
            return self.server.recv(1) == b"?"
        except OSError:
            return False


@attrs.define
class Site:
    lan: Lan
    root: Path
    listening: dict[tuple[str, int], socket.socket] = attrs.field(factory=dict)
    open: list[Flow] = attrs.field(factory=list)

    def listen(self, address: str, port: int) -> None:
        def make() -> socket.socket:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return socket.create_server(
                ("", port) if address == "::" else (address, port),
                family=family,
                dualstack_ipv6=address == "::",
            )

        self.listening[address, port] = self.lan.on("node1", make)

    def connect(self, address: str, port: int, *, at: str = "") -> Flow:
        def make() -> socket.socket:
            return socket.create_connection((address, port), timeout=5)

        client = self.lan.on("client", make)
        server, _ = self.listening[at or address, port].accept()
        server.settimeout(5)
        self.open.append(Flow(client, server))
        return self.open[-1]

    def deactivate(self, event: api.Event, settings: Config) -> None:
        call = api.Call(
            event=event,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource="lbpp1",
        )
        ports = LocalPorts(call, Folders.of(Root(self.root), call), Limits())
        self.lan.on("node1", lambda: asyncio.run(Lbpp(settings).deactivate(call, ports)))


@pytest.fixture
def site(lan: Lan, tmp_path: Path) -> Iterator[Site]:
    lan.add("node1", "10.5.0.1/24", "fd00:5::1/64")
    lan.add("client", "10.5.0.9/24", "fd00:5::9/64")
    site = Site(lan, tmp_path)
    yield site
    for flow in site.open:
        flow.client.close()
        flow.server.close()
    for listening in site.listening.values():
        listening.close()


def _errno(end: socket.socket) -> int:
    try:
        end.recv(1)
    except OSError as error:
        return error.errno or 0
    return 0


@pytest.mark.netns
def test_both_ends_are_told_and_other_ports_left_alone(site: Site) -> None:
    site.listen("10.5.0.1", _SERVICE)
    site.listen("10.5.0.1", _OTHER)
    gone = [site.connect("10.5.0.1", _SERVICE) for _ in range(20)]
    stays = site.connect("10.5.0.1", _OTHER)
    assert site.lan.on("node1", flows.reset, frozenset({_SERVICE})) == 20
    assert {_errno(flow.client) for flow in gone} == {errno.ECONNRESET}
    assert {_errno(flow.server) for flow in gone} == {errno.ECONNABORTED}
    assert stays.is_open
    assert site.connect("10.5.0.1", _SERVICE).is_open  # who listens was left alone


@pytest.mark.netns
def test_ipv6_and_ipv4_on_an_ipv6_socket(site: Site) -> None:
    site.listen("::", _SERVICE)
    six = site.connect("fd00:5::1", _SERVICE, at="::")
    four = site.connect("10.5.0.1", _SERVICE, at="::")
    assert site.lan.on("node1", flows.reset, frozenset({_SERVICE})) == 2
    assert [_errno(six.client), _errno(four.client)] == [errno.ECONNRESET] * 2


@pytest.mark.netns
def test_a_client_that_has_gone_silent_is_let_go(site: Site) -> None:
    site.listen("10.5.0.1", _SERVICE)
    flow = site.connect("10.5.0.1", _SERVICE)
    site.lan.unplug("client")
    assert site.lan.on("node1", flows.reset, frozenset({_SERVICE})) == 1
    assert _errno(flow.server) == errno.ECONNABORTED


@pytest.mark.netns
@pytest.mark.parametrize(
    ("event", "stays"),
    [
        (api.Event.MOVE, False),
        (api.Event.FAILOVER, False),
        (api.Event.STOP, False),
        (api.Event.RECOVER, True),  # it is activated again here
    ],
)
def test_a_group_that_leaves_resets_its_clients(
    site: Site,
    event: api.Event,
    stays: bool,  # noqa: FBT001 - a column
) -> None:
    site.listen("10.5.0.1", _SERVICE)
    flow = site.connect("10.5.0.1", _SERVICE)
    site.deactivate(event, Config(port=26001, reset_ports=(_SERVICE,)))
    assert flow.is_open is stays


@pytest.mark.netns
@pytest.mark.parametrize("listens", ["each", "any"])
def test_another_groups_clients_at_another_address_stay(site: Site, listens: str) -> None:
    """Two frontends with direct server return have equal ports, and two addresses."""
    mine, others = ("10.5.0.1", "fd00:5::1"), ("10.5.0.2", "fd00:5::2")
    site.lan.add("node1", "10.5.0.2/24", "fd00:5::2/64")
    for address in ("::",) if listens == "any" else (*mine, *others):
        site.listen(address, _SERVICE)
    at = "::" if listens == "any" else ""
    open_to = {each: site.connect(each, _SERVICE, at=at) for each in (*mine, *others)}
    settings = Config(port=26001, reset_ports=(_SERVICE,), reset_addresses=mine)
    site.deactivate(api.Event.MOVE, settings)
    assert {address for address, flow in open_to.items() if flow.is_open} == {*others}


@pytest.mark.netns
def test_without_the_setting_they_stay(site: Site) -> None:
    site.listen("10.5.0.1", _SERVICE)
    flow = site.connect("10.5.0.1", _SERVICE)
    site.deactivate(api.Event.MOVE, Config(port=26001))
    assert flow.is_open


@pytest.mark.netns
def test_this_kernel_can_or_says_why(site: Site) -> None:
    assert site.lan.on("node1", flows.cannot) == ""


@pytest.mark.netns
def test_an_older_kernel_stops_no_deactivation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "_destroy", lambda *_: errno.EOPNOTSUPP)
    assert site.lan.on("node1", flows.cannot).endswith("without CONFIG_INET_DIAG_DESTROY")
    site.listen("10.5.0.1", _SERVICE)
    flow = site.connect("10.5.0.1", _SERVICE)
    with pytest.raises(OSError, match="not supported"):
        site.lan.on("node1", flows.reset, frozenset({_SERVICE}))
    site.deactivate(api.Event.MOVE, Config(port=26001, reset_ports=(_SERVICE,)))
    assert flow.is_open


def test_the_probe_port_is_no_port_of_the_service() -> None:
    spec = host.load_one("lbpp").specs[api.Kind.RESOURCE, "lbpp"]
    with pytest.raises(config.BadSettings, match="26001 is the probe port itself"):
        config.structure(spec, {"port": 26001, "reset_ports": [8080, 26001]})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"reset_ports": [8080], "reset_addresses": ["lo"]}, "lo is no IP address"),
        ({"reset_addresses": ["10.5.0.200"]}, "There are no reset_ports"),
    ],
)
def test_addresses_of_resets_are_addresses_beside_ports(
    settings: dict[str, object], said: str
) -> None:
    spec = host.load_one("lbpp").specs[api.Kind.RESOURCE, "lbpp"]
    with pytest.raises(config.BadSettings, match=said):
        config.structure(spec, {"port": 26001, **settings})


def test_the_monitor_shares_the_resource_s_settings() -> None:
    assert Lbppw(Config(port=26001, address="fd00:5::1")).config.url == "http://[fd00:5::1]:26001/"
