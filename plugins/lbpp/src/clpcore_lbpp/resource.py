"""``lbpp``: the probe port."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from clpcore import api
from clpcore_lbpp import table

LISTENER: Final = "listener"  # the name of the kept process
_PROGRAM: Final = str(Path(__file__).with_name("listener.py"))
_ANSWER: Final = 1_000  # ms for an answer from this very machine
_GRACE: Final = 1_000  # ms between TERM and KILL


@attrs.frozen(kw_only=True)
class Config:
    """``[group.GROUP.resource.NAME]`` of type ``lbpp``."""

    port: int = api.setting(
        "The TCP port that the load balancer's health probe connects to.",
        unit="port",
        example="26001",
        low=1,
        high=65_535,
    )
    address: str = api.setting(
        "The address of this server to listen on; empty: all.", default="", example='"10.5.0.110"'
    )

    @property
    def here(self) -> str:
        """Give an address of this machine that the port answers on."""
        return self.address or "127.0.0.1"


@attrs.frozen
class Lbpp:
    """Keeps a small process that listens; the port is open while the resource is active."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell whether our process lives and the port answers; a stranger's port is not ours."""
        if await ports.kept(LISTENER) is None:
            return api.Presence.INACTIVE
        reach = await ports.connect(self.config.here, self.config.port, timeout=_ANSWER)
        answered = reach is api.Reach.ANSWERED
        return api.Presence.ACTIVE if answered else api.Presence.BROKEN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Open the port here, where a port in use is a clear error, and hand it to the process."""
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        await ports.end(LISTENER, grace=_GRACE)
        listening = ports.listen(self.config.address, self.config.port)
        try:
            await ports.keep(LISTENER, [sys.executable, "-I", "-S", _PROGRAM], inherit=(listening,))
        finally:
            os.close(listening)
        if await self.probe(call, ports) is not api.Presence.ACTIVE:
            raise api.Failed(f"port {self.config.port} is open but does not answer")

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """End the process; then nobody may listen: a balancer would send clients here.

        Where our process did not live, a stranger's port is lbppw's business: a deactivation that
        fails takes the server down.
        """
        ours = await ports.kept(LISTENER)
        await ports.end(LISTENER, grace=_GRACE)
        if ours is not None and table.somebody_listens(
            ports, self.config.address, self.config.port
        ):
            raise api.Failed(f"process {ours.pid} has ended, but {whose(self.config, ports)}")


def whose(config: Config, ports: api.Ports) -> str:
    """Say who listens on the port, as the error of opening it again tells."""
    try:
        listening = ports.listen(config.address, config.port)
    except api.Failed as taken:
        return str(taken)
    os.close(listening)
    return f"somebody listened on port {config.port} a moment ago"


def validate(config: Config) -> Iterable[api.Problem]:
    """Find an address that is none."""
    try:
        ipaddress.ip_address(config.address or "0.0.0.0")  # noqa: S104 - stands for "all"
    except ValueError:
        yield api.Problem(
            "address",
            f"{config.address} is no IP address.",
            "Write an address of the server, or leave it out to listen on all.",
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="lbpp",
    api=api.ApiVersion(0, 1),
    summary="Answers a load balancer's health probe where the group is active.",
    config=Config,
    make=Lbpp,
    validate=validate,
    capabilities=frozenset({api.Capability.ADDRESS}),
    pairs_with=("lbppw",),
    activates_after=("*",),
)
