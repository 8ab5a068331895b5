"""What an operator's script has to say: into the journal, and on to where messages go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.runtime.operators import accounts
from clpcore.runtime.operators.control import Client, Serve, refusal
from clpcore.runtime.operators.desk import Desk

_KEYS: Final = {"info": "logcmd1", "warning": "logcmd2", "error": "logcmd3"}
_LONGEST: Final = 2_000  # characters
_MOST: Final = 10**9


def verbs(say: Callable[[Because], None], desk: Desk) -> dict[str, Serve]:
    """Give what serves the verb; *say* writes a sentence down."""

    async def tell(request: dict[str, Any], client: Client) -> None:
        text, number = request.get("text"), request.get("number", 1)
        key = _KEYS.get(str(request.get("severity", "info")))
        if not isinstance(text, str) or not 0 < len(text) <= _LONGEST or key is None:
            example = '{"do": "tell", "text": "backup begins", "severity": "info"}'
            client.reply(refusal(f"no message of 1 to {_LONGEST} characters", example))
            return
        if type(number) is not int or not 0 <= number < _MOST:
            client.reply(refusal(f"number must be 0 to {_MOST - 1}, not {number!r:.80}"))
            return
        by = await desk.do(accounts.user_name, client.uid)
        line = "".join(letter if letter.isprintable() else " " for letter in text)
        say(messages.because(key, text=line, number=number, by=by))
        client.reply({"ok": True})

    return {"tell": tell}
