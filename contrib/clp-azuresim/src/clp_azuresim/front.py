"""The HTTP side: requests become values, meet their fault, are journaled and answered."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs
from aiohttp import web

from clp_azuresim import listening
from clp_azuresim.exchange import Refused, Reply, Request, error
from clp_azuresim.faults import Fault, Faults, Wrong, merged
from clp_azuresim.journal import Entry, Journal

Answer = Callable[[Request], Awaitable[tuple[Reply, str]]]

_LONGEST = 1 << 20  # bytes of a body; ARM takes 4 MiB, our drivers send some hundred bytes
_END_S = 0.1
_SHOWN: Final = ("if-match", "if-none-match")


class Front:
    """Listens on one port for one part of Azure."""

    def __init__(
        self, service: Callable[[str], str], answer: Answer, faults: Faults, journal: Journal
    ) -> None:
        """Take what is in front of; `service` gives a path's word for the journal."""
        self._service, self._answer = service, answer
        self._faults, self._journal = faults, journal
        # Whose caller has given up is done all the same, as in Azure.
        self._server = web.Server(self._handle)
        self._listener: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        """Listen; `port` tells where, if 0 was wanted."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._server, host, port, ssl=context)
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and cut every connection, whatever is under way on it."""
        if self._listener is not None:
            await listening.close(self._listener)
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._server.shutdown(_END_S)

    async def _handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        query = dict(raw.query)
        entry = self._journal.note(self._service(raw.path), raw.method, raw.path, query)
        conditions = (f"{name}: {raw.headers[name]}" for name in _SHOWN if name in raw.headers)
        entry.condition = ", ".join(conditions)
        began = time.monotonic()
        try:
            return await self._respond(raw, query, entry)
        finally:
            entry.took = time.monotonic() - began

    async def _respond(
        self, raw: web.BaseRequest, query: Mapping[str, str], entry: Entry
    ) -> web.StreamResponse:
        fault = self._faults.meet(raw.method, raw.path_qs)
        entry.fault = str(fault) if fault else ""
        try:
            # Wholly before anything goes wrong: what has arrived is done, whoever waits for it.
            request = await _read(raw, query, fault)
            if fault is not None and (spoilt := await _spoilt(fault, raw, entry)) is not None:
                return spoilt
            reply, entry.who = await self._answer(request)
        except Refused as refused:
            reply = refused.reply
        except ConnectionError:  # the caller went before the request had arrived
            return _reset(raw)
        if fault is not None and fault.wrong is Wrong.LOST:
            return _reset(raw)
        if fault is not None and fault.wrong is Wrong.EDIT:
            reply = _edited(reply, fault)
        return _sent(reply, entry)


async def _spoilt(fault: Fault, raw: web.BaseRequest, entry: Entry) -> web.Response | None:
    """Do what a fault does before a request is answered; None lets the request go on."""
    match fault.wrong:
        case Wrong.HANG:
            await asyncio.get_running_loop().create_future()
        case Wrong.RESET:
            return _reset(raw)
        case Wrong.STATUS:
            return _sent(_refusal(fault), entry)
        case Wrong.LATENCY:
            await asyncio.sleep(fault.seconds)
    return None


def _edited(reply: Reply, fault: Fault) -> Reply:
    body = reply.body if fault.body is None else merged(reply.body, fault.body)
    return attrs.evolve(reply, body=body, headers={**reply.headers, **_texts(fault)})


async def _read(raw: web.BaseRequest, query: Mapping[str, str], fault: Fault | None) -> Request:
    if (raw.content_length or 0) > _LONGEST:
        text = f"The request is larger than {_LONGEST} bytes."
        raise Refused(error(413, "RequestEntityTooLarge", text))
    body = await raw.content.read(_LONGEST) if raw.can_read_body else b""
    while raw.can_read_body and not raw.content.at_eof() and len(body) < _LONGEST:
        body += await raw.content.read(_LONGEST - len(body))
    return Request(
        method=raw.method,
        path=raw.path,
        query=query,
        headers={name.lower(): value for name, value in raw.headers.items()},
        body=body,
        base=f"{raw.scheme}://{raw.host}",
        peer=raw.remote or "",
        fault=fault,
    )


def _refusal(fault: Fault) -> Reply:
    headers = _texts(fault)
    if fault.text is not None or fault.body is not None:
        return Reply(status=fault.status, body=fault.body, text=fault.text, headers=headers)
    code = fault.code or {429: "TooManyRequests", 409: "Conflict"}.get(fault.status, "Rehearsed")
    return error(fault.status, code, fault.message, headers=headers)


def _texts(fault: Fault) -> dict[str, str]:
    return {name: str(value) for name, value in fault.headers.items()}


def _sent(reply: Reply, entry: Entry) -> web.Response:
    entry.status = reply.status
    kind = "application/json" if reply.text is None else "text/plain"
    empty = reply.text is None and reply.body is None
    return web.Response(
        status=reply.status,
        body=None if empty else reply.content,
        content_type=None if empty else kind,
        charset=None if empty else "utf-8",
        headers=dict(reply.headers),
    )


def _reset(raw: web.BaseRequest) -> web.Response:
    with contextlib.suppress(AttributeError):  # it has been closed already
        raw.transport.abort()  # type: ignore[union-attr]
    return web.Response(status=500)
