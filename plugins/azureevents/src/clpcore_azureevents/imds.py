"""Azure's metadata service of this machine: plain HTTP to a link-local address, past proxies."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, Self

import httpx

from clpcore_azureevents import events

_EVENTS: Final = "/metadata/scheduledevents?api-version=2020-07-01"
_NAME: Final = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"
_HEADERS: Final = {"Metadata": "true"}  # proves that no redirect brought the request
_USUAL: Final = 5.0  # seconds for an answer
_LONGEST: Final = 1 << 20  # bytes of an answer
_GOOD: Final = 200


class NoAnswer(Exception):
    """The metadata service did not answer, or not so that it can be used; the text says what."""


class Imds:
    """The service, asked one question after the other."""

    def __init__(self, endpoint: str, first: float) -> None:
        """Name it; *first*: seconds that the first look may take, which switches the events on."""
        self._endpoint, self._first = endpoint, first
        self._patience = first
        # No proxy of the environment, no redirects; each question as a whole has its own deadline.
        self._http = httpx.AsyncClient(trust_env=False, timeout=2 * first, headers=_HEADERS)

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End its connections."""
        await self._http.aclose()

    async def machine(self) -> str:
        """Give what Azure calls this machine.

        Raises:
            NoAnswer: it did not tell.

        """
        body = await self._ask("GET", _NAME, _USUAL)
        try:
            name = body.decode("ascii").strip()
        except UnicodeDecodeError:
            name = ""
        if not name or not name.isprintable():
            raise NoAnswer(f"the name of this machine is no word: {body[:80]!r}")
        return name

    async def document(self) -> events.Document:
        """Give what Azure announces.

        The first answer takes up to two minutes, also when nobody has looked for a day. After one
        that did not come in time the next may take twice as long, up to that.

        Raises:
            NoAnswer: nothing usable came.

        """
        try:
            body = await self._ask("GET", _EVENTS, self._patience)
        except TimeoutError:
            waited = self._patience
            self._patience = min(2 * waited, self._first) if waited < self._first else waited
            raise NoAnswer(f"no answer within {waited:g} s") from None
        self._patience = min(_USUAL, self._first)
        try:
            return events.document(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise NoAnswer(f"its document cannot be read: {error}") from error

    async def approve(self, event: str) -> None:
        """Let Azure start an event now.

        Raises:
            NoAnswer: it did not accept that.

        """
        await self._ask("POST", _EVENTS, _USUAL, {"StartRequests": [{"EventId": event}]})

    async def _ask(self, method: str, path: str, deadline: float, body: Any = None) -> bytes:  # noqa: ANN401 - JSON
        try:
            async with asyncio.timeout(deadline):
                url = self._endpoint + path
                async with self._http.stream(method, url, json=body) as answer:
                    data = await _bounded(answer)
        except TimeoutError:
            if path == _EVENTS and method == "GET":
                raise
            raise NoAnswer(f"no answer within {deadline:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if answer.status_code != _GOOD:
            raise NoAnswer(f"it answers {answer.status_code}: {data[:200]!r}")
        return data


async def _bounded(answer: httpx.Response) -> bytes:
    data = b""
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > _LONGEST:
            raise NoAnswer(f"its answer has more than {_LONGEST} bytes")
    return data
