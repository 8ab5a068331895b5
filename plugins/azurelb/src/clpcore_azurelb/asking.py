"""Asks Azure for load balancers and the network cards of their pools."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

import attrs
from azure.mgmt.network.aio import NetworkManagementClient

from clpcore import api
from clpcore_azurelb import balancer, compare
from clpcore_azurelb.balancer import Balancer, Body, Card, Pool
from clpcore_lib_azure import Account, Silent, session

_T = TypeVar("_T")

_LEAST: Final = 500  # ms for an account's first question, whatever went before


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
        listed = _all(self._client.load_balancers.list(group))
        bodies = await self._ask(what, listed, least=_LEAST)
        found = [_read(what, balancer.read, each) for each in bodies]
        return [await self._with_addresses(each) for each in found]

    async def _with_addresses(self, found: Balancer) -> Balancer:
        pools = [await self._filled(found, pool) for pool in found.pools]
        return attrs.evolve(found, pools=tuple(pools))

    async def _filled(self, owner: Balancer, pool: Pool) -> Pool:
        """Give a pool with the addresses of its cards, as it is if one is not told."""
        try:
            each = await _every(self._addresses(card) for card in pool.cards)
        except api.DriverError as error:
            self.unknown.append(compare.cards_unknown(owner, pool, str(error)))
            return pool
        known = pool.addresses.union(*each)
        return Pool(name=pool.name, addresses=known)

    async def _addresses(self, card: Card) -> frozenset[str]:
        what = f"network card {card.name}"
        question = self._client.network_interfaces.get(card.resource_group, card.name)
        return _read(what, balancer.addresses, await self._ask(what, question))

    @property
    def _client(self) -> NetworkManagementClient:
        return session.session(self.account).client(NetworkManagementClient)

    async def _ask(self, what: str, question: Any, least: int = 0) -> Any:  # noqa: ANN401 - the SDK's
        left = round((self.until - time.monotonic()) * 1_000)
        return await session.session(self.account).ask(what, question, max(least, left))


async def _all(pages: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in pages]


async def _every(questions: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Give all answers; an error is raised when none is on its way any more."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    for error in answers:
        if isinstance(error, BaseException):
            raise error
    return [each for each in answers if not isinstance(each, BaseException)]


def _read(what: str, read: Callable[[Body], _T], answer: Any) -> _T:  # noqa: ANN401 - the SDK's
    """Give what an answer says; raises Silent where it is none of Azure's."""
    try:
        return read(answer.as_dict())
    except (AttributeError, TypeError, ValueError) as error:
        raise Silent(f"{what}: the answer is none of Azure's. Is a proxy in the way?") from error
