"""The capture file: every frame on the switch, in pcap format with nanoseconds.

The switch writes records into a pipe and never waits; a process of its own takes them to the disk.
"""

import contextlib
import fcntl
import os
import struct
import sys
import time

_PIPE_SIZE = 1 << 20
_MAGIC_NANOSECONDS, _ETHERNET, _SNAP = 0xA1B23C4D, 1, 65535
_SECOND = 1_000_000_000


class Tape:
    """The switch's end of the pipe."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def record(self, frame: bytes) -> None:
        """Hand one frame on; when the disk is a megabyte behind, the frame is left out."""
        seconds, rest = divmod(time.time_ns(), _SECOND)
        header = struct.pack("=IIII", seconds, rest, len(frame), len(frame))
        with contextlib.suppress(BlockingIOError):
            os.write(self.fd, header + frame)  # below PIPE_BUF: whole or not at all


def make_pipe() -> tuple[int, int]:
    """Give the reading and the writing end."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writing, False)
    with contextlib.suppress(PermissionError):  # the user's pipes are many already: a small one
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return reading, writing


def write_file(reading: int, file: int) -> None:
    """Copy the pipe to the capture file until the switch ends; a full disk ends only the file."""
    _write(file, struct.pack("=IHHiIII", _MAGIC_NANOSECONDS, 2, 4, 0, 0, _SNAP, _ETHERNET))
    while records := os.read(reading, _PIPE_SIZE):
        _write(file, records)


def _write(file: int, data: bytes) -> None:
    try:
        os.write(file, data)
    except OSError as error:
        sys.stderr.write(f"the capture file ends here: {error.strerror}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), file)
