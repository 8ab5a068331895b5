# ruff: noqa: INP001 - beside a script, in no package
"""The cluster's own drivers, driven by hand: what they do here they do in a cluster."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from clpcore import api, config, host
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azurelb import doctor

_T = TypeVar("_T")
_STEP: Final = 0.5  # seconds between two looks
_DEADLINE: Final = 150_000  # ms for a call; a forced stop takes longest


class AsWritten(argparse.RawDescriptionHelpFormatter):
    """Shows a description as it stands."""


@attrs.frozen
class Driven:
    """One driver with its settings, called as a worker calls it; *root* keeps its notes."""

    driver: Any
    call: api.Call
    root: Path

    @classmethod
    def of(
        cls, kind: api.Kind, plugin: str, name: str, settings: dict[str, Any], root: Path
    ) -> Driven:
        """Make it; what is wrong with the settings is told as by the check."""
        registry = host.load_one(plugin)
        spec = registry.specs.get((kind, name))
        if spec is None:
            raise api.NotInstalled("; ".join(each.reason for each in registry.refused))
        made = spec.make(config.structure(spec, settings)) if spec.make else None
        call = api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource=f"{name}1",
        )
        return cls(made, call, root)

    def do(self, verb: str, **about: Any) -> Any:  # noqa: ANN401 - of any verb
        """Call a method, and close what it has opened to Azure; *about* goes into the call."""
        call = attrs.evolve(self.call, **about)
        ports = LocalPorts(call, Folders.of(Root(self.root), call), Limits())
        call = attrs.evolve(call, deadline=ports.now() + _DEADLINE)
        return asyncio.run(_closing(getattr(self.driver, verb)(call, ports)))


async def _closing(work: Coroutine[Any, Any, _T]) -> _T:
    from clpcore_lib_azure import session  # noqa: PLC0415 - heavy

    try:
        async with asyncio.timeout(_DEADLINE / 1_000):
            return await work
    finally:
        await session.close()


def look_at_balancer(account: dict[str, Any]) -> Iterator[api.Finding]:
    """Compare the balancer with the cluster of conf.d/azure-public-lb."""
    from clpcore_lib_azure import Account  # noqa: PLC0415 - heavy

    specs = host.load_one("lbpp").specs
    lbpp = config.structure(specs[api.Kind.RESOURCE, "lbpp"], {"port": 26001})
    servers = {"node1": ("10.5.0.110",), "node2": ("10.5.0.111",)}

    def part(kind: api.Kind, type_: str, settings: object) -> api.Part:
        on = dict.fromkeys(servers, settings)
        return api.Part(kind=kind, type=type_, name=f"{type_}1", group="failover1", on=on)

    cluster = api.Cluster(
        name="Cluster1",
        platform="azure",
        server="node1",
        interconnects=servers,
        heartbeat_timeout=90_000,
        timeout=60_000,
        parts=(
            part(api.Kind.RESOURCE, "lbpp", lbpp),
            part(api.Kind.FENCE, "azure", Account(**account)),
        ),
    )
    yield from doctor.look(cluster)


def move_name(
    settings: dict[str, Any], watched: dict[str, Any], addresses: Sequence[str], patience: float
) -> Iterator[str]:
    """Activate the name for one address after the other, until the monitor finds it; delete it.

    *watched* are settings of the monitor alone.
    """
    with tempfile.TemporaryDirectory() as folder:

        def of(kind: api.Kind, type_: str, address: str, **more: Any) -> Driven:  # noqa: ANN401
            here = {**settings, **more, "ip": address}
            return Driven.of(kind, "azuredns", type_, here, Path(folder))

        for address in addresses:
            monitor = of(api.Kind.MONITOR, "azurednsw", address, **watched)
            began = time.monotonic()
            of(api.Kind.RESOURCE, "azuredns", address).do("activate")
            written = time.monotonic()
            seen = _until_normal(monitor, patience)
            took = f"written in {written - began:.2f} s, {seen.health.value} after"
            yield f"{address}: {took} {time.monotonic() - written:.1f} s: {seen.sentence}"
        last = of(api.Kind.RESOURCE, "azuredns", addresses[-1])
        last.do("deactivate", event=api.Event.STOP)
        yield "the record set is deleted"


def _until_normal(monitor: Driven, patience: float) -> api.Observation:
    until = time.monotonic() + patience
    while True:
        seen: api.Observation = monitor.do("observe")
        if seen.health is api.Health.NORMAL or time.monotonic() > until:
            return seen
        time.sleep(_STEP)


def stop_by_force(settings: dict[str, Any], victim: str) -> Iterator[str]:
    """Ask whether the victim could be stopped, stop it, and tell how long that took."""
    with tempfile.TemporaryDirectory() as folder:
        fence = Driven.of(api.Kind.FENCE, "azurefence", "azure", settings, Path(folder))
        ready: api.Observation = fence.do("can_fence", victim=victim)
        yield f"{ready.health.value}: {ready.sentence}"
        began = time.monotonic()
        power: api.Power = fence.do("fence", victim=victim)
        yield f"{victim} is {power.value} after {time.monotonic() - began:.1f} s"
