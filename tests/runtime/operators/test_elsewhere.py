"""Questions for another server's agent: answered over the session, bounded in size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from clpcore.model.config import ClusterConfig
from clpcore.model.members import Monitor
from clpcore.model.questions import AnswerPart, AskStatus, TakeNotice
from clpcore.runtime import clock
from clpcore.runtime.operators import elsewhere
from clpcore.runtime.operators.control import Client, Document, refusal
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.operators.elsewhere import Elsewhere
from clpcore.runtime.operators.watching import MakeStatus
from clpcore.runtime.places import Root

Word = AskStatus | TakeNotice | AnswerPart


@attrs.define
class Reader:
    """An operator's end of the control socket."""

    got: list[Document] = attrs.field(factory=list)

    def reply(self, document: Document) -> None:
        self.got.append(document)


@attrs.define
class Side:
    """One server: what it sends goes to the other at once, unless it is changed or lost."""

    name: str
    root: Root
    status: dict[str, Any] = attrs.field(factory=dict)
    refusal: Document | None = None
    connected: frozenset[str] = frozenset({"node1", "node2"})
    change: Callable[[Word], list[Word]] = lambda word: [word]
    other: Side | None = None
    asks: Elsewhere | None = None

    def present(self) -> MakeStatus:
        return lambda: self.status

    def send(self, to: str, word: Word) -> None:
        assert self.other is not None
        assert self.other.asks is not None
        assert self.other.name == to
        for each in self.change(word):
            self.other.asks.take(self.name, each)

    async def ask(self, **request: object) -> Document:
        assert self.asks is not None
        reader = Reader()
        serve = self.asks.status if request["do"] == "status" else self.asks.verbs["notice"]
        await serve(request, cast("Client", reader))
        (reply,) = reader.got
        return reply


def _side(name: str, folder: Path) -> Side:
    return Side(name, Root(folder / name), {"server": name, "said": "サーバ"})


@pytest.fixture
def sides(tmp_path: Path, config: ClusterConfig) -> Iterator[tuple[Side, Side]]:
    mrw1 = Monitor(name="mrw1", type="mrw", group="", target="")
    made = attrs.evolve(config, monitors=(*config.monitors, mrw1))
    desk = Desk()
    both = tuple(
        Side(name, Root(tmp_path / name), {"server": name, "说": "é"})
        for name in ("node1", "node2")
    )
    both[0].other, both[1].other = both[1], both[0]
    for side in both:
        side.asks = Elsewhere(side, made, side.name, side.root, desk)
    yield both[0], both[1]
    desk.close()


def _run(work: Coroutine[Any, Any, Document]) -> Document:
    return asyncio.run(work)


def test_another_servers_view_comes_whole_whatever_its_size(sides: tuple[Side, Side]) -> None:
    here, there = sides
    there.status["text"] = "x" * 3 * elsewhere._PIECE
    there.change = lambda word: [word, word]  # what comes twice is one piece
    reply = _run(here.ask(do="status", server="node2"))
    assert (reply["ok"], reply["status"]) == (True, there.status)
    assert reply["version"] == elsewhere.VERSION
    assert abs(reply["wall_ms"] - clock.wall()) < 60_000


def test_pieces_may_come_in_any_order_but_only_from_who_was_asked(
    sides: tuple[Side, Side],
) -> None:
    here, there = sides
    there.status["text"] = "x" * elsewhere._PIECE
    parts: list[Word] = []

    def keep(word: Word) -> list[Word]:
        parts.append(word)
        assert here.asks is not None
        here.asks.take("node3", attrs.evolve(cast("AnswerPart", word), text="forged"))
        return parts[::-1] if len(parts) == 2 else []

    there.change = keep
    assert _run(here.ask(do="status", server="node2"))["status"] == there.status


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "another"},
        {"number": 1},
        {"number": -1},
        {"count": 0},
        {"count": 10**9},
        {"text": "x" * (elsewhere._PIECE + 1)},
    ],
)
def test_what_is_no_answer_to_it_is_none(
    sides: tuple[Side, Side], changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_PATIENCE", 0.1)
    here, there = sides
    there.change = lambda word: [attrs.evolve(cast("AnswerPart", word), **changes)]
    reply = _run(here.ask(do="status", server="node2"))
    assert [one["key"] for one in reply["because"]] == ["op40"]
    assert here.asks is not None
    assert not here.asks._awaited


def _deep(depth: int) -> str:
    """Give a refusal whose sentence has sentences within it."""
    begin, end = '{"key":"op5","args":{"x":', "}}"
    return '{"ok":false,"because":[' + begin * depth + '""' + end * depth + "]}"


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "no JSON", "[" * 100_000, "{}", '{"ok":1}', '{"ok":"yes"}', '{"ok":true}'),
        *('{"ok":true,"status":[]}', '{"ok":true,"status":{},"wall_ms":"now"}'),
        *('{"ok":false,"error":7}', '{"ok":false,"remedy":{}}', '{"ok":false,"because":"no"}'),
        *('{"ok":false,"because":[{}]}', '{"ok":false,"because":[{"key":"op5"}]}'),
        '{"ok":false,"because":[{"key":"op5","args":{"server":7}}]}',
        '{"ok":true,"status":{"server":"\\ud800"}}',
        *(_deep(40), _deep(400)),
    ],
)
def test_an_answer_that_is_none_is_told(sides: tuple[Side, Side], text: str) -> None:
    here, there = sides
    there.change = lambda word: [attrs.evolve(cast("AnswerPart", word), text=text)]
    reply = _run(here.ask(do="status", server="node2"))
    assert reply["error"] == "node2 answered something that is no reply"
    assert "restart its agent" in reply["remedy"]


