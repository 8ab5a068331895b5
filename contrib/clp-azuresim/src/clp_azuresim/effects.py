"""A change takes effect at once, late, or never: what an answer promises and Azure does not do."""

import asyncio
from collections.abc import Callable

from clp_azuresim.faults import Fault, Wrong


def take_effect(change: Callable[[], object], fault: Fault | None) -> None:
    """Make a change as the fault of its request wants it."""
    if fault is not None and fault.wrong is Wrong.LATE:
        asyncio.get_running_loop().call_later(fault.seconds, change)
    elif fault is None or fault.wrong is not Wrong.FORGET:
        change()
