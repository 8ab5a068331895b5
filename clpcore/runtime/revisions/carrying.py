"""Carries bundles between servers, in pieces that hold up nothing else on the session."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
from typing import Final

import attrs

from clpcore.model.revisions import MOST_BYTES, About, AskPart, Part, Revision
from clpcore.runtime.revisions.archive import Archive, BrokenArchive
from clpcore.runtime.revisions.around import Around

_PIECE: Final = 192 * 1024  # bytes
_PATIENCE: Final = 2.0  # seconds for one piece
_TRIES: Final = 4


class NotCarried(Exception):
    """A bundle did not come; says why."""


@attrs.frozen
class Bundle:
    """A revision with its bytes, which are what its digest says."""

    revision: Revision
    about: About
    data: bytes


class Carrier:
    """Fetches bundles, and gives those of this server."""

    def __init__(self, archive: Archive, around: Around) -> None:
        self._archive = archive
        self._around = around
        self._awaited: dict[tuple[str, str, int], list[asyncio.Future[Part]]] = {}

    async def give(self, to: str, asked: AskPart) -> None:
        """Answer with a piece."""
        part = await asyncio.to_thread(self._part, asked)
        self._around.send(to, part)

    def _part(self, asked: AskPart) -> Part:
        held = None
        with contextlib.suppress(BrokenArchive):
            held = self._archive.held(asked.name)
        if held is None:
            return Part(name=asked.name, offset=asked.offset)
        revision, about, data = held
        piece = data[asked.offset : asked.offset + _PIECE] if asked.offset >= 0 else b""
        return Part(
            name=asked.name,
            offset=asked.offset,
            revision=revision,
            about=about,
            size=len(data),
            data=base64.b64encode(piece).decode(),
        )

    def take(self, sender: str, part: Part) -> None:
        """Take a piece that was asked for."""
        for awaited in self._awaited.get((sender, part.name, part.offset), ()):
            if not awaited.done():
                awaited.set_result(part)

    async def fetch(self, sender: str, name: str) -> Bundle:
        """Give the revision of that name as *sender* holds it.

        Raises:
            NotCarried: it did not come, or it is not what its name says.

        """
        data = bytearray()
        while True:
            part = await self._ask(sender, name, len(data))
            if part.revision is None:
                raise NotCarried(f"{sender} has no revision {name} any more")
            if part.size > MOST_BYTES:
                raise NotCarried(f"{sender} would send {part.size} bytes; {MOST_BYTES} are allowed")
            data += _decoded(part, sender)
            if len(data) >= part.size:
                return _whole(part.revision, part.about, name, bytes(data), sender)

    async def _ask(self, sender: str, name: str, offset: int) -> Part:
        key = sender, name, offset
        for _ in range(_TRIES):
            awaited: asyncio.Future[Part] = asyncio.get_running_loop().create_future()
            self._awaited.setdefault(key, []).append(awaited)  # two may fetch the same
            self._around.send(sender, AskPart(name, offset))
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await awaited
            except TimeoutError:
                continue
            finally:
                self._awaited[key].remove(awaited)
                if not self._awaited[key]:
                    del self._awaited[key]
        raise NotCarried(f"{sender} does not send revision {name}")


def _decoded(part: Part, sender: str) -> bytes:
    try:
        data = base64.b64decode(part.data, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or len(data) > _PIECE:
        raise NotCarried(f"{sender} sends a piece of revision {part.name} that is none")
    return data


def _whole(revision: Revision, about: About, name: str, data: bytes, sender: str) -> Bundle:
    if revision.name != name or hashlib.sha256(data).hexdigest() != revision.digest:
        raise NotCarried(f"what {sender} sends is not revision {name}: its digest is another one")
    return Bundle(revision, about, data)
