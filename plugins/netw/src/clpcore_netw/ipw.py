"""``ipw``: does any of these addresses answer a ping?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_lib_icmp import Answer, ping
from clpcore_lib_netlink import ask


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``ipw``."""

    addresses: tuple[str, ...] = api.setting(
        "Addresses to ping; it is an error when none of them answers. To be told of each, make a"
        " monitor for each.",
        example='["10.5.0.1"]',
    )
    ping_timeout: int = api.setting(
        "How long the answers are waited for.", default=1_000, unit="ms", example="1", low=1
    )


@attrs.frozen
class Ipw:
    """Asks all addresses at once."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Ping them; one answer is enough."""
        asked, patience = self.config.addresses, self.config.ping_timeout
        answers = (await ask(ports, "no ping can be sent", ping, asked, patience)).values()
        silent = "; ".join(f"{each.address}: {each.why}" for each in answers if each.rtt is None)
        if not any(each.rtt is not None or each.asked for each in answers):
            raise api.Failed(f"this server could ask nobody ({silent}): look at its firewall")
        if not any(each.rtt is not None for each in answers):
            return api.Observation(api.Health.ERROR, f"no address answers a ping ({silent})")
        return api.Observation(
            api.Health.NORMAL, _heard(answers) + (f" (silent: {silent})" if silent else "")
        )


def _heard(answers: Iterable[Answer]) -> str:
    times = ((each.address, each.rtt) for each in answers if each.rtt is not None)
    return ", ".join(f"{address} answers in {rtt / 1_000:.1f} ms" for address, rtt in times)


def validate(config: Config) -> Iterable[api.Problem]:
    """Find addresses that are none."""
    if not config.addresses:
        yield api.Problem("addresses", "There is no address to ping.", "Give one or more.")
    for address in config.addresses:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            remedy = "Write IP addresses; names would ask DNS whether the network lives."
            yield api.Problem("addresses", f"{address} is no IP address.", remedy)
            continue
        if found.is_multicast or found.is_unspecified:
            what = f"{address} is not the address of one machine."
            yield api.Problem("addresses", what, "Give the address of a gateway or a server.")


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="ipw",
    api=api.ApiVersion(0, 1),
    summary="Pings addresses: an error when none of them answers.",
    config=Config,
    make=Ipw,
    validate=validate,
    # Looked at everywhere: a server that reaches nobody is no destination for the group.
    capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    defaults={"interval": 30_000, "timeout": 60_000, "retry": 1},
)
