"""A simulated Azure, and the drivers of its servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azuredns import records, resource
from clpcore_azuredns.monitor import Azurednsw
from clpcore_azuredns.resource import Azuredns
from clpcore_azuredns.settings import Config, MonitorConfig
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")

NAME: Final = "test-record1"
ZONE: Final = "cluster1.zone"
RECORD: Final = f"dnszones/{ZONE}/A/{NAME}"  # in paths of requests
ADDRESSES: Final = {"node1": "10.5.0.110", "node2": "10.5.0.111"}


def run(work: Callable[[], Awaitable[_T]]) -> _T:
    """Run *work* in a worker's life, and leave no connection behind."""

    async def life() -> _T:
        try:
            return await work()
        finally:
            await session.close()

    return asyncio.run(life())


class Heard(LocalPorts):
    """Real ports that keep what is told."""

    def __init__(self, call: api.Call, folders: Folders, told: list[str]) -> None:
        super().__init__(call, folders, Limits())
        self._told = told

    def tell(self, text: str) -> None:
        self._told.append(text)


@attrs.define
class Server:
    """One server of the cluster: its drivers, and the calls that its core makes."""

    name: str
    settings: dict[str, Any]
    root: Path
    told: list[str] = attrs.field(factory=list)

    def call(self, *, epoch: int = 7, patience: int = 10_000, **changes: Any) -> api.Call:  # noqa: ANN401
        call = api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=epoch,
            server=self.name,
            home="node1",
            previous="",
            group="failover1",
            resource="azuredns1",
            deadline=clock.now() + patience,
        )
        return attrs.evolve(call, **changes)

    def ports(self, call: api.Call) -> LocalPorts:
        return Heard(call, Folders.of(Root(self.root), call), self.told)

    def driver(self, **changes: Any) -> Azuredns:  # noqa: ANN401
        return Azuredns(Config(**self.settings | changes))

    def monitor(self, **changes: Any) -> Azurednsw:  # noqa: ANN401
        return Azurednsw(MonitorConfig(**self.settings | changes))

    async def ready(self) -> None:
        """Sign in, as a worker has that has looked before."""
        await records.sign_in(Config(**self.settings), 5_000)

    async def activate(self, *, epoch: int = 7, patience: int = 10_000, **changes: Any) -> None:  # noqa: ANN401
        call = self.call(epoch=epoch, patience=patience)
        await self.driver(**changes).activate(call, self.ports(call))

    async def deactivate(
        self,
        event: api.Event = api.Event.STOP,
        *,
        epoch: int = 7,
        lost: bool = False,
        patience: int = 10_000,
        **changes: Any,  # noqa: ANN401
    ) -> None:
        call = self.call(epoch=epoch, event=event, lost=lost, patience=patience)
        await self.driver(**changes).deactivate(call, self.ports(call))

    async def probe(self, **changes: Any) -> api.Presence:  # noqa: ANN401
        call = self.call()
        return await self.driver(**changes).probe(call, self.ports(call))

    async def observe(
        self,
        monitor: Azurednsw | None = None,
        *,
        role: api.Role = api.Role.ACTIVE,
        epoch: int = 7,
        patience: int = 10_000,
    ) -> api.Observation:
        call = self.call(epoch=epoch, role=role, monitor="azurednsw1", patience=patience)
        return await (monitor or self.monitor()).observe(call, self.ports(call))


@pytest.fixture(autouse=True)
def _says_it_again() -> Iterator[None]:
    """Forget what a worker says only once."""
    resource._blind.clear()
    yield
    resource._blind.clear()


@pytest.fixture
def servers(azure: Azure, tmp_path: Path) -> tuple[Server, Server]:
    """node1 and node2 of the guide's cluster."""
    common = {
        "subscription_id": azure.subscription,
        "resource_group": "TestGroup1",
        "application_id": azure.application,
        "tenant_id": azure.tenant,
        "certificate_file": str(azure.certificate()),
        "resource_manager": azure.cloud.resource_manager,
        "authority": azure.cloud.authority,
        "audience": azure.cloud.audience,
        "ca_bundle": str(azure.cloud.ca_bundle),
        "private": azure.cloud.private,
        "zone": ZONE,
        "record_set": NAME,
        "ttl": 60,
        "name_servers": tuple(f"{address}:{azure.dns_port}" for address in azure.dns_addresses),
    }
    one, two = (
        Server(name, common | {"ip": ip}, tmp_path / name) for name, ip in ADDRESSES.items()
    )
    return one, two
