"""Every byte of a segment may be wrong: it is played as far as it is one, or refused with why."""

from __future__ import annotations

import contextlib
import io
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore.runtime.recording import reading, ring
from clpcore.runtime.recording.lines import MAGIC
from clpcore.runtime.recording.reading import Segment, UnplayableError

Record = Callable[..., Path]

_BEGIN = b"%s1\n" % MAGIC
_SCENARIO = ("boot node1 node2", "run 3 s")


@pytest.fixture
def data(record: Record) -> bytes:
    (file,) = ring.segments(record(_SCENARIO))
    return file.read_bytes()


def _lines(data: bytes) -> list[bytes]:
    return zlib.decompress(data.removeprefix(_BEGIN)).splitlines()


def _packed(lines: list[bytes]) -> bytes:
    return _BEGIN + zlib.compress(b"\n".join([*lines, b""]))


def _read(data: bytes) -> tuple[int, bool]:
    segment = Segment(io.BytesIO(data))
    return len(list(segment.turned())), segment.complete


def _why(data: bytes) -> str:
    with pytest.raises(UnplayableError) as caught:
        _read(data)
    return str(caught.value)


def test_what_was_cut_off_is_read_as_far_as_it_goes(data: bytes) -> None:
    whole, complete = _read(data)
    assert complete
    counts = []
    for size in range(len(data) - 1, 0, -101):
        try:
            count, complete = _read(data[:size])
        except UnplayableError:
            break  # not even the state is whole
        assert not complete
        counts.append(count)
    assert counts == sorted(counts, reverse=True)
    assert whole >= counts[0] > counts[-1]


def test_a_last_line_that_is_half_is_left_out(data: bytes) -> None:
    whole, _ = _read(data)
    pack = zlib.compressobj()
    text = b"\n".join(_lines(data))[:-10]
    assert _read(_BEGIN + pack.compress(text) + pack.flush(zlib.Z_SYNC_FLUSH)) == (whole - 1, False)


def test_no_wrong_byte_does_more_than_end_it(data: bytes) -> None:
    dice = random.Random(7)  # noqa: S311 - dice, no secret
    for _ in range(60):
        wrong = bytearray(data)
        wrong[dice.randrange(len(wrong))] ^= 1 << dice.randrange(8)
        with contextlib.suppress(UnplayableError):
            _read(bytes(wrong))


def test_a_wrong_value_names_its_input(data: bytes) -> None:
    lines = _lines(data)
    lines[5] = b'{"taken": {"is": "Tick", "now": "12"}}'
    assert _why(_packed(lines)).startswith("input 3 cannot be read here: ")
    lines[5] = b"[" * 100_000
    assert "nested too deep" in _why(_packed(lines))
    lines[5] = b"\xff"
    assert "no text" in _why(_packed(lines))


def test_another_format_names_both(data: bytes) -> None:
    assert "format 2" in _why(data.replace(_BEGIN, MAGIC + b"2\n", 1))
    assert "begin" in _why(b"\x7fELF" + data)
    assert "begin" in _why(b"")


def test_what_another_version_knows_more_is_noticed(data: bytes) -> None:
    lines = _lines(data)
    assert Segment(io.BytesIO(data)).same
    state = json.loads(lines[2])
    state["mood"] = "good"
    assert not Segment(io.BytesIO(_packed([*lines[:2], json.dumps(state).encode()]))).same
    del state["mood"], state["peers"]
    lines[0] = json.dumps({**json.loads(lines[0]), "version": "9.1"}).encode()
    lines[2] = json.dumps(state).encode()
    why = _why(_packed(lines))
    assert why.startswith("the state that clpcore 9.1 recorded cannot be read here: ")
    assert "'peers' is missing" in why


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LONGEST", 3_000_000)
    monkeypatch.setattr(reading, "_PIECE", 100_000)
    assert "more than any" in _why(_BEGIN + zlib.compress(b"x" * 50_000_000))
