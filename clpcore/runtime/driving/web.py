"""One question to a web server, and its answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from clpcore import api

if TYPE_CHECKING:
    import httpx

_LARGEST: Final = 1 << 20  # bytes of a body that are kept

_Stamp: TypeAlias = tuple[int, ...]
_trusted: Final[dict[str, tuple[_Stamp, ssl.SSLContext]]] = {}  # by file


@attrs.frozen(kw_only=True)
class Question:
    """A request; *timeout* in milliseconds for all of it, see ``Ports.http``."""

    method: str
    url: str
    timeout: int
    headers: Mapping[str, str]
    body: bytes
    ca_file: str
    proxy: str


async def ask(asked: Question) -> api.HttpAnswer:
    """Ask on a connection of its own: an old one may lead to a server that has gone.

    Raises:
        Failed: there was no answer.
        Misconfigured: the URL, the proxy or the file of authorities cannot be used.

    """
    import httpx  # noqa: PLC0415 - 60 ms and 9 MiB that most workers never need

    where = asked.url.partition("?")[0]
    try:
        async with (
            asyncio.timeout(asked.timeout / 1_000),
            httpx.AsyncClient(
                verify=_trust(asked),
                proxy=asked.proxy or None,
                trust_env=False,
                timeout=asked.timeout / 1_000,  # of each part of it
            ) as client,
            client.stream(
                asked.method, asked.url, headers=dict(asked.headers), content=asked.body
            ) as answer,
        ):
            return api.HttpAnswer(
                status=answer.status_code,
                headers={name.lower(): value for name, value in answer.headers.items()},
                body=await _body(answer),
            )
    except (TimeoutError, httpx.TimeoutException):
        raise api.Failed(f"{where} did not answer within {asked.timeout / 1_000:g} s") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
        raise api.Misconfigured(f"{where} cannot be asked: {error}") from error
    except (httpx.HTTPError, OSError) as error:
        raise api.Failed(f"{where} did not answer: {str(error) or type(error).__name__}") from error


def _trust(asked: Question) -> ssl.SSLContext:
    """Give whom to trust: made anew when the file has changed, as the system's takes 35 ms."""
    path = asked.ca_file or ssl.get_default_verify_paths().cafile or ""
    try:
        found = Path(path).stat() if path else None
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns) if found else ()
        if asked.ca_file not in _trusted or _trusted[asked.ca_file][0] != stamp:
            context = ssl.create_default_context(cafile=asked.ca_file or None)
            _trusted[asked.ca_file] = (stamp, context)
    except OSError as error:
        text = f"the certificates in {path} cannot be read: {error}"
        raise api.Misconfigured(text) from error
    return _trusted[asked.ca_file][1]


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    async for part in answer.aiter_bytes():
        body += part
        if len(body) >= _LARGEST:
            break
    return body[:_LARGEST]
