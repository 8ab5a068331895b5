"""The check ``azuredns`` of ``clp doctor``: could this server take each of its names?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

import attrs

import clpcore_lib_azure
from clpcore import api
from clpcore_azuredns import settings
from clpcore_azuredns.settings import Config

_T = TypeVar("_T")


_NEEDED: Final = ("A/write", "NS/read")
_READ: Final = "A/read"
_DELETE: Final = "A/delete"


def look(cluster: api.Cluster) -> Iterator[api.Finding]:
    """Look at the files, the sign-in, the role, the zone and the TTL of each azuredns."""
    until = time.monotonic() + cluster.timeout / 1_000
    for part in cluster.of(api.Kind.RESOURCE, "azuredns"):
        config: Config = part.on[cluster.server]
        files = [_of_problem(part.name, each) for each in clpcore_lib_azure.validate_here(config)]
        yield from files
        yield from _ttl(part.name, config)
        if not any(each.severity is api.Severity.ERROR for each in files):
            yield from asyncio.run(_asked(_Asking(part.name, config, until)))


def _of_problem(name: str, problem: api.Problem) -> api.Finding:
    severity = api.Severity.WARNING if problem.risk else api.Severity.ERROR
    return api.Finding(severity, f"{name}: {problem.what}", "", problem.remedy)


def _ttl(name: str, config: Config) -> Iterator[api.Finding]:
    for problem in settings.validate(config):
        if problem.key == "ttl":
            yield api.Finding(api.Severity.WARNING, f"{name}: {problem.what}", "", problem.remedy)


async def _asked(asking: _Asking) -> list[api.Finding]:
    from clpcore_lib_azure import session  # noqa: PLC0415 - the SDK, for who has a name in Azure

    try:
        return [finding async for finding in asking.findings()]
    finally:
        await session.close()


@attrs.frozen
class _Asking:
    """Questions about one name, until a moment of ``time.monotonic``."""

    name: str
    config: Config
    until: float

    async def findings(self) -> AsyncIterator[api.Finding]:
        """Give what Azure says, in the order in which a failover would need it."""
        from clpcore_azuredns import records  # noqa: PLC0415 - as above

        signed = await self._ask("sign in", records.sign_in)
        if isinstance(signed, api.Finding):
            yield signed
            return
        yield api.Finding(api.Severity.OK, f"{self.name}: this server can sign in", self._who)
        for finding in await self._role():
            yield finding
        names = await self._ask("read who the zone's name servers are", records.name_servers)
        if isinstance(names, api.Finding):
            yield names
        else:
            yield api.Finding(
                api.Severity.OK, f"{self.name}: zone {self.config.zone}", ", ".join(names)
            )

    @property
    def _who(self) -> str:
        return self.config.application_id or "managed identity"

    async def _ask(
        self, to: str, question: Callable[..., Coroutine[Any, Any, _T]], *about: object
    ) -> _T | api.Finding:
        left = int((self.until - time.monotonic()) * 1_000)
        timeout = min(self.config.request_timeout, left)
        try:
            return await question(self.config, *about, timeout)
        except api.DriverError as error:
            wrong = isinstance(error, api.Misconfigured)
            severity = api.Severity.ERROR if wrong else api.Severity.UNKNOWN
            said, _, remedy = str(error).partition(". ")
            return api.Finding(severity, f"{self.name}: this server cannot {to}", said, remedy)

    async def _role(self) -> list[api.Finding]:
        """Compare what the role allows with what the name needs."""
        from clpcore_lib_azure import permissions  # noqa: PLC0415 - as above

        needed = (*_NEEDED, *((_DELETE,) if self.config.delete_at_deactivation else ()))
        actions = tuple(f"Microsoft.Network/dnsZones/{each}" for each in (*needed, _READ))
        lacks = await self._ask("read its permissions", self._missing, permissions.missing, actions)
        if isinstance(lacks, api.Finding):
            return [attrs.evolve(lacks, severity=api.Severity.UNKNOWN)]
        return list(self._judged(lacks))

    async def _missing(
        self,
        config: Config,
        missing: Callable[..., Coroutine[Any, Any, tuple[str, ...]]],
        actions: tuple[str, ...],
        timeout: int,  # noqa: ASYNC109 - ms
    ) -> tuple[str, ...]:
        return await missing(config, self._zone, actions, timeout)

    @property
    def _zone(self) -> str:
        config = self.config
        group = f"/subscriptions/{config.subscription_id}/resourceGroups/{config.resource_group}"
        return f"{group}/providers/Microsoft.Network/dnsZones/{self.config.zone}"

    def _judged(self, lacks: tuple[str, ...]) -> Iterator[api.Finding]:
        remedy = f"Give {self._who} a role with it on the zone: docs/howto/azure-dns.md"
        for action in lacks:
            what = f"{self.name}: the role lacks {action} on {self._zone}"
            if action.endswith(_READ):
                what += ", so that the record is written without a condition"
                yield api.Finding(api.Severity.WARNING, what, "", remedy)
            else:
                yield api.Finding(api.Severity.ERROR, what, "", remedy)
        if not lacks:
            yield api.Finding(
                api.Severity.OK, f"{self.name}: the role allows what the name needs", self._who
            )
