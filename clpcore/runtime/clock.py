"""Time of day, time since boot, and which boot it is."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Final

_KERNEL: Final = Path("/proc/sys/kernel/random/boot_id")
_MS: Final = 1_000_000


def now() -> int:
    """Give milliseconds since boot, suspended time included: a lease must not outlive a pause."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _MS


def wall() -> int:
    """Give milliseconds since 1970, for people; it may jump."""
    return time.time_ns() // _MS


def boot_id(lab: Path | None = None) -> str:
    """Give the id of this boot of the machine, or of the lab's server if its file is there."""
    if lab is not None and lab.exists():
        return lab.read_text().strip()
    return _kernels_boot_id()


@functools.cache
def _kernels_boot_id() -> str:
    return _KERNEL.read_text().strip()
