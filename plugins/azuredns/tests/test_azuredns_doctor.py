"""What `clp doctor` says of a name, before a failover needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clpcore import api
from clpcore_azuredns import doctor
from clpcore_azuredns.settings import Config

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

ZONES = "Microsoft.Network/dnsZones"
OK, WARNING, ERROR, UNKNOWN = (
    *(api.Severity.OK, api.Severity.WARNING, api.Severity.ERROR, api.Severity.UNKNOWN),
)


class Server(Protocol):
    settings: dict[str, Any]


def findings(
    servers: tuple[Server, Server],
    timeout: int = 5_000,
    **changes: Any,  # noqa: ANN401
) -> list[api.Finding]:
    config = Config(**servers[0].settings | changes)
    cluster = api.Cluster(
        name="Cluster1",
        platform="azure",
        server="node1",
        interconnects={"node1": ("10.5.0.110",)},
        heartbeat_timeout=90_000,
        timeout=timeout,
        parts=(
            api.Part(
                kind=api.Kind.RESOURCE,
                type="azuredns",
                name="azuredns1",
                group="failover1",
                on={"node1": config},
            ),
        ),
    )
    return list(doctor.look(cluster))


def worst(found: list[api.Finding]) -> list[str]:
    return [f"{each.what} {each.value}" for each in found if each.severity is ERROR]


def test_a_name_that_could_be_taken(azure: Azure, servers: tuple[Server, Server]) -> None:
    found = findings(servers)
    assert {each.severity for each in found} == {OK}
    assert found[0].value == azure.application
    assert "ns1-02.azure-dns.com" in found[-1].value


def test_a_long_ttl_is_told(servers: tuple[Server, Server]) -> None:
    found = findings(servers, ttl=3_600)
    assert [each.severity for each in found if "3600 s" in each.what] == [WARNING]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("expired", "has expired"),
        ("early", "look at the clock"),
        ("elliptic", "another kind than RSA"),
        ("unregistered", "AADSTS700027"),
    ],
)
def test_a_certificate_that_does_not_sign_in(
    azure: Azure, servers: tuple[Server, Server], kind: str, said: str
) -> None:
    (wrong,) = worst(findings(servers, certificate_file=str(azure.certificate(kind))))
    assert said in wrong


def test_a_zone_that_is_not_there(servers: tuple[Server, Server]) -> None:
    wrong = worst(findings(servers, zone="other.zone"))
    assert any("cannot read who the zone's name servers are" in each for each in wrong)


def test_the_guides_role_is_told_what_it_cannot(
    azure: Azure, servers: tuple[Server, Server]
) -> None:
    from clp_azuresim.roles import Role  # noqa: PLC0415

    guide = tuple(f"{ZONES}/{each}" for each in ("A/write", "A/delete", "NS/read"))
    azure.set_roles(Role(actions=(*guide, "Microsoft.Authorization/permissions/read"), scope="/"))
    (found,) = [each for each in findings(servers) if each.severity is not OK]
    assert found.severity is WARNING
    assert f"lacks {ZONES}/A/read" in found.what


def test_a_role_that_is_not_enough(azure: Azure, servers: tuple[Server, Server]) -> None:
    from clp_azuresim.roles import Role  # noqa: PLC0415

    some = (f"{ZONES}/A/read", f"{ZONES}/NS/read", "Microsoft.Authorization/permissions/read")
    azure.set_roles(Role(actions=some, scope="/"))
    wrong = worst(findings(servers))
    assert [
        f"{ZONES}/{each}" in wrong[0] or f"{ZONES}/{each}" in wrong[1]
        for each in ("A/write", "A/delete")
    ] == [True, True]


def test_what_is_not_answered_is_an_unknown_in_time(
    azure: Azure, servers: tuple[Server, Server]
) -> None:
    azure.fault("hang", "/", count=None)
    (found,) = findings(servers, timeout=700)
    assert found.severity is UNKNOWN
    assert found.remedy


def test_a_cluster_without_names_is_not_asked() -> None:
    cluster = api.Cluster(
        name="C",
        platform="azure",
        server="node1",
        interconnects={},
        heartbeat_timeout=1,
        timeout=1,
        parts=(),
    )
    assert list(doctor.look(cluster)) == []
