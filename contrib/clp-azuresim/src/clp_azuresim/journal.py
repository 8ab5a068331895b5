"""What was asked of the simulator, and what it answered; no secret ever gets here."""

import collections
import itertools
import time
from collections.abc import Iterator

import attrs

_KEPT = 10_000
# Whatever else a query has may be a signature.
_SAFE = frozenset({"api-version", "resource", "skipshutdown", "$expand", "expand", "monitor"})


@attrs.define(kw_only=True)
class Entry:
    """One request; `status` and `took` are None while it is not answered.

    Attributes:
        at: seconds of CLOCK_MONOTONIC.
        service: "arm", "entra", "imds" or "dns".
        who: the application by its name in the world, or the machine for IMDS; "" when unknown.
        fault: the fault that it met, in words.
        took: seconds.
    """

    number: int
    at: float
    service: str
    method: str
    path: str
    query: dict[str, str] = attrs.field(factory=dict)
    condition: str = ""
    who: str = ""
    status: int | None = None
    fault: str = ""
    took: float | None = None


class Journal:
    """The last ten thousand requests, oldest first."""

    def __init__(self) -> None:
        self._entries: collections.deque[Entry] = collections.deque(maxlen=_KEPT)
        self._numbers = itertools.count(1)

    def note(self, service: str, method: str, path: str, query: dict[str, str]) -> Entry:
        """Begin an entry; who answers fills in the rest."""
        safe = {name: value for name, value in query.items() if name.lower() in _SAFE}
        entry = Entry(
            number=next(self._numbers),
            at=time.monotonic(),
            service=service,
            method=method,
            path=path,
            query=safe,
        )
        self._entries.append(entry)
        return entry

    def since(self, number: int = 0) -> Iterator[Entry]:
        """Give the entries after that number."""
        return (entry for entry in tuple(self._entries) if entry.number > number)
