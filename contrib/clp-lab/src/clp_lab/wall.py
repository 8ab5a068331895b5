"""`clp` under a wall clock that can be set: `python -m clp_lab.wall FILE agent` for `clp agent`.

FILE holds by how many nanoseconds the clock is wrong, as eight bytes; `set_wrong` changes them
while the process runs. Only Python's own words for the wall clock are changed, in this process and
its children by fork; the machine's clock is not touched.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

_NUMBER = struct.Struct("=q")


def set_wrong(file: Path, nanoseconds: int) -> None:
    """Let the wall clock of who reads *file* be wrong by so much."""
    with file.open("r+b") as opened:
        opened.write(_NUMBER.pack(nanoseconds))


def _bend(file: Path) -> None:
    if not file.exists():
        file.write_bytes(_NUMBER.pack(0))
    with file.open("rb") as opened:
        page = mmap.mmap(opened.fileno(), _NUMBER.size, access=mmap.ACCESS_READ)
    true_ns = time.time_ns

    def time_ns() -> int:
        return true_ns() + int(_NUMBER.unpack_from(page)[0])

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


def main() -> int:
    """Bend the clock, and be `clp`."""
    from clpcore.ctl import main as clp  # noqa: PLC0415 - after the clock

    _bend(Path(sys.argv[1]))
    sys.argv = ["clp", *sys.argv[2:]]
    return int(clp.main() or 0)


if __name__ == "__main__":
    sys.exit(main())
