"""What ipw and miiw say, and the settings that they refuse; a real network of namespaces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clp_lab.lan import Lan
from clpcore import api, config, host
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_netw.ipw import Config, Ipw
from clpcore_netw.miiw import Config as LinkConfig
from clpcore_netw.miiw import Miiw

Look = Callable[[api.MonitorDriver], api.Observation]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Let a monitor look as a worker does it."""
    call = api.Call(
        event=api.Event.START,
        role=api.Role.ACTIVE,
        epoch=1,
        server="node1",
        home="node1",
        previous="",
        group="failover1",
        resource="exec1",
        monitor="ipw1",
    )

    def look(driver: api.MonitorDriver) -> api.Observation:
        ports = LocalPorts(call, Folders.of(Root(tmp_path), call), Limits())
        return asyncio.run(driver.observe(call, ports))

    return look


def _ipw(*addresses: str) -> Ipw:
    return Ipw(Config(addresses=addresses, ping_timeout=200))


@pytest.mark.netns
def test_one_answer_is_enough(lan: Lan, look: Look) -> None:
    lan.add("node1", "10.9.0.1/24")
    lan.add("node2", "10.9.0.2/24")
    seen = lan.on("node1", look, _ipw("10.9.0.2", "10.9.0.3", "192.0.2.1"))
    assert seen.health is api.Health.NORMAL
    assert seen.sentence.startswith("10.9.0.2 answers in ")
    assert seen.sentence.endswith(
        "(silent: 10.9.0.3: no answer within 0.2 s;"
        " 192.0.2.1: no way there: Network is unreachable)"
    )


@pytest.mark.netns
def test_silence_of_all_is_an_error(lan: Lan, look: Look) -> None:
    lan.add("node1", "10.9.0.1/24")
    lan.add("node2", "10.9.0.2/24")
    lan.unplug("node2")
    assert lan.on("node1", look, _ipw("10.9.0.2", "10.9.0.3")) == api.Observation(
        api.Health.ERROR,
        "no address answers a ping (10.9.0.2: no answer within 0.2 s;"
        " 10.9.0.3: no answer within 0.2 s)",
    )


@pytest.mark.netns
def test_both_families_are_asked(lan: Lan, look: Look) -> None:
    lan.add("node1", "fd00:9::1/64")
    lan.add("node2", "fd00:9::2/64")
    deadline = time.monotonic() + 10  # an interface that has just come up takes its time
    while lan.on("node1", look, _ipw("fd00:9::2")).health is not api.Health.NORMAL:
        assert time.monotonic() < deadline


@pytest.mark.netns
def test_the_link_of_an_interface(lan: Lan, look: Look) -> None:
    miiw = Miiw(LinkConfig(interface="eth0"))
    assert lan.on("node1", look, miiw) == api.Observation(api.Health.NORMAL, "eth0 has a link")
    lan.unplug("node1")
    assert lan.on("node1", look, miiw) == api.Observation(
        api.Health.ERROR, "eth0 has no link (cable, switch or virtual network)"
    )


@pytest.mark.netns
def test_an_interface_that_is_not_there_is_told_with_those_that_are(lan: Lan, look: Look) -> None:
    assert lan.on("node1", look, Miiw(LinkConfig(interface="eth7"))) == api.Observation(
        api.Health.ERROR, "this server has no interface eth7: it has lo, eth0"
    )


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("ipw", {"addresses": []}, "There is no address to ping"),
        ("ipw", {"addresses": ["gateway"]}, "gateway is no IP address"),
        ("ipw", {"addresses": ["10.9.0.1", "224.0.0.1"]}, "224.0.0.1 is not the address of one"),
        ("ipw", {"addresses": ["::"]}, ":: is not the address of one"),
        ("ipw", {"addresses": ["10.9.0.1"], "ping_timeout": 0}, "ping_timeout"),
        ("miiw", {"interface": ""}, "cannot be the name of a network interface"),
        ("miiw", {"interface": "../eth0"}, "cannot be the name of a network interface"),
        ("miiw", {"interface": "eth 0"}, "cannot be the name of a network interface"),
        ("miiw", {"interface": "an-interface-name"}, "cannot be the name of a network interface"),
    ],
)
def test_wrong_settings_are_found(name: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(config.BadSettings, match=said):
        config.structure(host.load_one("netw").specs[api.Kind.MONITOR, name], settings)
