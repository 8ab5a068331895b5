"""What name servers say of a name: asked one by one, all at once, as a resolver would ask them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
from collections.abc import Iterable
from typing import Final

import attrs
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

_PORT: Final = 53
_TRY: Final = 0.45  # of the time: a datagram may be lost once


def warm_up() -> None:
    """Import what dnspython would import at its first question."""
    for module in ("dns._asyncio_backend", "dns.rdtypes.IN.A", "dns.rdtypes.ANY.SOA"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


@attrs.frozen(kw_only=True)
class Said:
    """What one name server said.

    Attributes:
        server: its name or address.
        addresses: the name's, sorted; empty: it says that there are none; None: no usable answer.
        trouble: why not.

    """

    server: str
    addresses: tuple[str, ...] | None = None
    trouble: str = ""


@attrs.frozen(kw_only=True)
class Server:
    """A name server: what it is called, and where it is asked."""

    name: str
    address: str
    port: int = _PORT


async def locate(names: tuple[str, ...], timeout: int) -> tuple[Server, ...]:  # noqa: ASYNC109 - ms
    """Give those of the name servers whose address can be looked up in time."""
    found = await asyncio.gather(*(_locate(name, timeout / 1_000) for name in names))
    return tuple(server for server in found if server is not None)


async def _locate(name: str, seconds: float) -> Server | None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(name, _PORT, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError, TimeoutError):
        return None
    found.sort(key=lambda each: each[0] is not socket.AF_INET)
    address, port = found[0][4][:2]
    return Server(name=name, address=str(address), port=int(port))


async def ask(servers: tuple[Server, ...], fqdn: str, timeout: int) -> tuple[Said, ...]:  # noqa: ASYNC109
    """Ask all of *servers* for the addresses of *fqdn*, for *timeout* milliseconds at most."""
    return tuple(await asyncio.gather(*(_ask(each, fqdn, timeout / 1_000) for each in servers)))


async def _ask(server: Server, fqdn: str, seconds: float) -> Said:
    question = dns.message.make_query(fqdn, dns.rdatatype.A, use_edns=False)
    question.flags &= ~dns.flags.RD  # its own knowledge is wanted, not what it can find out
    trouble = f"no answer within {seconds:g} s"
    try:
        async with asyncio.timeout(seconds):
            for _ in range(2):
                try:
                    answer, _tcp = await dns.asyncquery.udp_with_fallback(
                        question,
                        server.address,
                        timeout=seconds * _TRY,
                        port=server.port,
                        ignore_unexpected=True,
                        ignore_errors=True,
                    )
                    return _read(server, dns.name.from_text(fqdn), answer)
                except dns.exception.Timeout:
                    continue
    except TimeoutError:
        pass
    except (OSError, EOFError, dns.exception.DNSException) as error:
        trouble = f"{type(error).__name__} {error}".strip()[:100]
    return Said(server=server.name, trouble=trouble)


def _read(server: Server, name: dns.name.Name, answer: dns.message.Message) -> Said:
    code = answer.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Said(server=server.name, trouble=f"answers {dns.rcode.to_text(code)}")
    if not answer.flags & dns.flags.AA:
        return Said(server=server.name, trouble="answers for a zone that is not its own")
    found = [each for each in answer.answer if each.name == name]
    if any(each.rdtype == dns.rdatatype.CNAME for each in found):
        return Said(server=server.name, trouble="says that the name is a CNAME")
    return Said(server=server.name, addresses=_addresses(found))


def _addresses(found: Iterable[dns.rrset.RRset]) -> tuple[str, ...]:
    mine = [each for each in found if each.rdtype == dns.rdatatype.A]
    return tuple(sorted({str(record.address) for each in mine for record in each}))
