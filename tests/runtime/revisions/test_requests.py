"""What is asked over the control socket is applied as it was meant, or refused in words."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import attrs
import pytest

from clpcore.runtime.operators.control import Client, Document
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.revisions import requests
from clpcore.runtime.revisions.coordinator import Wish
from clpcore.runtime.revisions.steward import Steward
from clpcore.runtime.revisions.stopping import Tell


@attrs.define
class Asker:
    """A client, and the steward whom it asks."""

    uid: int = 0
    streams: bool = False
    replies: list[Document] = attrs.field(factory=list)
    wishes: list[Wish] = attrs.field(factory=list)

    def reply(self, document: Document) -> None:
        self.replies.append(document)

    async def apply(self, wish: Wish, _tell: Tell) -> dict[str, Any]:
        self.wishes.append(wish)
        return {"same": True}


def ask(**request: object) -> Asker:
    asker = Asker()
    desk = Desk()

    async def run() -> None:
        verbs = requests.verbs(lambda: cast("Steward", asker), desk)
        await verbs["apply"](request, cast("Client", asker))

    try:
        asyncio.run(run())
    finally:
        desk.close()
    return asker


def test_a_wish_reaches_the_steward() -> None:
    asker = ask(do="apply", dry=True, without=["node2"], comment="why")
    assert asker.replies == [{"ok": True, "applied": {"same": True}}]
    assert [(wish.dry, wish.without, wish.comment) for wish in asker.wishes] == [
        (True, ("node2",), "why")
    ]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"dry_run": True}, "it has no 'dry_run'"),
        ({"by": "root"}, "it has no 'by'"),
        ({"dry": 1}, "bool wanted, int given"),
        ({"without": "node2"}, "list wanted, str given"),
    ],
)
def test_a_word_that_would_not_be_heeded_applies_nothing(more: dict[str, object], why: str) -> None:
    asker = ask(do="apply", **more)
    assert asker.wishes == []
    (reply,) = asker.replies
    assert reply["ok"] is False
    assert reply["error"].startswith("no such apply: ")
    assert why in reply["error"]
