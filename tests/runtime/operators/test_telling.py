"""What scripts have to say is written down as one harmless line, or refused."""

from __future__ import annotations

import asyncio
import os

import attrs
import pytest

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.runtime.operators import accounts, telling
from clpcore.runtime.operators.control import Document
from clpcore.runtime.operators.desk import Desk


@attrs.define
class Client:
    """Who asks, and what is replied."""

    uid: int
    replies: list[Document] = attrs.field(factory=list)

    def reply(self, document: Document) -> None:
        self.replies.append(document)


def _tell(**request: object) -> tuple[list[Because], Document]:
    said: list[Because] = []
    client = Client(os.geteuid())

    async def ask() -> None:
        desk = Desk()
        try:
            await telling.verbs(said.append, desk)["tell"](request, client)  # type: ignore[arg-type]  # as much of one as it needs
        finally:
            desk.close()

    asyncio.run(ask())
    return said, client.replies[0]


@pytest.mark.parametrize(
    ("severity", "key"), [("info", "logcmd1"), ("warning", "logcmd2"), ("error", "logcmd3")]
)
def test_a_message_is_written_down_with_who_said_it(severity: str, key: str) -> None:
    said, reply = _tell(text="backup\n\x1b[2Jbegins", severity=severity, number=17)
    by = accounts.user_name(os.geteuid())
    assert said == [messages.because(key, text="backup  [2Jbegins", number=17, by=by)]
    assert messages.entry(key).severity.value == severity
    assert reply == {"ok": True}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"text": ""},
        {"text": "x" * 2_001},
        {"text": ["x"]},
        {"text": "x", "severity": "bad"},
        {"text": "x", "severity": ["info"]},
        {"text": "x", "number": -1},
        {"text": "x", "number": True},
        {"text": "x", "number": "1"},
        {"text": "x", "number": 10**9},
    ],
)
def test_what_is_no_message_is_refused(request_: dict[str, object]) -> None:
    said, reply = _tell(**request_)
    assert (said, reply["ok"]) == ([], False)
