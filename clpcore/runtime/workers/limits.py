"""Resource limits that hold for a worker, and not for what it starts."""

from __future__ import annotations

import resource
from typing import Final

import attrs

ADDRESS_SPACE: Final = 2 << 30  # bytes; a driver that leaks in one call meets MemoryError
OPEN_FILES: Final = 4_096  # many calls at once need many
_TIGHTENED: Final = {resource.RLIMIT_AS: ADDRESS_SPACE, resource.RLIMIT_NOFILE: OPEN_FILES}


@attrs.frozen
class Limits:
    """The soft limits as they were, by the kernel's numbers."""

    soft: tuple[tuple[int, int], ...] = ()

    @classmethod
    def tighten(cls) -> Limits:
        """Set this process's own limits; give those that were, for its children."""
        before = tuple((kind, resource.getrlimit(kind)[0]) for kind in _TIGHTENED)
        for kind, wanted in _TIGHTENED.items():
            _set_soft(kind, wanted)
        return cls(before)

    def restore(self) -> None:
        """Set the limits as they were; for a child, before it becomes a program."""
        for kind, soft in self.soft:
            _set_soft(kind, soft)


def _set_soft(kind: int, wanted: int) -> None:
    hard = resource.getrlimit(kind)[1]
    fits = hard == resource.RLIM_INFINITY or 0 <= wanted <= hard
    resource.setrlimit(kind, (wanted if fits else hard, hard))
