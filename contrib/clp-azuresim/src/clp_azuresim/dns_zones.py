"""Public DNS zones: ARM's Microsoft.Network/dnsZones, with etags and conditions."""

import uuid
from collections.abc import Iterable
from typing import Any

import attrs

from clp_azuresim import records
from clp_azuresim.arm import Call
from clp_azuresim.effects import take_effect
from clp_azuresim.exchange import Refused, Reply, Target, error
from clp_azuresim.records import APEX, NAME_SERVERS, RecordSet

_ANY = "*"
_LISTS = frozenset({"recordsets", "all"})
_ZONE, _RECORD_SET = 1, 2  # how many names an id has


@attrs.define(kw_only=True)
class Zone:
    """A zone and its record sets, by type and lower-case name."""

    name: str
    resource_group: str
    sets: dict[tuple[str, str], RecordSet] = attrs.field(factory=dict)
    etag: str = attrs.field(
        factory=lambda: f"00000002-0000-0000-{uuid.uuid4().hex[:4]}-0123456789ab"
    )

    def __attrs_post_init__(self) -> None:
        for each in records.of_new_zone():
            self.sets.setdefault(each.key, each)

    def put(self, record_set: RecordSet) -> None:
        self.sets[record_set.key] = record_set

    def drop(self, key: tuple[str, str]) -> None:
        self.sets.pop(key, None)

    def at(self, name: str) -> list[RecordSet]:
        """Give all record sets of one name."""
        return [each for each in self.sets.values() if each.name.lower() == name.lower()]


