"""The kernel's tables of TCP sockets: does anybody listen?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from clpcore import api

_TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING: Final = "0A"


def somebody_listens(ports: api.Ports, address: str, port: int) -> bool:
    """Tell whether a socket listens on *port* of *address*; "" means any address.

    A look at the tables and not a connect: it also finds who listens on one address only, and
    opens no connection that somebody would have to answer.
    """
    wanted = _spellings(address)
    return any(
        number == port and (not wanted or set(host) == {"0"} or host in wanted)
        for host, number in _listening(ports)
    )


def _listening(ports: api.Ports) -> Iterator[tuple[str, int]]:
    """Give address, as the kernel writes it, and port of every listening socket.

    Raises:
        Failed: a table is none.

    """
    for table in _TABLES:
        for line in (ports.read(table) or "").splitlines()[1:]:
            try:
                _, local, _, state, *_ = line.split()
                host, _, number = local.partition(":")
                port = int(number, 16)
            except ValueError:
                raise api.Failed(f"{table} is no table of sockets: {line!r:.80}") from None
            if state == _LISTENING:
                yield host, port


def _spellings(address: str) -> set[str]:
    """Give an address as the kernel writes it: words of 32 bits, each in the machine's order."""
    if not address:
        return set()
    ip = ipaddress.ip_address(address)
    same = {ip.packed}
    if isinstance(ip, ipaddress.IPv4Address):
        same.add(ipaddress.IPv6Address(f"::ffff:{ip}").packed)
    return {
        b"".join(packed[i : i + 4][::-1] for i in range(0, len(packed), 4)).hex().upper()
        for packed in same
    }
