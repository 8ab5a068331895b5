"""Asks Azure for load balancers and the network cards of their pools."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import attrs
from azure.mgmt.network.aio import NetworkManagementClient

from clpcore import api
from clpcore_azurelb import balancer, compare
from clpcore_azurelb.balancer import Balancer, Card, Pool
from clpcore_lib_azure import Account, session

_LEAST: Final = 500  # ms for a question, whatever went before


@attrs.define
class Asking:
    """The questions to one account; *until* on the monotonic clock, in seconds."""

    account: Account
    until: float
    unknown: list[api.Finding] = attrs.field(factory=list, init=False)

    async def balancers(self) -> list[Balancer]:
        """Give every load balancer of the account's resource group.

        What could not be read of one is in *unknown*.

        Raises:
            DriverError: none can be read.

        """
        group = self.account.resource_group
        what = f"load balancers of {group}"
        bodies = await self._ask(what, _all(self._client.load_balancers.list(group)))
        return [await self._with_addresses(balancer.read(each.as_dict())) for each in bodies]

    async def _with_addresses(self, found: Balancer) -> Balancer:
        pools = [await self._filled(found, pool) for pool in found.pools]
        return attrs.evolve(found, pools=tuple(pools))

    async def _filled(self, owner: Balancer, pool: Pool) -> Pool:
        """Give a pool with the addresses of its cards, as it is if one is not told."""
        try:
            each = await asyncio.gather(*(self._addresses(card) for card in pool.cards))
        except api.DriverError as error:
            self.unknown.append(compare.cards_unknown(owner, pool, str(error)))
            return pool
        known = pool.addresses.union(*each)
        return Pool(name=pool.name, addresses=known)

    async def _addresses(self, card: Card) -> frozenset[str]:
        question = self._client.network_interfaces.get(card.resource_group, card.name)
        answer = await self._ask(f"network card {card.name}", question)
        return balancer.addresses(answer.as_dict())

    @property
    def _client(self) -> NetworkManagementClient:
        return session.session(self.account).client(NetworkManagementClient)

    async def _ask(self, what: str, question: Any) -> Any:  # noqa: ANN401 - the SDK's models
        left = round((self.until - time.monotonic()) * 1_000)
        return await session.session(self.account).ask(what, question, max(_LEAST, left))


async def _all(pages: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in pages]
