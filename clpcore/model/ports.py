"""The port numbers: the product's, so that firewall rules survive (clusterpro.md 1)."""

from __future__ import annotations

from typing import Final

ORDERS_TCP: Final = 29001
HEARTBEAT_UDP: Final = 29002
