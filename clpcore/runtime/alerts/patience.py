"""A limit for the whole of a conversation: a peer that says a byte now and then is dead, too."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from clpcore.runtime.alerts.errors import Unsent


@contextlib.contextmanager
def limited(seconds: float, sock: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut the connection that *sock* gives then, when the block has taken so long.

    Raises:
        Unsent: it was cut.

    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        if (found := sock()) is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if late.is_set():
            raise Unsent(f"it was not done within {seconds:g} s") from error
        raise
    finally:
        timer.cancel()
