from __future__ import annotations

import socket
import struct

import pytest

from clp_lab import frames
from clp_lab.balancer import Backend, Frontend

_CLIENT, _FRONTEND = socket.inet_aton("203.0.113.50"), socket.inet_aton("203.0.113.10")
_NODES = [socket.inet_aton(f"10.5.0.{last}") for last in (110, 111)]
_SECOND = 1_000_000_000


def _sum(data: bytes) -> int:
    total = sum(int(word) for word in struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _frame(
    source: bytes, port: int, target: bytes, target_port: int, *, flags: int = frames.SYN
) -> bytes:
    """A TCP frame with right sums and four bytes of content."""
    tcp = bytearray(struct.pack("!HHIIBBHHH", port, target_port, 7, 9, 0x50, flags, 500, 0, 0))
    tcp += b"data"
    pseudo = source + target + struct.pack("!HH", 6, len(tcp))
    tcp[16:18] = (0xFFFF - _sum(pseudo + bytes(tcp))).to_bytes(2)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + source + target
    head = head[:10] + (0xFFFF - _sum(head)).to_bytes(2) + head[12:]
    return frames.mac_of(target) + frames.mac_of(source) + b"\x08\x00" + head + bytes(tcp)


def _sums_hold(frame: bytes) -> bool:
    pseudo = frame[26:34] + struct.pack("!HH", 6, len(frame) - 34)
    return _sum(frame[14:34]) == 0xFFFF and _sum(pseudo + frame[34:]) == 0xFFFF


class _World:
    """A frontend with two servers, and who of them is healthy."""

    def __init__(self, *healthy: int, direct: bool = False) -> None:
        self.healthy = set(healthy)
        self.frontend = Frontend(
            address=_FRONTEND,
            port=(80).to_bytes(2),
            backend_port=(80 if direct else 8080).to_bytes(2),
            direct=direct,
            pool=tuple(
                Backend(name=f"node{slot + 1}", slot=slot, address=address)
                for slot, address in enumerate(_NODES)
            ),
            idle_ns=240 * _SECOND,
            is_healthy=lambda slot: slot in self.healthy,
        )

    def send(self, port: int, flags: int = frames.SYN, now: int = 0) -> str | None:
        """Send a frame of the client; gives the server that gets it."""
        frame = _frame(_CLIENT, port, _FRONTEND, 80, flags=flags)
        forwarded = self.frontend.toward_server(frame, now)
        return None if forwarded is None else forwarded[1].name

    def answer(self, name: str, port: int, flags: int, now: int = 0) -> bytes | None:
        node = _NODES[int(name[-1]) - 1]
        frame = _frame(node, 8080, _CLIENT, port, flags=flags)
        return self.frontend.toward_client(frame, now)


def test_only_the_target_is_rewritten_and_the_sums_hold() -> None:
    frame = _frame(_CLIENT, 4000, _FRONTEND, 80)
    assert _sums_hold(frame)
    forwarded = _World(0).frontend.toward_server(frame, 0)
    assert forwarded is not None
    assert forwarded[0][26:38] == _CLIENT + _NODES[0] + struct.pack("!HH", 4000, 8080)
    assert forwarded[0][:12] == frames.mac_of(_NODES[0]) + frames.mac_of(_FRONTEND)
    assert _sums_hold(forwarded[0])


@pytest.mark.parametrize("port", [1, 4000, 32767, 65535])
def test_the_answer_seems_to_come_from_the_frontend(port: int) -> None:
    world = _World(0)
    world.send(port)
    back = world.answer("node1", port, frames.SYN | frames.ACK)
    assert back is not None
    assert back[26:38] == _FRONTEND + _CLIENT + struct.pack("!HH", 80, port)
    assert back[:6] == frames.mac_of(_CLIENT)
    assert _sums_hold(back)


def test_new_flows_are_spread_over_the_healthy_and_only_those() -> None:
    world = _World(0, 1)
    spread = [world.send(port) for port in range(1000, 1200)]
    assert 60 < spread.count("node1") < 140
    world.healthy = {1}
    assert {world.send(port) for port in range(1200, 1300)} == {"node2"}


def test_a_new_flow_is_dropped_when_nobody_is_healthy() -> None:
    assert _World().send(4000) is None


def test_an_established_flow_stays_when_its_server_turns_unhealthy() -> None:
    world = _World(0)
    world.send(4000)
    world.answer("node1", 4000, frames.SYN | frames.ACK)
    world.healthy = {1}
    assert world.send(4000, frames.ACK) == "node1"
    assert world.send(4000, frames.SYN) == "node1"


def test_a_flow_that_was_never_answered_moves_with_its_next_syn() -> None:
    world = _World(0)
    world.send(4000)
    world.healthy = {1}
    assert world.send(4000) == "node2"


@pytest.mark.parametrize("ends", [[("c", frames.FIN), ("s", frames.FIN)], [("s", frames.RST)]])
def test_the_ports_of_an_ended_flow_make_a_new_one(ends: list[tuple[str, int]]) -> None:
    world = _World(0)
    world.send(4000)
    world.answer("node1", 4000, frames.SYN | frames.ACK)
    for side, flag in ends:
        if side == "c":
            world.send(4000, flag | frames.ACK)
        else:
            world.answer("node1", 4000, flag | frames.ACK)
    world.healthy = {1}
    assert world.send(4000, frames.ACK) == "node1"  # the last acknowledgement of the old one
    assert world.send(4000) == "node2"


def test_a_flow_closed_on_one_side_stays() -> None:
    world = _World(0)
    world.send(4000)
    world.answer("node1", 4000, frames.SYN | frames.ACK)
    world.send(4000, frames.FIN | frames.ACK)
    world.healthy = {1}
    assert world.send(4000) == "node1"


def test_what_belongs_to_no_flow_is_dropped_and_what_is_none_of_ours_passes() -> None:
    world = _World(0)
    assert world.send(4000, frames.ACK) is None
    assert world.frontend.toward_server(_frame(_CLIENT, 1, _FRONTEND, 81), 0) is None
    assert world.answer("node1", 4000, frames.ACK) is None


def test_a_server_does_not_reach_itself_through_its_frontend() -> None:
    frame = _frame(_NODES[0], 4000, _FRONTEND, 80)
    assert _World(0).frontend.toward_server(frame, 0) is None
    assert _World(1).frontend.toward_server(frame, 0) is not None


def test_with_direct_server_return_a_frame_goes_on_as_it_is() -> None:
    frame = _frame(_CLIENT, 4000, _FRONTEND, 80)
    forwarded = _World(0, direct=True).frontend.toward_server(frame, 0)
    assert forwarded is not None
    assert forwarded[0][:12] == frames.mac_of(_NODES[0]) + frames.mac_of(_FRONTEND)
    assert forwarded[0][12:] == frame[12:]


def test_the_servers_own_answer_is_none_of_the_balancers() -> None:
    world = _World(0, direct=True)
    world.send(4000)
    answer = _frame(_FRONTEND, 80, _CLIENT, 4000, flags=frames.SYN | frames.ACK)
    assert world.frontend.toward_client(answer, 0) is None


def test_an_acknowledged_flow_stays_although_its_answers_were_not_seen() -> None:
    world = _World(0, direct=True)
    world.send(4000)
    world.send(4000, frames.ACK)
    world.healthy = {1}
    assert world.send(4000, frames.ACK) == "node1"
    assert world.send(4000) == "node1"


def test_a_client_that_closes_ends_a_flow_whose_other_half_is_not_seen() -> None:
    world = _World(0, direct=True)
    world.send(4000)
    world.send(4000, frames.FIN | frames.ACK)
    world.healthy = {1}
    assert world.send(4000, frames.ACK) == "node1"
    assert world.send(4000) == "node2"


def test_a_direct_flow_without_an_acknowledgement_moves_with_its_next_syn() -> None:
    world = _World(0, direct=True)
    world.send(4000)
    world.healthy = {1}
    assert world.send(4000) == "node2"


def test_flows_are_forgotten_when_idle_and_soon_when_ended() -> None:
    world = _World(0)
    world.send(1)
    world.send(2)
    world.answer("node1", 2, frames.RST)
    world.send(3, now=10 * _SECOND)
    assert world.frontend.flows == 2
    world.send(4, now=241 * _SECOND)
    assert world.frontend.flows == 2


@pytest.mark.parametrize("length", [0, 14, 33, 53])
def test_a_short_frame_is_no_tcp(length: int) -> None:
    assert not frames.is_tcp(_frame(_CLIENT, 4000, _FRONTEND, 80)[:length])


def test_a_fragment_is_no_tcp() -> None:
    frame = bytearray(_frame(_CLIENT, 4000, _FRONTEND, 80))
    frame[20:22] = b"\x20\x00"
    assert not frames.is_tcp(bytes(frame))


def test_arp_is_answered_for_others_and_never_for_a_probe_or_an_announcement() -> None:
    asker = frames.mac_of(_CLIENT)
    question = b"\xff" * 6 + asker + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" + asker
    ask = question + _CLIENT + bytes(6) + _NODES[0]
    assert frames.arp_wanted(ask) == _NODES[0]
    answer = frames.arp_answer(ask, frames.mac_of(_NODES[0]))
    assert answer[:12] == asker + frames.mac_of(_NODES[0])
    assert answer[20:42] == b"\x00\x02" + frames.mac_of(_NODES[0]) + _NODES[0] + asker + _CLIENT
    assert frames.arp_wanted(question + bytes(4) + bytes(6) + _NODES[0]) is None
    assert frames.arp_wanted(question + _CLIENT + bytes(6) + _CLIENT) is None
    assert frames.arp_wanted(ask[:41]) is None
