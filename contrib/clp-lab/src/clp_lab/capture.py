"""The capture file: every frame on the switch, in pcap format with nanoseconds.

The switch writes records into a pipe and never waits; a process of its own takes them to the disk.
"""

import contextlib
import fcntl
import os
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PIPE_SIZE = 1 << 20
_MAGIC_NANOSECONDS, _ETHERNET, _SNAP = 0xA1B23C4D, 1, 65535
_SECOND = 1_000_000_000
_HEAD, _RECORD = struct.Struct("=IHHiIII"), struct.Struct("=IIII")


class Tape:
    """The switch's end of the pipe."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def record(self, frame: bytes) -> None:
        """Hand one frame on; when the disk is a megabyte behind, the frame is left out."""
        seconds, rest = divmod(time.time_ns(), _SECOND)
        header = _RECORD.pack(seconds, rest, len(frame), len(frame))
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
    _write(file, _HEAD.pack(_MAGIC_NANOSECONDS, 2, 4, 0, 0, _SNAP, _ETHERNET))
    while records := os.read(reading, _PIPE_SIZE):
        _write(file, records)


def _write(file: int, data: bytes) -> None:
    try:
        os.write(file, data)
    except OSError as error:
        sys.stderr.write(f"the capture file ends here: {error.strerror}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), file)


def read(file: Path) -> Iterator[bytes]:
    """Give the frames that a capture file has by now, in the order in which they went."""
    data = file.read_bytes()
    at = _HEAD.size
    while at + _RECORD.size <= len(data):
        *_, length = _RECORD.unpack_from(data, at)
        frame = data[at + _RECORD.size : at + _RECORD.size + length]
        if len(frame) < length:  # it is being written
            return
        yield frame
        at += _RECORD.size + length
