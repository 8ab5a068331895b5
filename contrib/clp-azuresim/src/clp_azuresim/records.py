"""Record sets as values, and what Azure refuses to hold in one."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import dns.exception
import dns.rdata

from clp_azuresim.exchange import Refused, error

APEX = "@"
NAME_SERVERS = (
    "ns1-02.azure-dns.com.",
    "ns2-02.azure-dns.net.",
    "ns3-02.azure-dns.org.",
    "ns4-02.azure-dns.info.",
)
_MOST_TTL = 2_147_483_647
_NAME = re.compile(
    r"@|\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_-]+)*", re.IGNORECASE
)
_LONGEST_NAME = 253


@attrs.frozen(kw_only=True)
class RecordSet:
    """All records of one type at one name; `data` is what the wire has, such as ARecords."""

    name: str
    kind: str
    ttl: int
    data: Mapping[str, Any]
    metadata: Mapping[str, str] = attrs.field(factory=dict)
    etag: str = attrs.field(factory=lambda: str(uuid.uuid4()))

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name.lower()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of an A record set; no others have any."""
        return tuple(record["ipv4Address"] for record in self.data.get("ARecords", ()))


def a_records(name: str, addresses: tuple[str, ...], ttl: int = 3600) -> RecordSet:
    data = {"ARecords": [{"ipv4Address": address} for address in addresses]}
    return RecordSet(name=name, kind="A", ttl=ttl, data=data)


def of_new_zone() -> tuple[RecordSet, RecordSet]:
    """Give what every zone begins with: NS and SOA; the serial never changes in Azure."""
    soa = {
        "email": "azuredns-hostmaster.microsoft.com",
        "expireTime": 2419200,
        "host": NAME_SERVERS[0],
        "minimumTTL": 300,
        "refreshTime": 3600,
        "retryTime": 300,
        "serialNumber": 1,
    }
    names = [{"nsdname": name} for name in NAME_SERVERS]
    return (
        RecordSet(name=APEX, kind="NS", ttl=172_800, data={"NSRecords": names}),
        RecordSet(name=APEX, kind="SOA", ttl=3600, data={"SOARecord": soa}),
    )


def read(name: str, kind: str, body: Any) -> RecordSet:  # noqa: ANN401 - JSON of anybody
    """Make a record set of the body of a PUT; Refused as the DNS provider does it."""
    if kind not in _KINDS:
        raise _bad(f"The record type '{kind}' is not supported.")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise _bad(f"The record set name '{name}' is invalid.")
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise _bad("The request is missing the 'properties' of the record set.")
    kept, _ = _KINDS[kind]
    data = properties.get(kept)
    if data is not None:
        _must_fit(data, kept, kind)
    return RecordSet(
        name=name,
        kind=kind,
        ttl=_ttl(properties),
        data={} if data is None else {kept: data},
        metadata=_metadata(properties.get("metadata")),
    )


def _ttl(properties: Mapping[str, Any]) -> int:
    ttl = properties.get("TTL")
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 1 <= ttl <= _MOST_TTL:
        text = f"The TTL value '{ttl}' is not within the allowed range of [1, {_MOST_TTL}]."
        raise _bad(text)
    return ttl


def _metadata(value: Any) -> Mapping[str, str]:  # noqa: ANN401
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _bad("The metadata of the record set must be pairs of strings.")
    return value


def _must_fit(data: Any, kept: str, kind: str) -> None:  # noqa: ANN401
    """Refuse what no name server could serve."""
    records = data if kept.endswith("s") else [data]
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise _bad(f"The value of '{kept}' is invalid.")
    for record in records:
        try:
            dns.rdata.from_text("IN", kind, _KINDS[kind][1](record))
        except (AttributeError, KeyError, ValueError, dns.exception.DNSException):
            address = record.get("ipv4Address") or record.get("ipv6Address")
            version = {"A": "4", "AAAA": "6"}.get(kind)
            what = f"IPv{version} address '{address}'" if version else f"{kind} record"
            raise _bad(f"The {what} is invalid.") from None


def texts(each: RecordSet) -> Iterator[str]:
    """Give the records of a set as a zone file writes them."""
    for kept in each.data.values():
        for record in kept if isinstance(kept, list) else [kept]:
            yield _KINDS[each.kind][1](record)


def _soa(record: Mapping[str, Any]) -> str:
    names = ("serialNumber", "refreshTime", "retryTime", "expireTime", "minimumTTL")
    numbers = " ".join(str(record[name]) for name in names)
    return f"{_dotted(record['host'])} {_dotted(record['email'])} {numbers}"


def _dotted(name: str) -> str:
    return f"{name.rstrip('.')}."


def _quoted(record: Mapping[str, Any]) -> str:
    parts = record["value"] if isinstance(record["value"], list) else [record["value"]]
    escaped = (str(part).replace("\\", "\\\\").replace('"', '\\"') for part in parts)
    return " ".join(f'"{part}"' for part in escaped)


_KINDS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "A": ("ARecords", lambda record: str(record["ipv4Address"])),
    "AAAA": ("AAAARecords", lambda record: str(record["ipv6Address"])),
    "CNAME": ("CNAMERecord", lambda record: _dotted(record["cname"])),
    "MX": ("MXRecords", lambda record: f"{record['preference']} {_dotted(record['exchange'])}"),
    "NS": ("NSRecords", lambda record: _dotted(record["nsdname"])),
    "PTR": ("PTRRecords", lambda record: _dotted(record["ptrdname"])),
    "SOA": ("SOARecord", _soa),
    "SRV": (
        "SRVRecords",
        lambda record: (
            f"{record['priority']} {record['weight']} {record['port']} {_dotted(record['target'])}"
        ),
    ),
    "TXT": ("TXTRecords", _quoted),
}


def _bad(text: str) -> Refused:
    return Refused(error(400, "BadRequest", text, wrapped=False))
