"""Questions to Azure about record sets, each bounded by its own time in milliseconds."""

from __future__ import annotations

import ipaddress
import time
from typing import Any, Final

from azure.mgmt.dns.aio import DnsManagementClient
from azure.mgmt.dns.models import ARecord, RecordSet

import clpcore_lib_azure
from clpcore import api
from clpcore_azuredns.record import Record
from clpcore_azuredns.settings import Config
from clpcore_lib_azure import session

NEW: Final = "*"  # in place of an etag: it must not be there yet
_MISSING: Final = "NotFound"  # the record set; what is above it has other codes
_IN_THE_WAY: Final = (clpcore_lib_azure.Conflict, api.Misconfigured)  # 409 and 400
_MOST: Final = 100  # addresses that are looked at; Azure allows 20


async def read(config: Config, timeout: int) -> Record | None:  # noqa: ASYNC109 - ms
    """Give the record set; None: there is none of this name and type.

    Raises:
        DriverError: see ``clpcore_lib_azure.errors``; Denied when the role has no A/read.

    """
    azure = session.session(config)
    records = azure.client(DnsManagementClient).record_sets
    where = (config.resource_group, config.zone, config.record_set, "A")
    try:
        found = await azure.ask(config.about, records.get(*where), timeout)
    except clpcore_lib_azure.Absent as absent:
        if absent.code == _MISSING:
            return None
        raise
    return _read(config, found)


async def write(config: Config, record: Record, match: str, timeout: int) -> Record:  # noqa: ASYNC109
    """Write the record set, and give it as it stands now.

    Args:
        config: which one.
        record: what it shall be.
        match: the etag of the version that is overwritten; ``NEW``; empty: whatever is there.
        timeout: in ms.

    Raises:
        Changed: it is another version by now.
        Misconfigured: a record of another type has the name.
        DriverError: see ``clpcore_lib_azure.errors``.

    """
    azure = session.session(config)
    records = azure.client(DnsManagementClient).record_sets
    question = records.create_or_update(
        config.resource_group,
        config.zone,
        config.record_set,
        "A",
        RecordSet(
            ttl=record.ttl,
            metadata=dict(record.metadata),
            a_records=[ARecord(ipv4_address=address) for address in record.addresses],
        ),
        if_match=(match or None) if match != NEW else None,
        if_none_match=NEW if match == NEW else None,
    )
    try:
        return _read(config, await azure.ask(config.about, question, timeout))
    except (clpcore_lib_azure.Conflict, api.Misconfigured) as error:
        said = str(error).replace(config.zone, "").replace(config.record_set, "")
        if type(error) not in _IN_THE_WAY or "CNAME" not in said:
            raise
        raise api.Misconfigured(
            f"{config.about} cannot be written: a CNAME has this name ({error}). Delete it, or use"
            " another record_set"
        ) from error


async def delete(config: Config, etag: str, timeout: int) -> None:  # noqa: ASYNC109
    """Delete the version *etag* of the record set; none there is fine.

    Raises:
        Changed: it is another version by now.
        DriverError: see ``clpcore_lib_azure.errors``.

    """
    azure = session.session(config)
    records = azure.client(DnsManagementClient).record_sets
    where = (config.resource_group, config.zone, config.record_set, "A")
    await azure.ask(config.about, records.delete(*where, if_match=etag), timeout)


async def name_servers(config: Config, timeout: int) -> tuple[str, ...]:  # noqa: ASYNC109
    """Give the names of the zone's name servers, from its NS record set."""
    azure = session.session(config)
    records = azure.client(DnsManagementClient).record_sets
    what = f"name servers of zone {config.zone}"
    question = records.get(config.resource_group, config.zone, "@", "NS")
    found = await azure.ask(what, question, timeout)
    try:
        names = [str(each.nsdname).rstrip(".") for each in found.ns_records or () if each.nsdname]
    except (AttributeError, TypeError, ValueError) as error:
        raise _not_azures(config) from error
    return tuple(sorted(names))


async def sign_in(config: Config, timeout: int) -> int | None:  # noqa: ASYNC109
    """See that this server can sign in; give the days that its certificate is valid, if any."""
    azure = session.session(config)
    await azure.sign_in(timeout)
    return azure.certificate.days_left(time.time()) if azure.certificate else None


def _etag(found: Any) -> str:  # noqa: ANN401 - as below
    if not found.etag:
        raise ValueError(found)  # without it a write would overwrite whatever is there
    return str(found.etag)


def _read(config: Config, found: Any) -> Record:  # noqa: ANN401 - what the SDK made of a stranger's bytes
    """Read what Azure says of the record set.

    Raises:
        Silent: it is none: somebody else has answered.

    """
    try:
        given = [str(each.ipv4_address) for each in (found.a_records or ())[:_MOST]]
        metadata = {str(key): str(value) for key, value in (found.metadata or {}).items()}
        return Record(
            addresses=tuple(str(ipaddress.IPv4Address(text)) for text in given),
            ttl=int(found.ttl),
            metadata=metadata,
            etag=_etag(found),
        )
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise _not_azures(config) from error


def _not_azures(config: Config) -> clpcore_lib_azure.Silent:
    return clpcore_lib_azure.Silent(
        f"{config.about}: what {config.resource_manager} answered is no record set. Is a proxy"
        " in the way?"
    )
