"""Checks of what is particular to machines of Azure, as far as no cloud need be asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore.ctl.doctor.case import Case
from clpcore.ctl.doctor.findings import Finding, ok, warning
from clpcore.ctl.words import said
from clpcore.model.states import Platform

# As the firmware tells: four bytes of attributes, and 1 for on.
_SECURE_BOOT: Final = Path(
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
)
_LETTERS: Final = re.compile(r"/dev/(sd[a-z]+|vd[a-z]+|nvme\d+n\d+)(p?\d+)?")


def azure(case: Case) -> Iterator[Finding]:
    """Look at zones, secure boot and the names of disks."""
    if case.config.platform is not Platform.AZURE:
        return
    yield from _zones(case)
    yield _secure_boot(case)
    yield from _device_links(case)


def _zones(case: Case) -> Iterator[Finding]:
    """Compare the zones that the configuration names."""
    zones = Counter(server.zone for server in case.config.servers if server.zone)
    shown = ", ".join(f"{server.name}: {server.zone or '?'}" for server in case.config.servers)
    if len(zones) == 1 and zones.total() > 1:
        what = said("all servers are in one availability zone: what ends it ends the cluster")
        yield warning(what, shown, said("make the servers in different zones"))
    elif zones:
        yield ok(said("availability zones"), shown)


def _secure_boot(case: Case) -> Finding:
    """Tell of it, as other cluster managers need it off."""
    try:
        on = case.machine.read(_SECURE_BOOT).endswith("\x01")
    except FileNotFoundError:
        on = False
    what = said("secure boot may stay on: no kernel module is needed")
    return ok(what, said("on") if on else said("off"))


def _device_links(case: Case) -> Iterator[Finding]:
    """Look for disks by names that another boot, or another order of attaching, gives others."""
    for group in case.config.groups:
        for resource in group.resources:
            device = str(resource.settings_for(case.where.server).get("device", ""))
            if _LETTERS.fullmatch(device):
                text = "{name} names a disk by a name that the next boot may give another one"
                link = said("use its link in /dev/disk/azure, or in /dev/disk/by-id")
                yield warning(said(text, name=resource.name), device, link)
            elif device.startswith("/dev/disk/"):
                yield ok(said("the disk of {name} has a lasting name", name=resource.name), device)
