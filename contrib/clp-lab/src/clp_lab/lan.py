"""A pytest fixture for plugins: a local network of machines that are namespaces.

It needs pytest and pyroute2, which the lab itself does not.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from clp_lab import namespaces

_T = TypeVar("_T")


def _in_thread(work: Callable[[], _T]) -> _T:
    """Do *work* in a thread of its own: a namespace that it enters ends with the thread."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - it goes to the caller as it is
            failed.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


@attrs.frozen
class Lan:
    """Machines on one switch. Each has ``eth0``, switched on, with no address."""

    _spaces: dict[str, int]  # descriptors of network namespaces, by machine

    def on(self, machine: str, work: Callable[..., _T], *args: Any) -> _T:  # noqa: ANN401 - of any work
        """Give what *work* gives on a machine; threads that it starts are on that machine, too."""

        def there() -> _T:
            namespaces.setns(self._spaces[machine], namespaces.NEWNET)
            return work(*args)

        return _in_thread(there)

    def add(self, machine: str, *addresses: str, device: str = "eth0") -> None:
        """Configure addresses, with their prefixes, as the system would."""

        def configure() -> None:
            with _netlink() as netlink:
                (index,) = netlink.link_lookup(ifname=device)
                for address in addresses:
                    ip, _, prefix = address.partition("/")
                    nodad = {"flags": 0x02} if ":" in ip else {}
                    netlink.addr("add", index=index, address=ip, prefixlen=int(prefix), **nodad)

        self.on(machine, configure)

    def unplug(self, machine: str) -> None:
        """Take the machine's cable out of the switch."""

        def down() -> None:
            with _netlink() as netlink:
                netlink.link("set", index=netlink.link_lookup(ifname=machine)[0], state="down")

        self.on("switch", down)


def _netlink() -> Any:  # noqa: ANN401 - pyroute2 has no types
    from pyroute2 import IPRoute  # type: ignore[import-untyped] # noqa: PLC0415 - as above

    return IPRoute()


def _new_space() -> int:
    namespaces.unshare(namespaces.NEWNET)
    with _netlink() as netlink:
        netlink.link("set", index=1, state="up")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _plug_in(machines: dict[str, int]) -> None:
    """Make a bridge, here, and a cable to each machine."""
    with _netlink() as netlink:
        netlink.link("add", ifname="br0", kind="bridge")
        (bridge,) = netlink.link_lookup(ifname="br0")
        netlink.link("set", index=bridge, state="up")
        for name, space in machines.items():
            peer = {"ifname": "eth0", "net_ns_fd": space}
            netlink.link("add", ifname=name, kind="veth", peer=peer)
            (cable,) = netlink.link_lookup(ifname=name)
            netlink.link("set", index=cable, master=bridge, state="up")


def _switch_on() -> None:
    """Switch eth0 on; the kernel asks whether IPv6 addresses are free as ever, but soon."""
    for name, value in (
        ("conf/eth0/router_solicitation_delay", "0"),
        ("neigh/eth0/retrans_time_ms", "100"),
    ):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            Path("/proc/sys/net/ipv6", name).write_text(value, encoding="ascii")
    with _netlink() as netlink:
        netlink.link("set", index=netlink.link_lookup(ifname="eth0")[0], state="up")


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Three machines on a switch: node1, node2 and client."""
    with contextlib.ExitStack() as stack:
        spaces: dict[str, int] = {}
        for name in ("node1", "node2", "client", "switch"):
            spaces[name] = _in_thread(_new_space)
            stack.callback(os.close, spaces[name])
        lan = Lan(spaces)
        lan.on("switch", _plug_in, {n: fd for n, fd in spaces.items() if n != "switch"})
        for name in ("node1", "node2", "client"):
            lan.on(name, _switch_on)
        yield lan
