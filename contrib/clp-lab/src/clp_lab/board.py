"""One shared page that every process of the lab reads: who is alive, connected and healthy.

A fault must take effect in the same moment for the switch, the auditor and the keeper; a byte in
shared memory does that, a message does not. Each field has one writer at a time.
"""

import mmap
import struct

_SLOT = 32
_LIVE, _CABLE, _HEALTHY, _PID, _SINCE = 0, 1, 2, 4, 8


class Board:
    """State bytes of every place, indexed by its slot; shared with all processes forked later."""

    def __init__(self, slots: int) -> None:
        self._page = mmap.mmap(-1, slots * _SLOT)

    def is_live(self, slot: int) -> bool:
        """Tell whether the place runs: it has a life and is not paused."""
        return self._page[slot * _SLOT + _LIVE] != 0

    def set_live(self, slot: int, *, live: bool) -> None:
        """Let a place run, or cut everything that goes to it or comes from it."""
        self._page[slot * _SLOT + _LIVE] = live

    def has_cable(self, slot: int) -> bool:
        """Tell whether the port of the place is up."""
        return self._page[slot * _SLOT + _CABLE] != 0

    def set_cable(self, slot: int, *, plugged: bool) -> None:
        """Plug the cable of a place in or out; it stays so over its lives."""
        self._page[slot * _SLOT + _CABLE] = plugged

    def is_reachable(self, slot: int) -> bool:
        """Tell whether frames may enter and leave the place."""
        at = slot * _SLOT
        return self._page[at : at + 2] == b"\x01\x01"

    def pid(self, slot: int) -> int:
        """Give the process id of the place's PID 1 as the machine counts, 0 without a life."""
        return int(struct.unpack_from("=i", self._page, slot * _SLOT + _PID)[0])

    def set_pid(self, slot: int, pid: int) -> None:
        """Note the PID 1 of the present life."""
        struct.pack_into("=i", self._page, slot * _SLOT + _PID, pid)

    def is_healthy(self, slot: int) -> bool:
        """Tell what the load balancer's probe says of the place."""
        return self._page[slot * _SLOT + _HEALTHY] != 0

    def healthy_since(self, slot: int) -> int:
        """Give the monotonic nanosecond of the last change of health, 0 before the first."""
        return int(struct.unpack_from("=q", self._page, slot * _SLOT + _SINCE)[0])

    def set_healthy(self, slot: int, *, healthy: bool, at: int) -> None:
        """Write the load balancer's verdict, reached at monotonic nanosecond `at`."""
        struct.pack_into("=q", self._page, slot * _SLOT + _SINCE, at)
        self._page[slot * _SLOT + _HEALTHY] = healthy
