"""Record sets as values, and what Azure refuses to hold in one."""

import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import attrs

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
    kept, check = _KINDS[kind]
    data = properties.get(kept)
    if data is not None:
        _must_fit(data, kept, check)
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


def _must_fit(data: Any, kept: str, check: Callable[[Mapping[str, Any]], None]) -> None:  # noqa: ANN401
    records = data if kept.endswith("s") else [data]
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise _bad(f"The value of '{kept}' is invalid.")
    for record in records:
        check(record)


def _is_v4(record: Mapping[str, Any]) -> None:
    address = record.get("ipv4Address")
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        raise _bad(f"The IPv4 address '{address}' is invalid.") from None


def _is_v6(record: Mapping[str, Any]) -> None:
    address = record.get("ipv6Address")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise _bad(f"The IPv6 address '{address}' is invalid.") from None


def _has(*names: str) -> Callable[[Mapping[str, Any]], None]:
    def check(record: Mapping[str, Any]) -> None:
        for name in names:
            if (
                record.get(name) in {None, ""}
                if isinstance(record.get(name), str | None)
                else False
            ):
                raise _bad(f"The record is missing '{name}'.")

    return check


_KINDS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], None]]] = {
    "A": ("ARecords", _is_v4),
    "AAAA": ("AAAARecords", _is_v6),
    "CNAME": ("CNAMERecord", _has("cname")),
    "MX": ("MXRecords", _has("exchange", "preference")),
    "NS": ("NSRecords", _has("nsdname")),
    "PTR": ("PTRRecords", _has("ptrdname")),
    "SOA": ("SOARecord", _has("host")),
    "SRV": ("SRVRecords", _has("target", "port", "priority", "weight")),
    "TXT": ("TXTRecords", _has("value")),
}
KINDS = frozenset(_KINDS)


def _bad(text: str) -> Refused:
    return Refused(error(400, "BadRequest", text, wrapped=False))
