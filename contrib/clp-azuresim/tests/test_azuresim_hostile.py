"""What anybody may send is refused or answered, and nothing else happens."""

from __future__ import annotations

import contextlib

import dns.message
from hypothesis import given
from hypothesis import strategies as st

from clp_azuresim import records
from clp_azuresim.dns_server import NameServers
from clp_azuresim.dns_zones import Zone, Zones
from clp_azuresim.exchange import Refused, Target
from clp_azuresim.journal import Journal

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
_KEYS = {kind: kept for kind, (kept, _) in records._KINDS.items()}
_FIELDS = ("ipv4Address", "ipv6Address", "cname", "exchange", "preference", "nsdname", "value")
_RECORD = st.dictionaries(st.sampled_from((*_FIELDS, "host", "email", "ptrdname")), _JSON)


def _servers(zone: Zone) -> NameServers:
    addresses = ("127.53.0.1", "127.53.0.2", "127.53.0.3", "127.53.0.4")
    return NameServers(Zones("s", [zone]), addresses, Journal())


@given(
    kind=st.sampled_from(sorted(_KEYS)),
    data=st.lists(_RECORD, max_size=2) | _RECORD | _JSON,
    ttl=st.integers(1, 100) | _JSON,
    metadata=st.none() | _JSON,
)
def test_a_record_set_is_refused_or_can_be_served(
    kind: str, data: object, ttl: object, metadata: object
) -> None:
    body = {"properties": {"TTL": ttl, _KEYS[kind]: data, "metadata": metadata}}
    with contextlib.suppress(Refused):
        zone = Zone(name="x.zone", resource_group="g")
        zone.put(records.read("a", kind, body))
        servers = _servers(zone)
        for asked in (kind, "ANY", "A"):
            question = dns.message.make_query("a.x.zone", asked).to_wire()
            assert servers.answer(servers.servers[0], question, "tcp")


@given(st.binary(max_size=80), st.booleans())
def test_any_datagram_is_answered_or_ignored(rubbish: bytes, after_a_header: bool) -> None:  # noqa: FBT001
    servers = _servers(Zone(name="x.zone", resource_group="g"))
    head = dns.message.make_query("x.zone", "A").to_wire()[:12] if after_a_header else b""
    answer = servers.answer(servers.servers[0], head + rubbish, "udp")
    assert answer is None or len(answer) <= 4096


@given(st.text(max_size=60))
def test_any_path_is_taken_apart_or_none(rest: str) -> None:
    target = Target.parse(f"/subscriptions/s/resourceGroups/g/providers/{rest}")
    if target is not None:
        assert 0 <= len(target.types) - len(target.names) <= 1
        assert target.of.startswith("/subscriptions/s")
