"""What operators ask over the control socket: apply and adopt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import Finding
from clpcore.runtime.operators import accounts
from clpcore.runtime.operators.control import Client, Document, Serve, refusal
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.revisions.archive import BrokenArchive
from clpcore.runtime.revisions.around import Refused
from clpcore.runtime.revisions.coordinator import Wish
from clpcore.runtime.revisions.steward import Steward
from clpcore.wire import values

_Request = Mapping[str, Any]


def verbs(steward: Callable[[], Steward], desk: Desk) -> dict[str, Serve]:
    """Give what serves each verb."""

    async def apply(request: dict[str, Any], client: Client) -> None:
        by = await desk.do(accounts.user_name, client.uid)
        try:
            wish = _wish(request, by)
        except values.Unreadable as unreadable:
            wrong = f"no such apply: {unreadable}"
            client.reply(refusal(wrong, '{"do": "apply", "dry": true}'))
            return
        client.streams = True  # one that goes away before the commit takes its wish along
        try:
            told = await steward().apply(
                wish, lambda step: client.reply({"ok": True, "progress": step})
            )
        except Refused as refused:
            client.reply(_refusal(refused))
        except (BrokenArchive, OSError) as error:
            client.reply(refusal(f"nothing was applied: {error}", "see to it, then apply again"))
        else:
            client.reply({"ok": True, "applied": told})

    async def adopt(request: dict[str, Any], client: Client) -> None:
        server = request.get("server")
        if not isinstance(server, str):
            client.reply(refusal("adopt needs a server", '{"do": "adopt", "server": "node1"}'))
            return
        by = await desk.do(accounts.user_name, client.uid)
        try:
            client.reply({"ok": True, "adopted": await steward().adopt(server, by)})
        except Refused as refused:
            client.reply(_refusal(refused))

    return {"apply": apply, "adopt": adopt}


def _wish(request: _Request, by: str) -> Wish:
    """Read what is wanted.

    Raises:
        Unreadable: it is nothing that can be; a word that nobody heeds might have been "dry".

    """
    known = {field.name for field in attrs.fields(Wish)} - {"by"}
    if more := sorted(request.keys() - known - {"do"}):
        raise values.Unreadable(f"it has no {', '.join(more)!r:.80}")
    given = {key: value for key, value in request.items() if key in known}
    return values.from_json(values.to_json({**given, "by": by}), Wish)


def _refusal(refused: Refused) -> Document:
    because = refused.because
    return {
        **refusal(messages.render(because), messages.remedy(because)),
        "because": [messages.plain(because)],
        "servers": {name: _said(*said) for name, said in refused.by_server.items()},
    }


def _said(because: Because | None, findings: Sequence[Finding]) -> Document:
    return {
        "because": messages.plain(because) if because else None,
        "findings": [attrs.asdict(finding) for finding in findings],
    }
