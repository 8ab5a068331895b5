"""Bundles come in pieces, whole and unchanged, or not at all."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import os
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore.model.actions import Answer
from clpcore.model.requests import Op
from clpcore.model.revisions import MOST_BYTES, About, AskPart, Dispatch, Part, Revision
from clpcore.runtime.revisions import carrying
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.revisions.carrying import Carrier, NotCarried

DATA = os.urandom(500_000)
REVISION = Revision(7, hashlib.sha256(DATA).hexdigest())


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - a test's own
        asyncio.run(test(*args, **kwargs))

    return run


@attrs.define
class Wire:
    """An agent around a carrier, whose words reach the other end at once, as *change* lets them."""

    change: Callable[[Dispatch], Dispatch | None] = lambda word: word
    other: Carrier | None = None
    answers: list[asyncio.Future[None]] = attrs.field(factory=list)
    connected: frozenset[str] = frozenset()
    cohorts: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)

    def send(self, to: str, word: Dispatch) -> None:
        changed = self.change(word)
        assert self.other is not None
        if isinstance(changed, AskPart):
            self.answers.append(asyncio.ensure_future(self.other.give(to, changed)))
        elif isinstance(changed, Part):
            self.other.take("node1", changed)

    def status(self) -> Mapping[str, Any]:
        raise NotImplementedError

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        raise NotImplementedError

    def again(self) -> None:
        raise NotImplementedError


def ends(tmp_path: Path, change: Callable[[Part], Part | None] = lambda part: part) -> Carrier:
    """Give the end that fetches; the other one has the revision."""
    archive = Archive(tmp_path / "node1")
    archive.stage(REVISION, About(by="root"), DATA)
    archive.commit(REVISION)

    def changed(word: Dispatch) -> Dispatch | None:
        return change(word) if isinstance(word, Part) else word

    asking, giving = Wire(), Wire(changed)
    fetcher = Carrier(Archive(tmp_path / "node2"), asking)
    giving.other, asking.other = fetcher, Carrier(archive, giving)
    return fetcher


@in_loop
async def test_a_bundle_comes_in_pieces(tmp_path: Path) -> None:
    bundle = await ends(tmp_path).fetch("node1", REVISION.name)
    assert bundle.data == DATA
    assert (bundle.revision, bundle.about.by) == (REVISION, "root")


@in_loop
async def test_two_may_fetch_the_same_at_once(tmp_path: Path) -> None:
    fetcher = ends(tmp_path)
    async with asyncio.timeout(carrying._PATIENCE):
        fetches = (fetcher.fetch("node1", REVISION.name) for _ in range(2))
        found = await asyncio.gather(*fetches)
    assert [each.data for each in found] == [DATA, DATA]
    assert not fetcher._awaited


@in_loop
async def test_a_lost_piece_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "_PATIENCE", 0.05)
    lost = [True, False, True]

    def lose(part: Part) -> Part | None:
        return None if lost and lost.pop(0) else part

    bundle = await ends(tmp_path, lose).fetch("node1", REVISION.name)
    assert bundle.data == DATA


@in_loop
async def test_what_never_comes_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "_PATIENCE", 0.02)
    with pytest.raises(NotCarried, match="node1 does not send"):
        await ends(tmp_path, lambda _: None).fetch("node1", REVISION.name)


@in_loop
async def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotCarried, match="no revision 000009-aaaaaaaaaaaa any more"):
        await ends(tmp_path).fetch("node1", "000009-aaaaaaaaaaaa")


_FALSE = base64.b64encode(b"x" * 196_608).decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": _FALSE}, "its digest is another one"),
        ({"revision": Revision(7, "0" * 64)}, "its digest is another one"),
        ({"revision": Revision(8, REVISION.digest)}, "its digest is another one"),
        ({"size": MOST_BYTES + 1}, "are allowed"),
        ({"data": "no base64!"}, "a piece .* that is none"),
        ({"data": ""}, "a piece .* that is none"),
        ({"data": _FALSE + _FALSE}, "a piece .* that is none"),
    ],
)
@in_loop
async def test_what_is_not_what_it_says_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(NotCarried, match=why):
        await ends(tmp_path, lambda part: attrs.evolve(part, **changes)).fetch(
            "node1", REVISION.name
        )
