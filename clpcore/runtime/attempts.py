"""Opens what others need, again and again until it works, and says so once."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Final

from clpcore import messages
from clpcore.runtime.troubles import Troubles

_AGAIN: Final = 1.0  # seconds


async def open_at_last(
    what: str, attempt: Callable[[], Awaitable[None]], troubles: Troubles
) -> None:
    """Attempt until no OSError comes; *what* names it to people."""
    while True:
        try:
            await attempt()
        except OSError as error:
            reason = why(error)
            troubles.begin(what, messages.because("pm504", what=what, reason=reason))
            await asyncio.sleep(_AGAIN)
        else:
            troubles.end(what, messages.because("pm505", what=what))
            return


def why(error: OSError) -> str:
    """Give the words for what cannot be opened."""
    if error.errno == errno.EADDRINUSE:
        return "another program uses it"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have the address (yet)"
    return error.strerror or str(error)
