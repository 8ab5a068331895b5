"""The check ``azurelb`` of ``clp doctor``."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Iterator
from typing import Final

from clpcore import api
from clpcore_azurelb import compare
from clpcore_azurelb.balancer import Balancer
from clpcore_azurelb.compare import Expected
from clpcore_lib_azure import Account, metadata

_METADATA: Final = 2_000  # ms


def look(cluster: api.Cluster) -> Iterator[api.Finding]:
    """Compare the balancers that the cluster's accounts see with its probe ports."""
    wanted = list(_expected(cluster))
    accounts = _accounts(cluster)
    if not wanted or not (accounts or cluster.platform == "azure"):
        return
    until = time.monotonic() + cluster.timeout / 1_000
    try:
        accounts = accounts or (own_account(),)
    except api.Failed as error:
        yield _blind(str(error), "run it on a machine of the cluster; or compare in the portal")
        return
    found, said = asyncio.run(_ask(accounts, until))
    yield from said
    if found is not None:
        for each in wanted:
            yield from compare.compare(each, found)


def own_account() -> Account:
    """Give the account of the machine's own managed identity.

    Raises:
        Failed: this is no machine of Azure's, or its metadata service is silent.

    """
    own = asyncio.run(metadata.own(_METADATA))
    return Account(
        subscription_id=own.subscription_id,
        resource_group=own.resource_group,
        managed_identity=True,
    )


async def _ask(
    accounts: tuple[Account, ...], until: float
) -> tuple[list[Balancer] | None, list[api.Finding]]:
    """Give the balancers that one of the accounts sees, None if none may look; and what was told.

    Another account's trouble is told only where nobody may look: a certificate for DNS need not
    read balancers.
    """
    from clpcore_azurelb.asking import Asking  # noqa: PLC0415 - as above
    from clpcore_lib_azure import session  # noqa: PLC0415 - the SDK, for a cluster that asks Azure

    found: list[Balancer] | None = None
    said, blind = list[api.Finding](), list[api.Finding]()
    try:
        for account in accounts:
            asking = Asking(account, until)
            try:
                found = [*(found or ()), *await asking.balancers()]
            except api.DriverError as error:
                blind.append(_blind(str(error), _allow(account)))
            said += asking.unknown
    finally:
        await session.close()
    return found, said + (blind if found is None else [])


def _allow(account: Account) -> str:
    who = account.application_id or "the managed identity of this machine"
    return f"give {who} the Reader role on {account.resource_group}, or compare in the portal"


def _blind(why: str, remedy: str) -> api.Finding:
    what = "the load balancer cannot be looked at"
    return api.Finding(api.Severity.UNKNOWN, what, why, remedy)


# -- the cluster's side


def _expected(cluster: api.Cluster) -> Iterator[Expected]:
    """Give every probe port, with what this server's settings say."""
    for part in cluster.of(api.Kind.RESOURCE, "lbpp"):
        lbpp = part.on[cluster.server]
        yield Expected(
            name=part.name,
            port=lbpp.port,
            answer=lbpp.answer.value,
            reset_ports=lbpp.reset_ports,
            loopbacks={
                each.name: str(ipaddress.ip_address(each.on[cluster.server].ip))
                for each in cluster.of(api.Kind.RESOURCE, "loopback")
                if each.group == part.group
            },
            interconnects=cluster.interconnects,
            heartbeat_timeout=cluster.heartbeat_timeout,
        )


def _accounts(cluster: api.Cluster) -> tuple[Account, ...]:
    """Give everybody who asks Azure for this cluster, for each resource group once."""
    seen: dict[tuple[Account, str], Account] = {}
    for part in cluster.parts:
        for config in part.on.values():
            if isinstance(config, Account):
                seen.setdefault((config.whose, config.resource_group.lower()), config)
    return tuple(seen.values())
