"""A witness asked from the command line, as a server of the cluster asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore_witness import keyfile, transport, values
from clpcore_witness.caller import OK, Caller, Unbelievable

_TIMEOUT: Final = 10_000  # ms


class NoAnswer(Exception):
    """The text says why."""


def whom(url: str, key_file: Path, ca_file: str, proxy: str) -> Iterator[str]:
    """Give in lines whom the witness heard when.

    Raises:
        NoAnswer: it says nothing that can be believed.

    """
    where = transport.Where(url, ca_file, proxy)
    try:
        key = keyfile.parse(key_file.read_text("ascii", errors="replace"), str(key_file))[0]
        up, heard = values.heard_from(values.load(_asked(where, Caller(key))))
    except (OSError, ValueError, Unbelievable) as error:
        raise NoAnswer(f"{url}: {error}") from error
    finally:
        transport.hang_up(where)
    yield f"{url} knows cluster {key.cluster}, and listens for {up // 1_000} s."
    for server, ago in heard.items():
        yield f"{server} was heard {ago / 1_000:.1f} s ago."


def _asked(where: transport.Where, caller: Caller) -> bytes:
    hello = caller.hello(_TIMEOUT)
    caller.welcome(caller.nonce, transport.ask(where, hello))
    asked = caller.ask("GET", "/v1/heard", b"", _TIMEOUT)
    if asked is None:
        raise NoAnswer("no visit has begun")
    answered = transport.ask(where, asked.question)
    caller.believe(asked, answered)
    if answered.status != OK:
        raise NoAnswer(answered.body.decode("utf-8", "replace"))
    return answered.body
