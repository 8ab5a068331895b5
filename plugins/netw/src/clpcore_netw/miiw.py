"""``miiw``: does a network interface have a link?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_lib_netlink import ask, links

_LONGEST_NAME: Final = 15  # the kernel's limit


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``miiw``."""

    interface: str = api.setting("The network interface to look at.", example='"eth0"')


@attrs.frozen
class Miiw:
    """Asks the kernel; what lies behind the nearest switch it cannot see."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look whether the interface is there, switched on, and has a link."""
        name = self.config.interface
        there = await ask(ports, "this server's interfaces cannot be read", links)
        found = next((link for link in there if link.name == name), None)
        if found is None:
            names = ", ".join(link.name for link in there)
            return api.Observation(
                api.Health.ERROR, f"this server has no interface {name}: it has {names or 'none'}"
            )
        if found.fault:
            return api.Observation(api.Health.ERROR, found.fault)
        return api.Observation(api.Health.NORMAL, f"{name} has a link")


def validate(config: Config) -> Iterable[api.Problem]:
    """Find a name that no interface can have."""
    name = config.interface
    if not 0 < len(name) <= _LONGEST_NAME or "/" in name or any(map(str.isspace, name)):
        what = f"{name} cannot be the name of a network interface."
        yield api.Problem("interface", what, "ip -brief link shows the names, such as eth0.")


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="miiw",
    api=api.ApiVersion(0, 1),
    summary="Watches the link of a network interface.",
    config=Config,
    make=Miiw,
    validate=validate,
    # Looked at everywhere: a server without its network is no destination for the group.
    capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    defaults={"interval": 10_000, "timeout": 180_000, "retry": 3},
)
