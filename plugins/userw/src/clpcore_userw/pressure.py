"""How much the kernel says that processes wait for memory."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/proc/pressure/memory")
_NOT_KEPT: Final = {errno.ENOENT, errno.EOPNOTSUPP}  # a kernel without; one started without


def memory(file: Path = MEMORY) -> float | None:
    """Give the share of the last minute, in percent, in which no process could go on for memory.

    None: this kernel does not keep it.

    Raises:
        OSError: it cannot be read.
        ValueError: what stands there is not what kernels write.

    """
    try:
        text = file.read_text()
    except OSError as error:
        if error.errno in _NOT_KEPT:
            return None
        raise
    for line in text.splitlines():
        word, *figures = line.split()
        if word == "full":
            return float(dict(figure.split("=") for figure in figures)["avg60"])
    raise ValueError(f"{file} has no line that begins with full")
