"""Four authoritative name servers for the zones, on UDP and TCP; they can be dead, or lie."""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, cast

import attrs
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from clp_azuresim import listening
from clp_azuresim.dns_zones import Zone, Zones
from clp_azuresim.journal import Journal
from clp_azuresim.records import APEX, NAME_SERVERS, RecordSet, texts

_PLAIN_UDP = 512
_LONGEST_CHAIN = 8
_IDLE_S = 10.0


class Mood(enum.Enum):
    """How a name server does its work."""

    GOOD = "good"
    DEAD = "dead"  # never answers
    REFUSES = "refuses"  # REFUSED
    FAILS = "fails"  # SERVFAIL
    LIES = "lies"  # answers A with another address
    TRUNCATES = "truncates"  # on UDP: no records, "ask over TCP"


@attrs.define
class NameServer:
    """One of the four.

    Attributes:
        name: as the NS records have it, with the dot at its end.
        lie: the address that it gives in the mood LIES.
        delay: seconds until each of its answers.
    """

    name: str
    address: str
    mood: Mood = Mood.GOOD
    lie: str = "192.0.2.66"
    delay: float = 0.0


class NameServers:
    """The four of them on one port; each also knows the addresses of all."""

    def __init__(self, zones: Zones, addresses: tuple[str, ...], journal: Journal) -> None:
        self._zones, self._journal = zones, journal
        pairs = zip(NAME_SERVERS, addresses, strict=True)
        self.servers = [NameServer(name, address) for name, address in pairs]
        self.port = 0
        self._transports: list[asyncio.DatagramTransport] = []
        self._listeners: list[asyncio.Server] = []
        self._conversations: set[asyncio.Task[Any]] = set()

    async def start(self, port: int) -> None:
        """Listen on UDP and TCP of all addresses; `port` tells where, if 0 was wanted.

        Raises:
            OSError: one of the eight is taken.
        """
        self.port = port
        try:
            for server in self.servers:
                await self._listen(server)
        except OSError:
            await self.stop()
            raise

    async def _listen(self, server: NameServer) -> None:
        def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            work = self._converse(server, reader, writer)
            conversation = asyncio.get_running_loop().create_task(work)
            self._conversations.add(conversation)
            # Not in the coroutine: one that is cancelled before its first step runs nothing.
            conversation.add_done_callback(lambda _: writer.close())
            conversation.add_done_callback(self._conversations.discard)

        listener = await asyncio.start_server(talk, server.address, self.port)
        self._listeners.append(listener)
        self.port = int(listener.sockets[0].getsockname()[1])
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(server, self.answer),
            local_addr=(server.address, self.port),
            family=socket.AF_INET,
        )
        self._transports.append(transport)

    async def stop(self) -> None:
        for transport in self._transports:
            transport.close()
        for listener in self._listeners:
            await listening.close(listener)
        self._transports, self._listeners = [], []
        for conversation in tuple(self._conversations):
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(
        self, server: NameServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the questions of one TCP connection, one after the other."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            while answer := await self._heard(server, reader):
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()

    async def _heard(self, server: NameServer, reader: asyncio.StreamReader) -> bytes | None:
        """Wait for the next question and give its answer; None ends the connection."""
        async with asyncio.timeout(_IDLE_S):
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            question = await reader.readexactly(size)
        answer = self.answer(server, question, "tcp")
        if answer is not None:
            await asyncio.sleep(server.delay)
        return answer

    def answer(self, server: NameServer, question: bytes, way: str) -> bytes | None:
        """Answer one message; None: silence, for what is no question and from the dead."""
        try:
            query = dns.message.from_wire(question)
        except dns.exception.DNSException:
            return None
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return None
        asked = query.question[0]
        told = f"{asked.name} {dns.rdatatype.to_text(asked.rdtype)}"
        entry = self._journal.note("dns", way.upper(), told, {})
        entry.who = server.name
        if server.mood is Mood.DEAD:
            entry.fault = "dead"
            return None
        response = self._respond(server, query, way)
        entry.status = int(response.rcode())
        return response.to_wire(max_size=_room(query, way))

    def _respond(
        self, server: NameServer, query: dns.message.Message, way: str
    ) -> dns.message.Message:
        response = dns.message.make_response(query)
        if server.mood in _CODES:
            response.set_rcode(_CODES[server.mood])
            return response
        if query.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
            return response
        if server.mood is Mood.TRUNCATES and way == "udp":
            response.flags |= dns.flags.TC
            return response
        lie = server.lie if server.mood is Mood.LIES else ""
        self._fill(response, lie)
        return _fitting(response, _room(query, way))

    def _fill(self, response: dns.message.Message, lie: str) -> None:
        """Write the answer: a name server's own address, or what the zone holds."""
        asked = response.question[0]
        name = asked.name
        for server in self.servers:
            if name == dns.name.from_text(server.name):
                response.flags |= dns.flags.AA
                if asked.rdtype == dns.rdatatype.A:
                    response.answer.append(_rrset(name, 3600, "A", [server.address]))
                return
        for _ in range(_LONGEST_CHAIN):
            zone = self._zone_of(name)
            if zone is None:
                break
            response.flags |= dns.flags.AA
            alias = _from_zone(response, zone, name, lie)
            if alias is None:
                return
            name = alias
        if not response.answer:
            response.set_rcode(dns.rcode.REFUSED)

    def _zone_of(self, name: dns.name.Name) -> Zone | None:
        """Give the zone that holds a name: of several the longest."""
        fitting = [
            (origin, zone)
            for zone in self._zones.zones.values()
            if name.is_subdomain(origin := dns.name.from_text(zone.name))
        ]
        return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else None


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(
        self, server: NameServer, answer: Callable[[NameServer, bytes, str], bytes | None]
    ) -> None:
        self._server, self._answer = server, answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._answer(self._server, data, "udp")
        if answer is None:
            return
        if self._server.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self._server.delay, self._send, answer, addr)
        else:
            self._send(answer, addr)

    def _send(self, answer: bytes, address: tuple[str | Any, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, address)


_CODES: Final = {Mood.REFUSES: dns.rcode.REFUSED, Mood.FAILS: dns.rcode.SERVFAIL}


def _from_zone(
    response: dns.message.Message, zone: Zone, name: dns.name.Name, lie: str
) -> dns.name.Name | None:
    """Add what a zone holds at a name; gives where a CNAME leads, to go on from there."""
    wanted = dns.rdatatype.to_text(response.question[0].rdtype)
    relative = name.relativize(dns.name.from_text(zone.name)).to_text()
    sets = zone.at(APEX if relative == APEX else relative)
    fitting = [each for each in sets if wanted in {each.kind, "ANY"}]
    if not fitting and (alias := next((each for each in sets if each.kind == "CNAME"), None)):
        response.answer.append(_rrset(name, alias.ttl, "CNAME", list(texts(alias))))
        return dns.name.from_text(str(alias.data["CNAMERecord"]["cname"]))
    for each in fitting:
        told = [lie] if lie and each.kind == "A" else list(texts(each))
        if told:
            response.answer.append(_rrset(name, each.ttl, each.kind, told))
    if not response.answer:
        if not any(_is_at_or_below(each, relative) for each in zone.sets.values()):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.sets["SOA", APEX]
        apex = dns.name.from_text(zone.name)
        response.authority.append(_rrset(apex, soa.ttl, "SOA", list(texts(soa))))
    return None


def _is_at_or_below(each: RecordSet, relative: str) -> bool:
    """Tell whether a record set makes a name exist: a name between has no records of its own."""
    return f".{each.name.lower()}".endswith(f".{relative.lower()}")


def _rrset(name: dns.name.Name, ttl: int, kind: str, told: list[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text_list(name, ttl, dns.rdataclass.IN, kind, told)


def _room(query: dns.message.Message, way: str) -> int:
    if way == "tcp":
        return 65_535
    return max(_PLAIN_UDP, query.payload) if query.edns >= 0 else _PLAIN_UDP


def _fitting(response: dns.message.Message, room: int) -> dns.message.Message:
    """Give the response, or one without records and with TC where it has no room."""
    try:
        response.to_wire(max_size=room)
    except dns.exception.TooBig:
        response.answer, response.authority = [], []
        response.flags |= dns.flags.TC
    return response
