"""Address and port as one text."""

from __future__ import annotations

import ipaddress
from typing import Final

_HIGHEST: Final = 65_535


def endpoint(text: str) -> tuple[str, int]:
    """Give address and port of ``127.0.0.1:29090`` or ``[::1]:29090``.

    Raises:
        ValueError: it is none; says why.

    """
    address, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 1 <= int(port) <= _HIGHEST:
        raise ValueError("it does not end in a colon and a port")
    if address.startswith("[") and address.endswith("]"):
        return str(ipaddress.IPv6Address(address[1:-1])), int(port)
    return str(ipaddress.IPv4Address(address)), int(port)
