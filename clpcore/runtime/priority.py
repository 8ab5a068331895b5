"""Keeps the agent awake on a machine in trouble: real-time class, locked memory, no OOM kill.

Each of these may be refused (no root, a container); the agent then runs without and says so.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from pathlib import Path
from typing import Final

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_NICE: Final = -15
_SWITCH: Final = 0.001  # seconds that another thread of ours may make the loop wait
# A large first generation: a young collection then costs under a millisecond and is rare, and
# what was frozen is never visited.
_GC_THRESHOLDS: Final = (20_000, 20, 50)


def shield() -> dict[str, str]:
    """Shield this process; give what was granted, by name, for people.

    Children get none of it: call this after the template was forked, and see the flag below.
    """
    sys.setswitchinterval(_SWITCH)
    return {
        "scheduling": raise_thread(),
        "memory": _lock_memory(),
        "out of memory": _refuse_oom_kill(),
    }


def raise_thread() -> str:
    """Raise the calling thread; every thread of the agent does it.

    A thread that is left behind would hold the interpreter's lock while others of the machine
    run, and the loop would wait for it.
    """
    parameters = os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
    # RESET_ON_FORK: no child, and so no service, inherits a real-time class.
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, parameters)
    except OSError:
        return _raise_nice()
    return "SCHED_RR"


def _raise_nice() -> str:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except OSError as error:
        return f"normal ({error.strerror})"
    return f"nice {_NICE}"


def _lock_memory() -> str:
    """Keep what is in memory there, and each page that comes later once it is touched."""
    try:
        # Under a limit the lock would succeed now, and a later allocation fail because of it.
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY,) * 2)
    except (OSError, ValueError):
        return "not locked (RLIMIT_MEMLOCK)"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        return f"not locked ({os.strerror(ctypes.get_errno())})"
    return "locked"


def _refuse_oom_kill() -> str:
    try:
        Path("/proc/self/oom_score_adj").write_text("-999")
    except OSError as error:
        return f"killed like others ({error.strerror})"
    return "killed last"


def settle_garbage() -> None:
    """Take all that lives now out of the collector's sight, and make it look rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
