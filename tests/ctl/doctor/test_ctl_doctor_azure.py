"""What is particular to machines of Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from clpcore.ctl.doctor import azure
from clpcore.ctl.doctor.case import Case
from clpcore.ctl.doctor.findings import Finding
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Resource
from clpcore.model.states import Platform

Found = Callable[[Callable[[Case], Iterator[Finding]], Case], Mapping[str, tuple[str, str]]]

_BOOT = "secure boot may stay on: no kernel module is needed"


def _with(case: Case, **changes: Any) -> Case:  # noqa: ANN401 - of the configuration
    config: ClusterConfig = attrs.evolve(case.config, **changes)
    return attrs.evolve(case, configured=attrs.evolve(case.configured, config=config))


def _zoned(case: Case, *zones: str) -> Case:
    servers = zip(case.config.servers, zones, strict=True)
    return _with(case, servers=tuple(attrs.evolve(each, zone=zone) for each, zone in servers))


@pytest.mark.parametrize(
    ("zones", "severity"),
    [(("1", "2"), "ok"), (("1", "1"), "warning"), (("1", ""), "ok"), (("", ""), None)],
)
def test_one_zone_is_one_cause_of_failure(
    case: Case, found: Found, zones: tuple[str, str], severity: str | None
) -> None:
    told = found(azure.azure, _zoned(case, *zones))
    seen = [state for what, (state, _) in told.items() if what != _BOOT]
    assert seen == ([severity] if severity else [])


@pytest.mark.parametrize(("text", "state"), [("\x06\0\0\0\x01", "on"), ("\x06\0\0\0\0", "off")])
def test_secure_boot_is_told(case: Case, found: Found, text: str, state: str) -> None:
    case.machine.files[str(azure._SECURE_BOOT)] = text  # type: ignore[attr-defined] # Given
    assert found(azure.azure, case)[_BOOT] == ("ok", state)


def test_a_machine_without_uefi_has_none(case: Case, found: Found) -> None:
    assert found(azure.azure, case)[_BOOT] == ("ok", "off")


@pytest.mark.parametrize(
    ("device", "severity"),
    [
        ("/dev/sdc1", "warning"),
        ("/dev/nvme0n2p1", "warning"),
        ("/dev/disk/azure/scsi1/lun0-part1", "ok"),
        ("/dev/disk/by-id/scsi-360022480a1b2", "ok"),
        ("/dev/vg1/data", None),
    ],
)
def test_a_disk_is_known_by_a_lasting_name(
    case: Case, found: Found, device: str, severity: str | None
) -> None:
    disk = Resource(name="disk1", group="failover1", type="disk", settings={"device": device})
    there = _with(case, groups=(Group(name="failover1", resources=(disk,)),))
    said = {what: said for what, said in found(azure.azure, there).items() if "disk1" in what}
    assert list(said.values()) == ([(severity, device)] if severity else [])


def test_elsewhere_nothing_is_told(case: Case, found: Found) -> None:
    assert found(azure.azure, _with(case, platform=Platform.LAB)) == {}
