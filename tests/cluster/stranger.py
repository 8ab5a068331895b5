"""What a stranger on the network sends at a server; run in the client's namespace.

`stranger.py CAPTURE SECONDS`: garbage, truncated and changed frames and foreign packets to the
heartbeat and the order port, and every heartbeat and order in the capture file once more, as it
came, under its sender's own address.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TARGETS = ("10.5.0.110", "10.5.0.111")
HEARTBEATS, ORDERS = 29002, 29001
_UDP, _TCP = 17, 6
_IDLE = 100  # connections that say nothing

Packet = tuple[int, str, bytes, bytes]  # protocol, target, the whole packet, its content


def captured(file: Path) -> Iterator[Packet]:
    """Read the heartbeats and orders of a capture; its last frame may be half written."""
    data, offset = file.read_bytes(), 24
    while offset + 16 <= len(data):
        (size,) = struct.unpack_from("=I", data, offset + 8)
        packet = data[offset + 16 + 14 : offset + 16 + size]
        offset += 16 + size
        header = (packet[0] & 15) * 4 if packet else 0
        if not header or packet[9] not in {_UDP, _TCP} or len(packet) < header + 20:
            continue
        (port,) = struct.unpack_from(">H", packet, header + 2)
        head = 8 if packet[9] == _UDP else (packet[header + 12] >> 4) * 4
        if port in {HEARTBEATS, ORDERS} and len(packet) > header + head:
            yield packet[9], socket.inet_ntoa(packet[16:20]), packet, packet[header + head :]


def spoof(packets: list[Packet]) -> None:
    """Send heartbeats again as they were, their sender's address included."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for protocol, target, packet, _ in packets:
            if protocol == _UDP:
                raw.sendto(packet, (target, 0))


def heartbeats(heard: list[bytes], dice: random.Random) -> Iterator[bytes]:
    """Make datagrams that are no heartbeats, nearly ones, and old ones."""
    for content in heard:
        changed = bytearray(content)
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        yield from (content, bytes(changed), content[: dice.randrange(len(content))])
        yield dice.randbytes(dice.randrange(1, 1400))
        yield b"M-SEARCH * HTTP/1.1\r\n\r\n"


def order(target: str, content: bytes) -> None:
    """Say something on the order port and hang up."""
    with contextlib.suppress(OSError), socket.create_connection((target, ORDERS), 1) as line:
        line.sendall(content)
        line.settimeout(0.05)
        line.recv(4096)


def main(capture: Path, seconds: float) -> None:
    dice = random.Random(1)  # noqa: S311 - to be the same each time
    packets = list(captured(capture))
    heard = [content for protocol, *_, content in packets if protocol == _UDP][-50:]
    orders = [content for protocol, *_, content in packets if protocol == _TCP][:20]
    orders += [b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 4096, dice.randbytes(300), b""]
    until = time.monotonic() + seconds
    with contextlib.ExitStack() as stack, socket.socket(type=socket.SOCK_DGRAM) as udp:
        for target in TARGETS * (_IDLE // 2):
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_connection((target, ORDERS), 1))
        while time.monotonic() < until:
            spoof(packets)
            for target in TARGETS:
                for datagram in heartbeats(heard, dice):
                    udp.sendto(datagram, (target, HEARTBEATS))
                order(target, dice.choice(orders))
    sys.stdout.write(f"{len(heard)} {len(orders)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
