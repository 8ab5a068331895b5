# ruff: noqa: INP001, T201 - a script, in no package, that prints
"""Measures azuredns against a simulated Azure on this machine: `python measure.py [ROUNDS]`.

The simulator is a process of its own; what is measured is this one, which does what a worker does.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clp_azuresim.beside import running
from clp_azuresim.throttle import Use
from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azuredns import specs

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure
    from clpcore_azuredns.settings import MonitorConfig

_MB = 1 / 1024
_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="failover1",
    resource="azuredns1",
)


def main(rounds: int) -> None:
    """Measure, and print a table."""
    folder = Path(tempfile.mkdtemp(prefix="azuredns-bench-"))
    guide = folder / "guide.toml"
    guide.write_text(resources.files("clp_azuresim").joinpath("guide.toml").read_text("utf-8"))
    try:
        began = time.perf_counter()
        specs.warm_up()
        _print("warm up: imports when the worker starts", (time.perf_counter() - began) * 1e3)
        with running(guide, folder / "azure") as azure:
            for use in Use:
                azure.set_limit(use, size=1e6, rate=1e6)  # nobody asks that often in earnest
            asyncio.run(_measure(azure, folder, rounds))
    finally:
        shutil.rmtree(folder)


async def _measure(azure: Azure, folder: Path, rounds: int) -> None:
    from clpcore_azuredns.monitor import Azurednsw  # noqa: PLC0415 - after the clock has started
    from clpcore_azuredns.resource import Azuredns  # noqa: PLC0415 - as above
    from clpcore_lib_azure import session  # noqa: PLC0415 - as above

    config = _config(azure)
    resource, monitor = Azuredns(config), Azurednsw(config)
    every_look = Azurednsw(attrs.evolve(config, azure_interval=0))
    try:
        await _timed("the first activation: session, signing in, TLS", 1, folder, resource.activate)
        known = set(sys.modules)
        await _timed("activation, warm: read, write, read", rounds, folder, resource.activate)
        await _timed(
            "activation of what is there: read", rounds, folder, resource.activate, same=True
        )
        await _timed("observation: name servers", rounds, folder, monitor.observe)
        await _timed("observation: Azure and name servers", rounds, folder, every_look.observe)
        move = attrs.evolve(_CALL, event=api.Event.MOVE)
        await _timed("deactivation for a move", rounds, folder, resource.deactivate, call=move)
        later = sorted(set(sys.modules) - known)
        print(f"imported after the first activation: {', '.join(later) or 'nothing'}")
        _print_memory("worker with DNS")
        from azure.mgmt.compute.aio import ComputeManagementClient  # noqa: PLC0415 - weighed apart

        session.session(config).client(ComputeManagementClient)
        _print_memory("worker with DNS and compute")
    finally:
        await session.close()


async def _timed(
    what: str,
    rounds: int,
    folder: Path,
    method: Callable[[api.Call, api.Ports], Awaitable[object]],
    *,
    call: api.Call = _CALL,
    same: bool = False,
) -> None:
    took, worked = [], time.process_time()
    for _ in range(rounds):
        _epochs[0] += not same
        each = attrs.evolve(call, epoch=_epochs[0], deadline=clock.now() + 30_000)
        ports = LocalPorts(each, Folders.of(Root(folder), each), Limits())
        began = time.perf_counter()
        await method(each, ports)
        took.append((time.perf_counter() - began) * 1e3)
    worked = (time.process_time() - worked) * 1e3 / rounds
    _print(
        what, statistics.median(took), f" (worst {max(took):.1f}; {worked:.1f} of the processor)"
    )


_epochs = [0]  # each activation is one of a new ownership, so that it writes


def _config(azure: Azure) -> MonitorConfig:
    from clpcore_azuredns.settings import MonitorConfig  # noqa: PLC0415 - as above

    return MonitorConfig(
        subscription_id=azure.subscription,
        resource_group="TestGroup1",
        application_id=azure.application,
        tenant_id=azure.tenant,
        certificate_file=str(azure.certificate()),
        resource_manager=azure.cloud.resource_manager,
        authority=azure.cloud.authority,
        audience=azure.cloud.audience,
        ca_bundle=str(azure.cloud.ca_bundle),
        private=azure.cloud.private,
        zone="cluster1.zone",
        record_set="bench",
        ip="10.5.0.110",
        ttl=60,
        name_servers=tuple(f"{each}:{azure.dns_port}" for each in azure.dns_addresses),
    )


def _print(what: str, median: float, more: str = "") -> None:
    print(f"{what}: {median:.1f} ms{more}")


def _print_memory(what: str) -> None:
    fields = Path("/proc/self/smaps_rollup").read_text().split()
    rss, pss = (int(fields[fields.index(name) + 1]) * _MB for name in ("Rss:", "Pss:"))
    print(f"{what}: {rss:.0f} MB resident, {pss:.0f} MB its share")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
