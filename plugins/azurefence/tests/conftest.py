"""A server of a cluster in a simulated Azure, driven as a worker drives it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azurefence import course
from clpcore_azurefence.fence import AzureFence
from clpcore_azurefence.settings import Config
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")
_LONG = 15_000  # ms, for what ends by itself


@attrs.define
class Server:
    """node1, which may have to stop node2."""

    azure: Azure
    root: Path
    runner: asyncio.Runner
    driver: AzureFence = attrs.field(init=False)

    def configure(self, **changes: Any) -> None:  # noqa: ANN401 - settings
        """Make the driver anew, as a worker that knows nothing yet."""
        azure = self.azure
        settings: dict[str, Any] = {
            "subscription_id": azure.subscription,
            "resource_group": "TestGroup1",
            "application_id": azure.application,
            "tenant_id": azure.tenant,
            "certificate_file": str(azure.certificate()),
            "resource_manager": azure.cloud.resource_manager,
            "authority": azure.cloud.authority,
            "audience": azure.cloud.audience,
            "ca_bundle": azure.cloud.ca_bundle,
            "private": azure.cloud.private,
            "request_timeout": 4_000,
        }
        self.driver = AzureFence(Config(**settings | changes))

    def fence(self, patience: int = _LONG, victim: str = "node2") -> api.Power:
        return self._do(self.driver.fence, patience, victim)

    def can_fence(self, patience: int = _LONG, victim: str = "node2") -> api.Observation:
        return self._do(self.driver.can_fence, patience, victim)

    def _do(
        self,
        method: Callable[[api.Call, api.Ports], Awaitable[_T]],
        patience: int,
        victim: str,
    ) -> _T:
        """Give what the call gives; TimeoutError where it does not keep its deadline."""
        call = api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=0,
            server="node1",
            home="node1",
            previous="",
            group="",
            resource="",
            entry="forced_stop",
            victim=victim,
            deadline=clock.now() + patience,
        )
        folders = Folders.of_entry(Root(self.root), call, api.Kind.FENCE, "fence")

        async def until_the_deadline() -> _T:
            ports = LocalPorts(call, folders, Limits())
            try:
                async with asyncio.timeout(patience / 1_000):
                    return await method(call, ports)
            finally:
                await ports.close()

        return self.runner.run(until_the_deadline())


@pytest.fixture
def server(azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node1"])
    azure.set_timing(operation=0.1)
    monkeypatch.setattr(course, "_PAUSE", 100)  # a second, which test_azurefence_course.py sees
    with asyncio.Runner() as runner:
        made = Server(azure, tmp_path, runner)
        made.configure()
        yield made
        runner.run(session.close())