class Zones:
    """All zones of the subscription; the provider for them."""

    kinds = frozenset({"microsoft.network/dnszones"})
    versions = frozenset({"2016-04-01", "2017-09-01", "2017-10-01", "2018-05-01"}) | {
        "2018-03-01-preview",
        "2023-07-01-preview",
    }

    def __init__(self, subscription: str, zones: Iterable[Zone]) -> None:
        self._subscription = subscription
        self.zones = {zone.name.lower(): zone for zone in zones}

    def named(self, name: str) -> Zone:
        """Give a zone by name; KeyError lists those that there are."""
        try:
            return self.zones[name.lower()]
        except KeyError:
            raise KeyError(f"no zone {name!r}: there are {', '.join(self.zones)}") from None

    def action(self, method: str, target: Target) -> str | None:
        verb = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}.get(method)
        types = ["dnsZones", *(_spelled(kind) for kind in target.types[1:])]
        return f"Microsoft.Network/{'/'.join(types)}/{verb or method.lower()}"

    async def answer(self, call: Call) -> Reply:
        target, method = call.target, call.request.method
        if not target.names and method == "GET":
            group = target.resource_group.lower()
            ours = [zone for zone in self.zones.values() if zone.resource_group.lower() == group]
            return Reply(body={"value": [self._zone_body(zone) for zone in ours]})
        zone = self._zone(target)
        if len(target.types) == _ZONE and method == "GET":
            return Reply(body=self._zone_body(zone)).with_headers(ETag=zone.etag)
        if len(target.types) == _RECORD_SET:
            return self._on_records(call, zone)
        text = f"The requested resource does not support http method '{method}'."
        return error(405, "MethodNotAllowed", text)

    def _zone(self, target: Target) -> Zone:
        zone = self.zones.get(target.names[0].lower()) if target.names else None
        if zone is not None and zone.resource_group.lower() == target.resource_group.lower():
            return zone
        name = f"Microsoft.Network/dnszones/{target.names[0] if target.names else ''}"
        if len(target.types) > _ZONE:
            text = (
                "Can not perform requested operation on nested resource. Parent resource"
                f" '{name.rpartition('/')[2]}' not found."
            )
            raise Refused(error(404, "ParentResourceNotFound", text))
        text = (
            f"The Resource '{name}' under resource group '{target.resource_group}' was not found."
            " For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
        raise Refused(error(404, "ResourceNotFound", text))

    def _on_records(self, call: Call, zone: Zone) -> Reply:
        kind = call.target.types[1]
        if len(call.target.names) < _RECORD_SET:
            return self._list(zone, kind)
        key = (kind.upper(), call.target.names[1].lower())
        current = zone.sets.get(key)
        match call.request.method:
            case "GET":
                reply = self._get(call.target, zone, current)
            case "PUT":
                reply = self._put(call, zone, current)
            case "DELETE":
                reply = self._delete(call, zone, current)
            case other:
                text = f"The requested resource does not support http method '{other}'."
                raise Refused(error(405, "MethodNotAllowed", text))
        left = "499" if call.request.method == "GET" else "11999"
        name = "x-ms-ratelimit-remaining-subscription-resource-requests"
        return attrs.evolve(reply, headers={**reply.headers, name: left})

    def _list(self, zone: Zone, kind: str) -> Reply:
        wanted = kind.lower()
        found = [
            self._body(zone, each)
            for each in zone.sets.values()
            if wanted in _LISTS or each.kind.lower() == wanted
        ]
        return Reply(body={"value": found})

    def _get(self, target: Target, zone: Zone, current: RecordSet | None) -> Reply:
        if current is None:
            text = (
                f"The resource record '{target.names[1]}' does not exist in resource group"
                f" '{zone.resource_group}' of subscription '{self._subscription}'."
            )
            raise Refused(error(404, "NotFound", text, wrapped=False))
        return Reply(body=self._body(zone, current)).with_headers(ETag=current.etag)

    def _put(self, call: Call, zone: Zone, current: RecordSet | None) -> Reply:
        name, kind = call.target.names[1], call.target.types[1].upper()
        _must_match(call, name, current)
        if call.request.headers.get("if-none-match") == _ANY and current is not None:
            text = f"The Record set {name} exists already and hence cannot be created again."
            raise Refused(_changed(text))
        new = records.read(name, kind, call.request.json())
        _must_be_alone(zone, new)
        take_effect(lambda: zone.put(new), call.request.fault)
        status = 201 if current is None else 200
        return Reply(status=status, body=self._body(zone, new)).with_headers(ETag=new.etag)

    def _delete(self, call: Call, zone: Zone, current: RecordSet | None) -> Reply:
        _must_match(call, call.target.names[1], current)
        if current is None:
            return Reply(status=204)
        if current.name == APEX and current.kind in {"NS", "SOA"}:
            text = f"The {current.kind} record set at the zone apex cannot be deleted."
            raise Refused(error(400, "BadRequest", text, wrapped=False))
        take_effect(lambda: zone.drop(current.key), call.request.fault)
        return Reply()

    def _id(self, zone: Zone) -> str:
        # Azure answers with `dnszones` in lower case, whatever the request had.
        return (
            f"/subscriptions/{self._subscription}/resourceGroups/{zone.resource_group}"
            f"/providers/Microsoft.Network/dnszones/{zone.name}"
        )

    def _zone_body(self, zone: Zone) -> dict[str, Any]:
        return {
            "id": self._id(zone),
            "name": zone.name,
            "type": "Microsoft.Network/dnszones",
            "etag": zone.etag,
            "location": "global",
            "tags": {},
            "properties": {
                "maxNumberOfRecordSets": 10_000,
                "maxNumberOfRecordsPerRecordSet": None,
                "nameServers": list(NAME_SERVERS),
                "numberOfRecordSets": len(zone.sets),
                "zoneType": "Public",
            },
        }

    def _body(self, zone: Zone, each: RecordSet) -> dict[str, Any]:
        domain = f"{zone.name}." if each.name == APEX else f"{each.name}.{zone.name}."
        metadata = {"metadata": dict(each.metadata)} if each.metadata else {}
        return {
            "id": f"{self._id(zone)}/{each.kind}/{each.name}",
            "name": each.name,
            "type": f"Microsoft.Network/dnszones/{each.kind}",
            "etag": each.etag,
            "properties": {
                **metadata,
                "fqdn": domain,
                "TTL": each.ttl,
                **each.data,
                "targetResource": {},
                "provisioningState": "Succeeded",
            },
        }


def _spelled(kind: str) -> str:
    return kind.lower() if kind.lower() in _LISTS else kind.upper()


def _must_match(call: Call, name: str, current: RecordSet | None) -> None:
    """Refuse with 412 what If-Match does not allow; etags come with and without quotes."""
    wanted = call.request.headers.get("if-match", "").strip().strip('"')
    if not wanted:
        return
    if current is None or wanted not in {_ANY, current.etag}:
        raise Refused(_changed(f"The Record set {name} has been modified (etag mismatch)."))


def _must_be_alone(zone: Zone, new: RecordSet) -> None:
    """Refuse a CNAME beside anything else, and anything else beside a CNAME."""
    others = [each.kind for each in zone.at(new.name) if each.kind != new.kind]
    if new.kind == "CNAME" and others:
        text = (
            "The CNAME record could not be created because another record with the same name"
            " already exists in this zone."
        )
        raise Refused(error(409, "Conflict", text, wrapped=False))
    if "CNAME" in others:
        text = (
            f"The record could not be created because a CNAME record with the same name"
            f" '{new.name}' already exists in this zone."
        )
        raise Refused(error(409, "Conflict", text, wrapped=False))


def _changed(text: str) -> Reply:
    return error(412, "PreconditionFailed", text, wrapped=False)