def test_a_refusal_of_another_agent_comes_as_it_is(sides: tuple[Side, Side]) -> None:
    here, there = sides
    there.change = lambda word: [attrs.evolve(cast("AnswerPart", word), text=_deep(3))]
    assert _run(here.ask(do="status", server="node2"))["because"][0]["key"] == "op5"


def test_a_server_without_a_session_is_not_waited_for(sides: tuple[Side, Side]) -> None:
    here, _ = sides
    here.connected = frozenset()
    reply = _run(here.ask(do="status", server="node2"))
    assert [one["key"] for one in reply["because"]] == ["op5"]


def test_an_answer_too_large_is_refused_by_who_has_it(
    sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "_MOST_PIECES", 2)
    here, there = sides
    there.status["text"] = "x" * 3 * elsewhere._PIECE
    reply = _run(here.ask(do="status", server="node2"))
    assert [one["key"] for one in reply["because"]] == ["op41"]


def test_many_questions_at_once_are_not_answered(sides: tuple[Side, Side]) -> None:
    here, there = sides
    answers: list[Word] = []

    def count(word: Word) -> list[Word]:
        answers.append(word)
        return []

    there.change = count

    async def flood() -> None:
        assert there.asks is not None
        for number in range(100):
            there.asks.take(here.name, AskStatus(str(number)))
        await asyncio.wait(there.asks._answering)

    asyncio.run(flood())
    assert len(answers) == elsewhere._AT_ONCE


def test_an_agent_that_starts_says_so(sides: tuple[Side, Side]) -> None:
    here, there = sides
    there.refusal = refusal("the agent is starting.", "ask again in a moment")
    assert _run(here.ask(do="status", server="node2")) == there.refusal


@pytest.mark.parametrize("server", ["node9", 7, ["node2"]])
def test_a_server_that_is_none(sides: tuple[Side, Side], server: object) -> None:
    reply = _run(sides[0].ask(do="status", server=server))
    assert "there is no server" in reply["error"]


def _notices(side: Side) -> list[list[str]]:
    file = side.root.run / "resources/monitor/mrw1/notices/mrw1"
    text = file.read_text() if file.exists() else ""
    return [line.split("\t")[:2] for line in text.splitlines()]


@pytest.mark.parametrize("server", ["node1", "node2", ""])
def test_notices_are_kept_where_they_are_for(sides: tuple[Side, Side], server: str) -> None:
    here, there = sides
    its = there if server == "node2" else here

    def ask(**given: object) -> Document:
        return _run(here.ask(do="notice", server=server, monitor="mrw1", **given))

    for key in (("NIC", "eth0"), ("NIC", "eth1"), ("NIC", "eth0"), ("DISK", ""), ("NIC", "")):
        assert ask(category=key[0], keyword=key[1]) == {"ok": True}
    assert _notices(its) == [["NIC", "eth0"], ["NIC", "eth1"], ["DISK", ""], ["NIC", ""]]
    ask(category="NIC", keyword="eth0", clear=True)
    assert _notices(its) == [["NIC", "eth1"], ["DISK", ""], ["NIC", ""]]
    ask(category="NIC", clear=True)
    assert _notices(its) == [["DISK", ""]]
    for _ in range(2):
        assert ask(clear=True) == {"ok": True}
        assert _notices(its) == []
    assert _notices(here if its is there else there) == []


@pytest.mark.parametrize(
    "given",
    [
        {"monitor": "mrw2", "category": "NIC"},
        {"monitor": "lbppw1", "category": "NIC"},
        {"monitor": "../../x", "category": "NIC"},
        {"monitor": "mrw1"},
        {"monitor": "mrw1", "category": "../x"},
        {"monitor": "mrw1", "category": "NIC\tx\ty\n"},
        {"monitor": "mrw1", "category": "NIC", "keyword": "x" * 101},
        {"monitor": "mrw1", "category": 7},
        {"monitor": "mrw1", "category": "NIC", "clear": "yes"},
    ],
)
@pytest.mark.parametrize("server", ["node1", "node2"])
def test_a_notice_that_cannot_be_is_refused(
    sides: tuple[Side, Side], given: dict[str, Any], server: str
) -> None:
    reply = _run(sides[0].ask(do="notice", server=server, **given))
    assert reply["ok"] is False
    assert not list(sides[0].root.path.rglob("notices"))
    assert not list(sides[1].root.path.rglob("notices"))
