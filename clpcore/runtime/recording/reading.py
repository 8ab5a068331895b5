"""Reads segments from wherever they were brought; every byte of them may be hostile."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, TypeVar

from clpcore.model.config import ClusterConfig
from clpcore.model.state import ClusterState
from clpcore.runtime.recording.lines import FORMAT, MAGIC, Heading, Turned
from clpcore.wire import values

T = TypeVar("T")

_PIECE: Final = 1024 * 1024  # bytes that are unpacked at a time
_LONGEST: Final = 32 * 1024 * 1024  # bytes of a line: the state of 32 servers and 512 groups fits
_UNPACKED: Final = 1024 * 1024 * 1024  # bytes of a segment; the ratio at rest is 1 to 20


class UnplayableError(Exception):
    """A segment, or the rest of it, cannot be read; says why."""


class Segment:
    """A segment that is read as it is played.

    Attributes:
        heading: how it begins.
        config: without the settings that only drivers read.
        state: from which the first input was decided on.
        same: this version reads all that is written of configuration and state; else what it
            decides may differ because it knows less.

    """

    def __init__(self, file: BinaryIO) -> None:
        """Read all but the inputs.

        Raises:
            UnplayableError: it is none, of another format, or damaged.

        """
        self._lines = Lines(file)
        self.heading = _heading(self._lines)
        texts = self._lines.first(), self._lines.first()
        by = f"that clpcore {self.heading.version} recorded"
        self.config = _read(texts[0], ClusterConfig, f"the configuration {by}")
        self.state = _read(texts[1], ClusterState, f"the state {by}")
        again = values.to_json(self.config), values.to_json(self.state)
        self.same = all(json.loads(a) == json.loads(b) for a, b in zip(texts, again, strict=True))

    def turned(self) -> Iterator[Turned]:
        """Give the inputs in order, each with what was decided.

        Raises:
            UnplayableError: the rest is damaged.

        """
        for count, text in enumerate(self._lines, start=1):
            yield _read(text, Turned, f"input {count}")

    @property
    def complete(self) -> bool:
        """Tell, after the last of ``turned``, whether its end is there, too."""
        return self._lines.complete


def heading(file: BinaryIO) -> Heading:
    """Read how a segment begins, and no more.

    Raises:
        UnplayableError: it is none, or of another format.

    """
    return _heading(Lines(file))


class Lines:
    """The whole lines of a segment; a last one that was cut off is left out.

    *complete*: after the last one, whether its end is there, too.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Take a file that begins as a segment does; reading raises UnplayableError."""
        _check_format(file)
        self.complete = False
        self._texts = self._unpack(file)

    def __iter__(self) -> Iterator[str]:
        """Give those that were not yet given."""
        return self._texts

    def first(self) -> str:
        """Give the next one, which must be there."""
        text = next(self._texts, None)
        if text is None:
            raise UnplayableError("it was cut off before its first input")
        return text

    def _unpack(self, file: BinaryIO) -> Iterator[str]:
        unpack, rest, size = zlib.decompressobj(), b"", 0
        while not unpack.eof and (data := unpack.unconsumed_tail or file.read(_PIECE)):
            try:
                piece = unpack.decompress(data, _PIECE)
            except zlib.error as error:
                raise UnplayableError(f"it is damaged: {error}") from None
            size += len(piece)
            *whole, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST or size > _UNPACKED:
                raise UnplayableError("it unpacks to more than any recording holds")
            for line in whole:
                yield _decoded(line)
        self.complete = unpack.eof


def _heading(lines: Lines) -> Heading:
    return _read(lines.first(), Heading, "its heading")


def _check_format(file: BinaryIO) -> None:
    first = file.readline(len(MAGIC) + 12)
    number = first.removeprefix(MAGIC).strip()
    if not first.startswith(MAGIC) or not first.endswith(b"\n") or not number.isdigit():
        raise UnplayableError("it does not begin as a recording does")
    if int(number) != FORMAT:
        raise UnplayableError(
            f"it has format {int(number)}, and this clpcore reads {FORMAT}: play it with the "
            "version that recorded it"
        )


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise UnplayableError("it is damaged: a line is no text") from None


def _read(text: str, kind: type[T], what: str) -> T:
    try:
        return values.from_json(text, kind)
    except values.Unreadable as why:
        raise UnplayableError(f"{what} cannot be read here: {str(why)[:300]}") from None
