"""The terminal: colours, cutting, and the live view on a real one."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clpcore.ctl.document import Status
from clpcore.ctl.page import page
from clpcore.ctl.screen import Paint, cells, crop, paint_for, wrap

Document = dict[str, Any]

_CLP = Path(sys.executable).with_name("clp")


@pytest.mark.parametrize(
    ("line", "columns", "cut"),
    [
        ("failover1", 20, "failover1"),
        ("failover1", 4, "fail"),
        ("a\x1b[31mred\x1b[0mz", 2, "a\x1b[31mr\x1b[0m"),
        ("a\x1b[31mred\x1b[0m", 4, "a\x1b[31mred\x1b[0m"),
        ("", 4, ""),
    ],
)
def test_crop_counts_cells_and_ends_colours(line: str, columns: int, cut: str) -> None:
    assert crop(line, columns).removesuffix("\x1b[0m") == cut.removesuffix("\x1b[0m")
    assert ("\x1b[31m" in crop(line, columns)) == crop(line, columns).endswith("\x1b[0m")


def test_wrap_keeps_the_indent_and_never_cuts_without_a_terminal() -> None:
    assert list(wrap("one two three", "    ", 30)) == ["    one two three"]
    assert list(wrap("one two three four five six", "  ", 23)) == [
        "  one two three four",
        "  five six",
    ]
    assert list(wrap("one two three", "  ", None)) == ["  one two three"]


@pytest.mark.parametrize("columns", [60, 80])
def test_a_page_with_troubles_fits_the_terminal_and_has_its_head_first(
    status: Status, columns: int
) -> None:
    status["exclusive"] = "not guaranteed"
    status["phase"] = "leaving"
    lasting: Document = {
        "key": "rc92",
        "args": {"group": "failover1", "server": "node2", "where": "node1"},
    }
    full: Document = {
        "key": "pm500",
        "args": {"path": "/var/lib/clpcore/store.db", "reason": "no space"},
    }
    status["troubles"] = [{**lasting, "since": 1_795_000_000_000}, full]  # type: ignore[list-item, typeddict-item]
    lines = page(status, Paint(colours=False), columns)
    assert max(map(len, lines)) < columns
    heads = [line for line in lines if not line.startswith(" ")]
    assert [line.split()[0] for line in heads] == [
        *("Cluster", "<trouble>", "<server>", "<group>", "<monitor>"),
    ]
    begin = lines.index("<trouble>")
    assert any("exclusive" in line for line in lines[:begin])
    assert any("node1            view 3" in line or "view 3" in line for line in lines[:begin])
    troubles = lines[begin + 1 : lines.index("<server>")]
    starts = [line for line in troubles if not line.startswith("    ")]
    assert len(starts) == 2  # what goes on below is set off


def test_a_japanese_letter_takes_two_cells() -> None:
    assert cells("サーバ node1 (か\u3099)") == 17
    assert crop("サーバ", 5) == "サー"
    said = "サーバ node1 は応答がありません (時間切れ)。電源を確認してください: clp why node1"
    lines = list(wrap(said, "  ", 24))
    assert max(map(cells, lines)) < 24
    assert not any(line.strip()[0] in "、。)" for line in lines)
    assert "".join(line[2:] for line in lines).replace(" ", "") == said.replace(" ", "")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colours"),
    [
        (_Terminal(), {"TERM": "xterm"}, True),
        (_Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (_Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (_Terminal(), {"TERM": "dumb"}, False),
        (_Terminal(), {}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colours_only_where_they_are_seen(
    *,
    stream: io.StringIO,
    environment: dict[str, str],
    colours: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert paint_for(stream).colours is colours


def test_colours_change_no_width(status: Status) -> None:
    plain, coloured = (page(status, Paint(colours=colours)) for colours in (False, True))
    assert plain != coloured
    assert [crop(line, 500) for line in plain] == [_bare(line) for line in coloured]


def _bare(line: str) -> str:
    parts = line.split("\x1b")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


# -- on a real terminal


class Screen:
    """A terminal with `clp` on it."""

    def __init__(self, *words: str) -> None:
        self.master, slave = os.openpty()
        self.resize(24, 80)
        environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [_CLP, *words], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        self.text = ""

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, holds: Callable[[str], bool]) -> None:
        """Read until what came since the last call holds."""
        since, deadline = len(self.text), time.monotonic() + 10
        while not holds(self.text[since:]):
            ready = select.select([self.master], [], [], deadline - time.monotonic())[0]
            assert ready, f"only this came: {self.text[since:]!r}"
            self.text += os.read(self.master, 65_536).decode()

    def pages_within(self, seconds: float) -> int:
        """Count the pages that are drawn in this time."""
        since, until = len(self.text), time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                self.text += os.read(self.master, 65_536).decode()
        return self.text[since:].count("\x1b[H")

    def end(self) -> int:
        """Give the exit code, having read the rest."""
        with contextlib.suppress(OSError):  # EIO: nobody has the other side any more
            while data := os.read(self.master, 65_536):
                self.text += data.decode()
        os.close(self.master)
        return self.process.wait(10)


@pytest.fixture
def told(answers: Document, status: Document) -> Iterator[queue.Queue[Document]]:
    """What is put here goes to each one that watches."""
    replies: queue.Queue[Document] = queue.Queue()

    def watch(_: Document) -> Iterator[Document]:
        yield {"ok": True, "status": status}
        while "hang" not in (reply := replies.get(timeout=15)):
            yield reply
            if "leave" in reply:
                return

    answers |= {"status": [{"ok": True, "status": status}], "watch": watch}
    yield replies
    replies.put({"hang": True})


def test_the_live_view(told: queue.Queue[Document], status: Document) -> None:
    screen = Screen("status", "--watch")
    screen.until(lambda text: "\x1b[?1049h" in text and "Ctrl-C ends" in text)
    told.put({"ok": True, "status": {**status, "leader": "node2"}})
    screen.until(lambda text: "leader          : node2" in text)
    screen.resize(6, 30)
    screen.process.send_signal(signal.SIGWINCH)
    screen.until(
        lambda text: text.endswith("\x1b[J") and text.rpartition("\x1b[H")[2].count("\n") == 5
    )
    assert screen.pages_within(0.3) < 5  # a resize is one reason to draw, not one for ever
    screen.process.send_signal(signal.SIGINT)
    assert screen.end() == 0
    last = screen.text.rpartition("\x1b[?25h\x1b[?1049l")[2]
    assert last.startswith("Cluster : Cluster1\r\n")
    assert "leader          : node2" in last


def test_the_live_view_outlives_the_agent(told: queue.Queue[Document], status: Document) -> None:
    screen = Screen("status", "--watch")
    screen.until(lambda text: "Ctrl-C ends" in text)
    told.put({"leave": True})
    screen.until(lambda text: "looking for it again" in text)
    told.put({"ok": True, "status": {**status, "leader": "node2"}})
    screen.until(lambda text: "leader          : node2" in text)
    screen.process.send_signal(signal.SIGTERM)
    assert screen.end() == 0
    assert "\x1b[?25h\x1b[?1049l" in screen.text


def test_progress_while_a_group_moves(
    told: queue.Queue[Document], status: Document, answers: Document
) -> None:
    moved: queue.Queue[Document] = queue.Queue()
    answers["ask"] = lambda _: (moved.get(timeout=15) for _ in range(1))
    screen = Screen("group", "move", "failover1")
    resources = [{**one, "state": "Offline Pending"} for one in status["groups"][0]["resources"]]
    group = {**status["groups"][0], "state": "Offline Pending", "resources": resources}
    told.put({"ok": True, "status": {**status, "groups": [group]}})
    screen.until(lambda text: "failover1 Offline Pending on node1: exec1 Offline Pending" in text)
    moved.put({"ok": True, "request": "node1-1", "because": []})
    assert screen.end() == 0
    assert screen.text.rpartition("\x1b[K")[2].startswith("Group failover1 has moved (")
