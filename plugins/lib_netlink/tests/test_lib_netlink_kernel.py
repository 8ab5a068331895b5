"""The functions that ask the kernel, in namespaces."""

from __future__ import annotations

from typing import Self

import pyroute2  # type: ignore[import-untyped]
import pytest

from clp_lab.lan import Lan
from clpcore_lib_netlink import Held, Link, add, addresses, links, remove, set_sysctl

pytestmark = pytest.mark.netns


def _link(lan: Lan, name: str = "eth0") -> Link:
    found: tuple[Link, ...] = lan.on("node1", links)
    return next(link for link in found if link.name == name)


def _of(lan: Lan, version: int = 4) -> list[Held]:
    found = lan.on("node1", addresses)
    return [held for held in found if held.link != "lo" and (":" in held.ip) is (version == 6)]


def test_interfaces_are_told_by_what_they_can_do(lan: Lan) -> None:
    loopback, eth0 = lan.on("node1", links)
    assert (loopback.name, loopback.loopback, loopback.mac) == ("lo", True, "")
    assert (eth0.name, eth0.up, eth0.carrier, eth0.fault) == ("eth0", True, True, "")
    assert len(eth0.mac) == 17


def test_a_cable_that_is_out_takes_the_carrier(lan: Lan) -> None:
    lan.unplug("node1")
    assert (_link(lan).up, _link(lan).carrier) == (True, False)
    assert _link(lan).fault == "eth0 has no link (cable, switch or virtual network)"


def test_an_interface_that_is_off_says_how_to_switch_it_on() -> None:
    off = Link(index=2, name="eth0", up=False, carrier=False)
    assert off.fault == "eth0 is switched off (ip link set eth0 up)"


def test_an_address_comes_and_goes(lan: Lan) -> None:
    lan.on("node1", add, "eth0", "10.9.0.100/24", "eth0:fip1")
    assert _of(lan) == [Held(link="eth0", address="10.9.0.100/24", label="eth0:fip1")]
    for _ in range(2):
        lan.on("node1", remove, "eth0", "10.9.0.100/24")
        assert _of(lan) == []


def test_an_ipv6_address_is_tentative_at_first(lan: Lan) -> None:
    lan.on("node1", add, "eth0", "fd00:9::100/64", "")
    held = next(held for held in _of(lan, 6) if held.ip == "fd00:9::100")
    assert (held.address, held.label, held.tentative) == ("fd00:9::100/64", "", True)
    lan.on("node1", remove, "eth0", "fd00:9::100/64")
    assert "fd00:9::100" not in {held.ip for held in _of(lan, 6)}


def test_an_address_that_is_there_is_not_added(lan: Lan) -> None:
    lan.add("node1", "10.9.0.100/24")
    with pytest.raises(FileExistsError):
        lan.on("node1", add, "eth0", "10.9.0.100/24", "eth0:fip1")


def test_an_interface_that_is_not_there_is_named(lan: Lan) -> None:
    for function, more in ((add, ("",)), (remove, ())):
        with pytest.raises(OSError, match="No such device"):
            lan.on("node1", function, "eth7", "10.9.0.1/24", *more)


def test_removing_the_first_address_of_a_subnet_leaves_the_others(lan: Lan) -> None:
    lan.on("node1", set_sysctl, "net/ipv4/conf/all/promote_secondaries", "0")
    lan.on("node1", set_sysctl, "net/ipv4/conf/eth0/promote_secondaries", "0")
    for last in (100, 101):
        lan.on("node1", add, "eth0", f"10.9.0.{last}/24", "eth0")
    lan.on("node1", remove, "eth0", "10.9.0.100/24")
    assert [held.ip for held in _of(lan)] == ["10.9.0.101"]


class _Refusing:
    """Netlink that answers every question with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def link_lookup(self, **_: object) -> None:
        raise self._error

    get_links = addr = link_lookup


def test_a_list_that_never_holds_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = pyroute2.NetlinkDumpInterrupted()
    monkeypatch.setattr(pyroute2, "IPRoute", lambda: _Refusing(interrupted))
    with pytest.raises(OSError, match=r"changed 5 times .*ip monitor"):
        links()


def test_without_the_right_it_is_a_permission_that_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyroute2, "IPRoute", lambda: _Refusing(pyroute2.NetlinkError(1)))
    with pytest.raises(PermissionError):
        add("eth0", "10.9.0.1/24", "")
