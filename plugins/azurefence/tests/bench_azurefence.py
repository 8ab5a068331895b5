"""What a forced stop takes beyond Azure's own time, and what its worker holds in memory.

Run it: python plugins/azurefence/tests/bench_azurefence.py [STOPS]
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clp_azuresim import beside, plan
from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azurefence import spec
from clpcore_azurefence.settings import Config
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_OPERATION: Final = (0.2, 0.5, 1.0, 2.0)  # seconds that Azure takes
_DEADLINE: Final = 30_000  # ms
_WARM: Final = """
from clpcore_azurefence import spec
spec.warm_up()
print(int(open("/proc/self/statm").read().split()[1]) * 4096 // 1_000_000)
"""


def main(stops: int) -> None:
    """Measure, and print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        beside.simulated(plan.guide(), Path(folder), {}) as azure,
    ):
        os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = azure.imds["node1"]
        asyncio.run(_measure(azure, Path(folder), stops))
    warm = subprocess.run([sys.executable, "-c", _WARM], capture_output=True, check=True)
    _tell(f"a warm worker: {int(warm.stdout)} MB")


async def _measure(azure: Azure, folder: Path, stops: int) -> None:
    spec.warm_up()
    driver = _driver(azure)
    seen = await driver.can_fence(_call(), _ports(folder))
    assert seen.health is api.Health.NORMAL, seen
    known = set(sys.modules)
    _tell("operation  beyond it: median  worst   (ms)")
    for seconds in _OPERATION:
        azure.set_timing(operation=seconds)
        took = [await _stop(azure, driver, folder, seconds) for _ in range(stops)]
        _tell(f"{seconds:7.1f} s  {statistics.median(took):18.1f} {max(took):6.1f}")
    late = sorted(set(sys.modules) - known)
    _tell(f"imported in a forced stop: {', '.join(late) or 'nothing'}")
    await session.close()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def _stop(azure: Azure, driver: api.FenceDriver, folder: Path, operation: float) -> float:
    """Give the milliseconds that one forced stop took beyond Azure's."""
    azure.set_power("node2", on=True)
    began = time.perf_counter()
    power = await driver.fence(_call(), _ports(folder))
    took = time.perf_counter() - began
    assert power is api.Power.OFF
    return (took - operation) * 1_000


def _driver(azure: Azure) -> api.FenceDriver:
    cloud = azure.cloud
    config = Config(
        subscription_id=azure.subscription,
        resource_group="TestGroup1",
        application_id=azure.application,
        tenant_id=azure.tenant,
        certificate_file=str(azure.certificate()),
        resource_manager=cloud.resource_manager,
        authority=cloud.authority,
        audience=cloud.audience,
        ca_bundle=cloud.ca_bundle,
        private=cloud.private,
    )
    made = spec.SPEC.make(config) if spec.SPEC.make else None
    assert made is not None
    return made  # type: ignore[return-value]


def _call() -> api.Call:
    return api.Call(
        event=api.Event.START,
        role=api.Role.ACTIVE,
        epoch=0,
        server="node1",
        home="node1",
        previous="",
        group="",
        resource="",
        entry="forced_stop",
        victim="node2",
        deadline=clock.now() + _DEADLINE,
    )


def _ports(folder: Path) -> LocalPorts:
    folders = Folders.of_entry(Root(folder), _call(), api.Kind.FENCE, "fence")
    return LocalPorts(_call(), folders, Limits())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
