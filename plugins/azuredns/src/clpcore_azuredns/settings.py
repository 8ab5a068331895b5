"""What administrators write for ``azuredns`` and ``azurednsw``, and what is wrong with it."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

import clpcore_lib_azure
from clpcore import api

_LABEL: Final = re.compile(r"[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?")
_MOST_TTL: Final = 2_147_483_647
_LONG_TTL: Final = 300  # seconds from which on a TTL is worth a warning
_LONGEST: Final = 253  # characters of a name
_BUDGET: Final = 60_000  # ms between two reads of one server that Azure's throttle carries
_PORT: Final = 53


class OnNoAnswer(enum.Enum):
    """What a monitor makes of an Azure that does not answer."""

    IGNORE = "ignore"
    WARN = "warn"
    RECOVER = "recover"


@attrs.frozen(kw_only=True)
class Config(clpcore_lib_azure.Account):
    """``[group.GROUP.resource.NAME]`` of type ``azuredns``."""

    record_set: str = api.setting("The name in the zone; @ is the zone itself.", example='"www"')
    zone: str = api.setting("The zone in Azure DNS.", example='"cluster1.zone"')
    ip: str = api.setting(
        "The IPv4 address that clients shall find, usually one for each server.",
        example='"10.5.0.110"',
    )
    ttl: int = api.setting(
        "How long, in seconds, clients may go on with what they were told.",
        default=3_600,
        unit="ttl",
        example="60",
        low=1,
        high=_MOST_TTL,
    )
    delete_at_deactivation: bool = api.setting(
        "Delete the record set when the group is stopped; a move or failover overwrites it.",
        default=True,
        example="false",
    )
    azure_cli: str = api.setting(
        "The product's path of the az command: accepted and not used, Azure is asked directly.",
        default="",
        example='"/usr/bin/az"',
    )
    name_servers: tuple[str, ...] = api.setting(
        "Name servers to ask in place of the zone's own: an address, or address:port.",
        default=(),
        example='["10.0.0.4"]',
    )
    request_timeout: int = api.setting(
        "How long one request to Azure may take.",
        default=10_000,
        unit="ms",
        example="10",
        low=100,
        high=100_000,
    )

    @property
    def fqdn(self) -> str:
        """Give the whole name that clients ask for."""
        return self.zone if self.record_set == "@" else f"{self.record_set}.{self.zone}"

    @property
    def about(self) -> str:
        """Give what it is as sentences name it."""
        return f"A record {self.fqdn}"

    @property
    def given_servers(self) -> tuple[tuple[str, int], ...]:
        """Give the name servers of the configuration as (address, port)."""
        return tuple(found for text in self.name_servers if (found := _server(text)))


@attrs.frozen(kw_only=True)
class MonitorConfig(Config):
    """``[monitor.NAME]`` of type ``azurednsw``; the rest it has from its resource."""

    check_name_resolution: bool = api.setting(
        "Ask the zone's own name servers, too.", default=True, example="false"
    )
    on_no_answer: OnNoAnswer = api.setting(
        "When neither Azure nor a name server answers: ignore it, warn, or recover as from an"
        " error.",
        default=OnNoAnswer.IGNORE,
        example='"warn"',
    )
    azure_interval: int = api.setting(
        "The least time between two reads of the record from Azure; name servers are asked at"
        " every look.",
        default=_BUDGET,
        unit="ms",
        example="60",
        low=100,
    )


def validate(config: Config) -> Iterable[api.Problem]:
    """Find what Azure would refuse, and what is risky."""
    yield from clpcore_lib_azure.validate(config)
    yield from _names(config)
    try:
        good = ipaddress.IPv4Address(config.ip).is_unspecified is False
    except ValueError:
        good = False
    if not good:
        what = f"{config.ip} is no IPv4 address of a server."
        yield api.Problem("ip", what, "An A record holds IPv4 addresses, like 10.5.0.110.")
    if config.ttl > _LONG_TTL:
        what = f"After a failover clients may go on with the former address for {config.ttl} s"
        what += " more: the TTL comes on top of the time that the failover itself takes."
        yield api.Problem("ttl", what, "60 is usual for a name that moves.", risk=True)
    for text in config.name_servers:
        if _server(text) is None:
            what = f"{text} is no address of a name server."
            yield api.Problem("name_servers", what, "Write 10.0.0.4, or 10.0.0.4:5353.")
    if config.azure_cli:
        what = "azure_cli is not used: Azure is asked directly, without the az command."
        yield api.Problem("azure_cli", what, "Leave it out; az need not be installed.", risk=True)


def validate_monitor(config: MonitorConfig) -> Iterable[api.Problem]:
    """Find what is wrong with the monitor's own settings; the others are told at its resource."""
    if config.azure_interval < _BUDGET:
        what = f"Azure is asked every {config.azure_interval / 1_000:g} s by each server: it"
        what += " throttles who asks much more often than once a minute."
        remedy = "Leave it out: name servers are asked at every look all the same."
        yield api.Problem("azure_interval", what, remedy, risk=True)


def _names(config: Config) -> Iterator[api.Problem]:
    zone = config.zone.split(".")
    if len(zone) < 2 or not all(map(_LABEL.fullmatch, zone)) or len(config.zone) > _LONGEST:  # noqa: PLR2004 - a.b
        what = f"{config.zone} is no name of a zone."
        yield api.Problem("zone", what, "Write it without a dot at its end: cluster1.zone.")
    labels = config.record_set.split(".")
    if config.record_set != "@" and not all(map(_LABEL.fullmatch, labels)):
        what = f"{config.record_set} is no name of a record set."
        remedy = "Write the part before the zone only: www for www.cluster1.zone."
        yield api.Problem("record_set", what, remedy)
    elif config.record_set.lower().endswith("." + config.zone.lower()):
        what = f"{config.record_set} ends with the zone: the name would be {config.fqdn}."
        yield api.Problem("record_set", what, "Write the part before the zone only.")
    elif len(config.zone) <= _LONGEST < len(config.fqdn):
        what = f"{config.record_set} makes a name of {len(config.fqdn)} characters with the zone."
        yield api.Problem("record_set", what, f"DNS allows {_LONGEST} for the whole name.")


def _server(text: str) -> tuple[str, int] | None:
    """Read ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT."""
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        number = int(port) if port else _PORT
    except ValueError:
        return None
    return (str(address), number) if 0 < number < 65_536 else None  # noqa: PLR2004 - ports
