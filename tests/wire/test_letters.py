"""Bytes to messages: what an authentic but broken or newer peer may send."""

from __future__ import annotations

import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.messages import because
from clpcore.model.ids import Boot, View
from clpcore.model.ownership import Evidence, EvidenceKind, Record
from clpcore.model.peer import (
    AskPromise,
    AskReport,
    Beat,
    Bye,
    Challenge,
    Forward,
    Heard,
    Held,
    Letter,
    Promise,
    Records,
    Report,
)
from clpcore.model.questions import AnswerPart, AskStatus, TakeNotice
from clpcore.model.requests import GroupMove, Request
from clpcore.model.revisions import (
    Abandon,
    About,
    Again,
    AskNote,
    AskPart,
    Commit,
    Committed,
    Dispatch,
    Finding,
    Note,
    Noted,
    Part,
    Prepare,
    Prepared,
    Revision,
    Waiting,
)
from clpcore.model.states import Phase
from clpcore.wire import letters
from clpcore.wire.datagram import MAX_PAYLOAD
from clpcore.wire.rejected import Reason, Rejected

BEAT = Beat(
    boot_id="7c5f1d53",
    phase=Phase.ONLINE,
    join=1,
    view=View(7, "node1", ("node1", "node2")),
    hears=(Heard("node2", 3, now=True),),
    held=(Held("failover1", 12),),
    report=4,
    fences=("node3",),
)
LETTERS: tuple[Letter, ...] = (
    AskReport(),
    AskPromise(7),
    Promise(Boot(3, "7c5f1d53"), 7),
    Report(
        version=2,
        base=0,
        groups=(),
        monitors=(),
        stopped=(Evidence("node3", 4, EvidenceKind.FENCED),),
    ),
    Bye(3),
    Challenge(("failover1",)),
    Records(Boot(3, "7c5f1d53"), (Record(group="failover1", epoch=12),)),
    Forward(Request(id="1", origin="node1", by="root", op=GroupMove("failover1", "node2"))),
)
_REVISION = Revision(3, "0f" * 32)
DISPATCHES: tuple[Dispatch, ...] = (
    Prepare(apply="node1-1", base="000002-0f0f0f0f0f0f", revision=_REVISION, about=About(by="me")),
    Prepared(apply="node1-1", findings=(Finding(what="There is no file /no."),)),
    Commit("node1-1", _REVISION.name),
    Committed("node1-1", because("cf36", server="node2", revision="x", reason="no space")),
    Again("node1-1"),
    Abandon("node1-1"),
    Note(apply="node1-1", coordinator="node1", waiting=(Waiting("failover1", "node2", 7),)),
    Noted("node1-1"),
    AskNote("node1-1"),
    AskPart(_REVISION.name, 196_608),
    Part(name=_REVISION.name, offset=0, revision=_REVISION, size=3, data="eHh4"),
    AskStatus("node1-0f-1"),
    TakeNotice(question="node1-0f-2", monitor="mrw1", category="NIC", clear=True),
    AnswerPart(question="node1-0f-1", number=0, count=1, text='{"ok": true}'),
)


def reason_of(decode: typing.Callable[[bytes], object], payload: bytes) -> tuple[Reason, str]:
    with pytest.raises(Rejected) as rejected:
        decode(payload)
    return rejected.value.reason, rejected.value.detail


def test_a_beat_comes_back() -> None:
    assert letters.decode_beat(letters.encode_beat(BEAT)) == BEAT


@pytest.mark.parametrize(
    "letter", [*LETTERS, *DISPATCHES], ids=lambda letter: type(letter).__name__
)
def test_a_letter_comes_back(letter: Letter | Dispatch) -> None:
    assert letters.decode_letter(letters.encode_letter(letter)) == letter


def test_every_kind_of_letter_is_named_in_its_bytes() -> None:
    assert letters.encode_letter(Bye(3)) == b'{"is":"Bye","boot":3}'


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe", "2 bytes that are no UTF-8"),
        (b'{"is":"Tomorrow"}', "is = 'Tomorrow' is none of Challenge, "),
        (b'{"boot":3}', "is = None is none of "),
        (b'{"is":"Bye","boot":"3"}', "int wanted, str given @ $.boot"),
        (b'{"is":"Bye"}', "'boot' is missing @ $.boot"),
    ],
)
def test_a_letter_that_cannot_be_read_is_rejected(payload: bytes, says: str) -> None:
    reason, detail = reason_of(letters.decode_letter, payload)
    assert reason is Reason.UNREADABLE
    assert says in detail


def test_a_beat_that_cannot_be_read_is_rejected() -> None:
    for name in json.loads(letters.encode_beat(BEAT)):
        if name in ("verification", "revision", "fences", "may_freeze", "at"):  # not in every one
            continue
        body = json.loads(letters.encode_beat(BEAT))
        del body[name]
        reason, detail = reason_of(letters.decode_beat, json.dumps(body).encode())
        assert (reason, detail) == (Reason.UNREADABLE, f"'{name}' is missing @ $.{name}")


def test_an_older_server_says_nothing_of_forced_stops() -> None:
    beat = json.loads(letters.encode_beat(BEAT))
    del beat["fences"]
    assert letters.decode_beat(json.dumps(beat).encode()).fences == ()
    report = Report(version=2, base=0, groups=(), monitors=())
    body = json.loads(letters.encode_letter(report))
    del body["stopped"]
    assert letters.decode_letter(json.dumps(body).encode()) == report


def test_a_newer_server_may_say_more() -> None:
    body = {**json.loads(letters.encode_beat(BEAT)), "mood": "fine"}
    assert letters.decode_beat(json.dumps(body).encode()) == BEAT


@given(st.binary(max_size=300))
def test_random_bytes_are_rejected(payload: bytes) -> None:
    for decode in (letters.decode_beat, letters.decode_letter):
        assert reason_of(decode, payload)[0] is Reason.UNREADABLE


@pytest.mark.parametrize("decode", [letters.decode_beat, letters.decode_letter])
def test_every_truncation_is_rejected(decode: typing.Callable[[bytes], object]) -> None:
    payload = letters.encode_beat(BEAT)
    for size in range(len(payload)):
        assert reason_of(decode, payload[:size])[0] is Reason.UNREADABLE


def test_the_largest_cluster_fits_into_a_datagram() -> None:
    servers = [f"{number:040}" for number in range(32)]
    beat = Beat(
        boot_id="7c5f1d53-3a0c-4a59-9f2e-1f3c0d9ad3aa",
        phase=Phase.ONLINE,
        join=32,
        view=View(2**40, servers[0], tuple(servers)),
        hears=tuple(Heard(server, 2**40, now=True) for server in servers),
        held=tuple(Held(f"{number:040}", 2**40) for number in range(512)),
        report=2**40,
        fences=tuple(servers),
    )
    assert len(letters.encode_beat(beat)) < MAX_PAYLOAD
