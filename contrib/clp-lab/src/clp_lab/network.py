"""The keeper's hold on the network: namespaces with one port each, and the faults between them."""

import contextlib
import os
import random
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import attrs

from clp_lab import capture, frames, namespaces, netdev, parts, priority
from clp_lab.balancer import Backend, Frontend
from clp_lab.board import Board
from clp_lab.channel import Channel, Message
from clp_lab.errors import LabError
from clp_lab.plan import Plan
from clp_lab.switch import Switch
from clp_lab.ways import GOOD, Way

_NS_PER_MS = 1_000_000
_PATIENCE_S = 5.0
_HASH_ENTRIES = 256
"""Size of a namespace's own table of connections. In the machine's shared one the kernel walks
some hundred thousand buckets for each read of /proc/<pid>/net/tcp (1.6 ms measured; so: 18 us)."""


@attrs.frozen(kw_only=True)
class Wiring:
    """What a place has at its eth0: addresses with prefix, and networks reached without gateway."""

    addresses: tuple[tuple[str, int], ...]
    routes: tuple[tuple[str, int], ...]

    @property
    def mac(self) -> bytes:
        return frames.mac_of(socket.inet_aton(self.addresses[0][0]))


def leave_the_machine() -> None:
    """Put the caller into an empty network namespace, the home of the switch and of all others."""
    namespaces.unshare(namespaces.NEWNET)
    _sysctl("ipv4/tcp_child_ehash_entries", _HASH_ENTRIES)


def _sysctl(name: str, value: int) -> None:
    """Set a value of the current network namespace; kernels that lack it are slower, not wrong."""
    with contextlib.suppress(OSError):
        Path("/proc/sys/net", name).write_text(str(value), encoding="ascii")


@attrs.define(kw_only=True)
class Network:
    """One switch process and what was told to it."""

    board: Board
    device: str
    _channel: Channel
    ways: dict[tuple[str, str], Way] = attrs.field(init=False, factory=dict)
    _ports: dict[str, netdev.Port] = attrs.field(init=False, factory=dict)
    _made: int = attrs.field(init=False, default=0)

    @contextlib.contextmanager
    def plug(self, name: str, slot: int, wiring: Wiring) -> Iterator[None]:
        """Make a network namespace for a place and stay in it for the block.

        Its port is ready and attached before the block begins.
        """
        with namespaces.another_network() as home:
            self._ports[name] = self._make_port(home)
            _configure(wiring)
            inside = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                namespaces.setns(home, namespaces.NEWNET)
                self._attach(name, slot, wiring, self._ports[name])
                namespaces.setns(inside, namespaces.NEWNET)
            finally:
                os.close(inside)
            yield

    def _make_port(self, home: int) -> netdev.Port:
        if self.device == "tap":
            return netdev.Tap("eth0")
        self._made += 1
        return netdev.Veth("eth0", far_name=f"port{self._made}", far_namespace=home)

    def _attach(self, name: str, slot: int, wiring: Wiring, port: netdev.Port) -> None:
        port.open()
        port.set_carrier(up=self.board.has_cable(slot))
        self._ask({"attach": name, "slot": slot, "mac": wiring.mac.hex()}, port.fd)

    def unplug(self, name: str) -> None:
        """Take away the port of a place, when it has one, and its device with it."""
        self._ask({"detach": name})
        if (port := self._ports.pop(name, None)) is not None:
            port.close()

    def set_cable(self, name: str, slot: int, *, plugged: bool) -> None:
        """Pull or plug the cable of a place; its eth0 sees the carrier go."""
        self.board.set_cable(slot, plugged=plugged)
        if name in self._ports:
            self._ports[name].set_carrier(up=plugged)

    def change(self, pair: tuple[str, str], change: Callable[[Way], Way]) -> None:
        """Change the faults of one direction; in force when this returns."""
        way = change(self.ways.get(pair, GOOD))
        self._ask({"way": list(pair), "faults": attrs.asdict(way)})
        self.ways.pop(pair, None)
        if way != GOOD:
            self.ways[pair] = way

    def flows(self) -> int:
        """Count the flows that the load balancer remembers."""
        return int(self._ask({"count": "flows"})["flows"])

    def _ask(self, order: Message, *fds: int) -> Message:
        try:
            return self._channel.ask(order, fds)
        except TimeoutError as error:
            raise LabError("the switch does not answer: 'clp lab down', then up") from error


def _configure(wiring: Wiring) -> None:
    _sysctl("ipv6/conf/eth0/disable_ipv6", 1)  # the lab's network is IPv4; ::1 stays
    netdev.set_mac("eth0", wiring.mac)
    netdev.set_link("lo", up=True)
    netdev.set_link("eth0", up=True)
    for address, prefix in wiring.addresses:
        netdev.add_address("eth0", address, prefix)
    for network, prefix in wiring.routes:
        netdev.add_route("eth0", network, prefix)


def device_for(plan: Plan) -> str:
    """Choose TAP where its device can be opened, else veth pairs; both carry every fault."""
    if plan.device is not None:
        return plan.device
    return "tap" if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "veth"


@attrs.frozen(kw_only=True)
class RunningSwitch:
    """The switch's process, the priority it reached, and the hold on it."""

    network: Network
    pid: int
    priority: str


def start_switch(
    plan: Plan,
    board: Board,
    slots: Mapping[str, int],
    *,
    known: Collection[bytes],
    device: str,
    lifeline: parts.Lifeline,
) -> RunningSwitch:
    """Fork the switch, and the writer of the capture file when the plan has one."""
    ours, theirs = Channel.pair()
    tape = None if plan.capture is None else _start_capture(plan.capture, lifeline)
    switch = Switch(
        board=board,
        known=frozenset(known),
        frontend=_frontend(plan, board, slots),
        tape=tape,
        dice=random.Random(plan.seed),
    )

    def run() -> None:
        theirs.send({"priority": priority.raise_own()})
        switch.run(theirs)

    keep = {theirs.fileno()} if tape is None else {theirs.fileno(), tape.fd}
    pid = parts.fork_part(run, keep=keep, lifeline=lifeline)
    theirs.close()
    if tape is not None:
        os.close(tape.fd)
    ours.sock.settimeout(_PATIENCE_S)
    first = ours.receive()
    if first is None:
        raise LabError("the switch did not start: see the lab's keeper.log")
    return RunningSwitch(
        network=Network(board=board, device=device, channel=ours),
        pid=pid,
        priority=first[0]["priority"],
    )


def _start_capture(path: str, lifeline: parts.Lifeline) -> capture.Tape:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LabError(f"cannot write the capture file {path}: {error.strerror}") from error
    reading, writing = capture.make_pipe()
    parts.fork_part(
        lambda: capture.write_file(reading, file), keep=(reading, file), lifeline=lifeline
    )
    os.close(file)
    os.close(reading)
    return capture.Tape(writing)


def _frontend(plan: Plan, board: Board, slots: Mapping[str, int]) -> Frontend:
    balancer = plan.balancer
    return Frontend(
        address=socket.inet_aton(balancer.frontend),
        port=balancer.port.to_bytes(2),
        backend_port=balancer.backend_port.to_bytes(2),
        pool=tuple(
            Backend(name=server.name, slot=slots[server.name], address=_packed(server.address))
            for server in plan.pool
        ),
        idle_ns=balancer.idle * _NS_PER_MS,
        is_healthy=board.is_healthy,
        direct=balancer.direct,
    )


def _packed(address: str) -> bytes:
    return socket.inet_aton(address)
