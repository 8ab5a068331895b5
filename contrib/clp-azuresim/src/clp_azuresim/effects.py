"""A change takes effect at once, late, or never: what an answer promises and Azure does not do."""

import asyncio
from collections.abc import Callable

from clp_azuresim.faults import Fault, Wrong


def take_effect(change: Callable[[], object], fault: Fault | None) -> None:
    """Make a change as the fault of its request wants it."""
    match fault.wrong if fault else None:
        case Wrong.FORGET:
            return
        case Wrong.LATE:
            assert fault is not None  # noqa: S101 - it was matched
            asyncio.get_running_loop().call_later(fault.seconds, change)
        case _:
            change()
