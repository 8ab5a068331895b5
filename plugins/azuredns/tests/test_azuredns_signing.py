"""A name that cannot be taken because nobody is signed in: the error names what to mend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from clpcore import api
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

Servers = tuple[Any, Any]  # what conftest gives


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run *work* in a worker's life, and leave no connection behind."""

    async def life() -> None:
        try:
            await work()
        finally:
            await session.close()

    asyncio.run(life())


@pytest.mark.parametrize("kind", ["expired", "early", "elliptic", "unregistered"])
def test_a_certificate_that_cannot_sign_in_is_named(
    azure: Azure, servers: Servers, kind: str
) -> None:
    node1, _ = servers
    file = str(azure.certificate(kind))

    async def life() -> None:
        with pytest.raises(api.DriverError, match=r"certificate") as caught:
            await node1.activate(patience=1_500, certificate_file=file)
        assert file in str(caught.value)

    run(life)


def test_a_clock_that_is_wrong_is_named(azure: Azure, servers: Servers) -> None:
    node1, _ = servers
    azure.set_tokens(skew=3_600)

    async def life() -> None:
        with pytest.raises(api.Failed, match=r"Set the clock of this server \(timedatectl\)"):
            await node1.activate(patience=1_500)

    run(life)
