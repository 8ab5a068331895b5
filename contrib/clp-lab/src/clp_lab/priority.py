"""Some of the lab must not wait for the servers it breaks."""

import contextlib
import os

_REALTIME = 1
_NICE = -15


def raise_own() -> str:
    """Let the caller run before ordinary processes; gives what was reached, for the status.

    The kernel keeps 5 % of each core from real-time processes, so a fault of ours stops nobody.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_REALTIME))
        return "real-time"
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        return f"nice {_NICE}"
    return "normal"
