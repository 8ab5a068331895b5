"""The terminal: colours, width, and a part of it that is drawn anew in place."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Self, TextIO

_RED, _GREEN, _YELLOW, _DIM, _BOLD = "31", "32", "33", "2", "1"
_OF_STATE: Final[Mapping[str, str]] = {
    "Online": _GREEN,
    "Normal": _GREEN,
    "guaranteed": _GREEN,
    "Offline": _DIM,
    "Unused": _DIM,
    "Online Pending": _YELLOW,
    "Offline Pending": _YELLOW,
    "Caution": _YELLOW,
    "Suspend": _YELLOW,
    "Unknown": _YELLOW,
    "not guaranteed": _YELLOW,
    "warning": _YELLOW,
    "Error": _RED,
    "Online Failure": _RED,
    "Offline Failure": _RED,
    "error": _RED,
}


_CLOSING: Final = "、。）」』】,.;:)]}> "  # what no line begins with  # noqa: RUF001 - as it is written


class Paint:
    """Adds colours, or not."""

    def __init__(self, *, colours: bool) -> None:
        self.colours = colours

    def state(self, word: str, width: int = 0) -> str:
        """Give a state or severity in its colour, padded to *width* cells."""
        return self._in(_OF_STATE.get(word.strip(), ""), word) + " " * (width - len(word))

    def quiet(self, text: str) -> str:
        """Give what is read second."""
        return self._in(_DIM, text)

    def loud(self, text: str) -> str:
        """Give what is read first."""
        return self._in(_BOLD, text)

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and colour and text else text


def paint_for(stream: TextIO) -> Paint:
    """Give the paint that fits: colours on a terminal, unless NO_COLOR or TERM=dumb says no."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return Paint(colours=wanted and stream.isatty())


def size(stream: TextIO) -> os.terminal_size | None:
    """Give columns and lines of the terminal, or None where there is none."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return None
    return found if found.columns and found.lines else None


def cells(text: str) -> int:
    """Give how many cells *text* takes on a terminal: a Japanese letter takes two, as a rule."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def crop(line: str, columns: int) -> str:
    """Give the line's first *columns* cells; colours take none, and end with the line."""
    shown, left, rest = "", columns, line
    while rest and left > 0:
        if rest[0] == "\x1b":
            code, _, rest = rest.partition("m")
            shown += f"{code}m"
        elif (wide := cells(rest[0])) > left:
            break
        else:
            shown, rest, left = shown + rest[0], rest[1:], left - wide
    return shown + "\x1b[0m" if "\x1b" in shown and rest else shown


class Frame:
    """Draws whole pages over one another on the terminal's second page.

    Leaving it brings back what stood there before and prints the last page below it. The page
    stays on the terminal, and the prompt under it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: Sequence[str] = ()

    def __enter__(self) -> Self:
        self._write("\x1b[?1049h\x1b[?25l\x1b[2J")
        return self

    def __exit__(self, *_: object) -> None:
        self._write("\x1b[?25h\x1b[?1049l" + "".join(f"{line}\n" for line in self._lines))

    def draw(self, lines: Sequence[str], foot: str) -> None:
        """Draw a page over the last one, cut to the terminal's size of now."""
        self._lines = lines
        there = size(self._stream) or os.terminal_size((80, 24))
        fit = [*lines[: there.lines - 1], foot]
        cut = (f"{crop(line, there.columns)}\x1b[K" for line in fit)
        self._write("\x1b[H" + "\n".join(cut) + "\x1b[J")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


@contextlib.contextmanager
def wakes() -> Iterator[int]:
    """Give a descriptor for ``select`` that can be read after a resize of the terminal.

    SIGTERM then ends the command as Ctrl-C does, so that the terminal is put in order.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGWINCH, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(reader)
        os.close(writer)


class Line:
    """One line on stderr that is drawn anew in place; nothing where that is no terminal."""

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.draw("")

    def draw(self, text: str) -> None:
        """Draw *text* over the last one."""
        if self.shown:
            there = size(sys.stderr) or os.terminal_size((80, 24))
            sys.stderr.write(f"\r{crop(text, there.columns - 1)}\x1b[K")
            sys.stderr.flush()


def wrap(text: str, indent: str, columns: int | None, hang: str = "") -> Iterable[str]:
    """Give *text* in lines that start with *indent*; one line where there is no terminal.

    From the second on they start with *hang*, too.

    Lines end at spaces, and, as nothing else is possible in Japanese, between two wide letters.
    """
    if columns is None or len(indent) + cells(text) < columns:
        return (indent + text,)
    width = max(columns - 1 - len(indent), 20)
    lines, line = [], ""
    for piece in _pieces(text):
        if line.strip() and cells(line + piece.rstrip()) > width:
            lines.append(indent + line.rstrip())
            line = hang
        line += piece
    return [*lines, indent + line.rstrip()]


def _pieces(text: str) -> Iterator[str]:
    """Cut *text* where a line may end: after spaces and wide letters."""
    piece = ""
    for letter, after in zip(text, [*text[1:], " "], strict=True):
        piece += letter
        if (letter == " " and after != " ") or (cells(letter) > 1 and after not in _CLOSING):
            yield piece
            piece = ""
    yield piece
