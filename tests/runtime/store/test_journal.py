"""The journal tells what was heard, decided and done, and can be read while it is written."""

from __future__ import annotations

from pathlib import Path

from clpcore import messages
from clpcore.model.actions import Action, Answer, Arbitrate, AskNp, Call, Fence, Kill, Left, Send
from clpcore.model.arbitration import Claim, Holder, Read, Release, Renew, Session
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Asked, Done, GotLetter, Leave, Outcome, Tick
from clpcore.model.peer import Bye, Challenge
from clpcore.model.requests import GroupMove, Request
from clpcore.model.states import Event, Role, Verdict
from clpcore.runtime.store import journal
from clpcore.runtime.store.database import Database, Line
from clpcore.runtime.store.journal import Scribe
from clpcore.runtime.store.wanted import Wanted

HEARD = messages.because("nm1", server="node2")
LETTER = GotLetter(
    now=5, sender="node2", incarnation=Incarnation(Boot(1), 1), letter=Challenge(("g",))
)


CALL = Call(
    event=Event.START,
    role=Role.ACTIVE,
    epoch=1,
    server="node1",
    home="",
    previous="",
    group="g",
    resource="",
    entry="witness1",
)
BOOT = Boot(1, "b")
ME = Holder("node1", BOOT, 4)


def keys(lines: tuple[Line, ...]) -> list[str]:
    return [f"{line.kind} {line.key}" for line in lines]


def test_a_turn_is_told_in_its_order_and_numbered_on() -> None:
    scribe = Scribe(boot=3, seq=10)
    actions = (
        Send(to="node2", letter=Bye(1)),
        Answer(request="r", ok=True, because=()),
        Left(True),
    )
    lines = scribe.turn(Leave(7), (HEARD,), actions, news=False)
    assert keys(lines) == ["input Leave", "because nm1", "action Answer", "action Left"]
    assert [line.seq for line in lines] == [11, 12, 13, 14]
    assert {(line.now_ms, line.boot) for line in lines} == {(7, 3)}


def test_a_refusal_is_told_with_the_command_that_is_refused(tmp_path: Path) -> None:
    scribe, store = Scribe(), tmp_path / "store.db"
    asked = Asked(1, Request(id="r", origin="node1", by="root", op=GroupMove("g1")))
    told = messages.because("op1", by="root", op="group move g1", server="node1")
    begun = scribe.turn(asked, (told,), (), news=False)
    refused = Answer(request="r", ok=False, because=(HEARD,))
    lines = scribe.turn(Leave(7), (), (refused,), news=False)
    assert keys(lines) == ["input Leave", "because op19", "action Answer"]
    text = journal.shown(lines[1], "node1")["text"]
    assert text == "Refused: clp group move g1: Server node2 is heard."
    database = Database(store)
    database.write((), (*begun, *lines))
    found = [line.key for line in journal.lines_about(store, "g1", count=5)]
    database.close()
    assert found == ["op1", "op19"]


def test_a_refusal_of_an_unknown_command_is_told_by_its_reason() -> None:
    refused = Answer(request="r", ok=False, because=(HEARD,))
    lines = Scribe().turn(Leave(7), (), (refused,), news=False)
    assert keys(lines) == ["input Leave", "because nm1", "action Answer"]
    done = Answer(request="r", ok=True, because=(HEARD,))
    lines = Scribe().turn(Leave(7), (), (done,), news=False)
    assert keys(lines) == ["input Leave", "action Answer"]


def test_what_brings_no_news_is_not_told() -> None:
    assert Scribe().turn(LETTER, (), (), news=False) == ()
    assert keys(Scribe().turn(LETTER, (), (), news=True)) == ["input GotLetter"]


def test_ticks_are_told_by_their_sentences_alone() -> None:
    assert keys(Scribe().turn(Tick(1), (HEARD,), (), news=True)) == ["because nm1"]


def test_a_large_value_is_cut() -> None:
    large = GotLetter(
        now=5,
        sender="node2",
        incarnation=Incarnation(Boot(1), 1),
        letter=Challenge(tuple(f"group{n}" for n in range(10_000))),
    )
    (line,) = Scribe().turn(large, (), (), news=True)
    assert len(line.body) < 20_000
    assert journal.shown(line, "node1")["args"]["cut"].startswith("{")


def test_a_sentence_is_shown_with_text_and_severity() -> None:
    (line,) = Scribe(boot=2).sentences((HEARD,), 9)
    shown = journal.shown(line, "node1")
    assert shown["wall_ms"] > 0
    del shown["wall_ms"]
    assert shown == {
        "seq": 1,
        "now_ms": 9,
        "boot": 2,
        "server": "node1",
        "kind": "because",
        "key": "nm1",
        "args": {"server": "node2"},
        "severity": "info",
        "text": "Server node2 is heard.",
    }


def test_a_sentence_of_another_version_is_shown_as_it_is() -> None:
    line = Line(seq=1, wall_ms=1, now_ms=1, boot=1, kind="because", key="zz9", body='{"a":"b"}')
    assert journal.shown(line, "node1")["text"] == "zz9 a=b"


def test_it_is_read_from_its_end_by_kind_and_by_name(tmp_path: Path) -> None:
    store = tmp_path / "a store #1?.db"
    scribe = Scribe()
    lines: list[Line] = []
    for number in range(20):
        heard = messages.because("nm1", server=f"node{number % 4}")
        lines += scribe.turn(Leave(number), (heard,), (), news=False)
    database = Database(store)  # it stays open: the agent reads while it writes
    database.write((), lines)

    def times(found: list[Line]) -> list[int]:
        return [line.now_ms for line in found]

    def last(count: int, *kinds: str) -> list[int]:
        wanted = Wanted(kinds=frozenset(kinds))
        before = journal.before_last(store, count=count, wanted=wanted)
        return times(journal.page(store, after=before, wanted=wanted))

    assert last(3, "because") == [17, 18, 19]
    assert last(3, "because", "input") == [18, 19, 19]
    assert last(0, "because") == []
    assert len(last(1_000, "because")) == 20
    assert times(journal.page(store, after=0, limit=2)) == [0, 1]
    assert times(journal.lines_about(store, "node2", count=2)) == [14, 18]
    assert journal.lines_about(store, "node", count=2) == []
    assert journal.lines_about(store, 'n"o%_', count=2) == []
    asked = messages.because("op1", by="root", op="group move g1 --to node7", server="node8")
    database.write((), scribe.sentences((asked,), 99))
    assert [times(journal.lines_about(store, n, count=2)) for n in ("g1", "node7")] == [[99]] * 2
    assert journal.lines_about(store, "g", count=2) == []
    database.close()


def test_renewals_and_questions_are_not_told_and_what_changes_the_world_is() -> None:
    asks = (
        Read(),
        Renew(Session(server="node1", boot=BOOT, lease=9)),
        Claim(ME),
        Release(ME),
    )
    actions: tuple[Action, ...] = (
        *(Arbitrate(id=1, call=CALL, timeout=1, ask=ask) for ask in asks),
        AskNp(id=1, call=CALL, timeout=1),
        Fence(id=1, call=CALL, timeout=1),
        Kill(group="g"),
    )
    lines = Scribe().turn(Tick(1), (), actions, news=False)
    assert keys(lines) == ["action Arbitrate", "action Arbitrate", "action Fence", "action Kill"]
    assert ['"is":"Claim"' in lines[0].body, '"is":"Release"' in lines[1].body] == [True, True]
    kept = Done(now=1, action=1, outcome=Outcome(verdict=Verdict.OK, kept=True))
    assert Scribe().turn(kept, (), (), news=False) == ()
