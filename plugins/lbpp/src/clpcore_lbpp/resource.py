"""``lbpp``: the probe port."""

from __future__ import annotations

import enum
import ipaddress
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from clpcore import api
from clpcore_lbpp import flows, table

LISTENER: Final = "listener"  # the name of the kept process
_ANSWER: Final = 1_000  # ms for an answer from this very machine
_GRACE: Final = 1_000  # ms between TERM and KILL
_OK: Final = 200


class Answer(enum.Enum):
    """How the port answers."""

    TCP = "tcp"
    HTTP = "http"


_PROGRAMS: Final = {
    Answer.TCP: str(Path(__file__).with_name("listener.py")),
    Answer.HTTP: str(Path(__file__).with_name("web.py")),
}


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
    answer: Answer = api.setting(
        "tcp: whoever connects is let in, and the connection closed. http: every request is "
        "answered with 200, whatever its path.",
        default=Answer.TCP,
        example='"http"',
    )
    reset_ports: tuple[int, ...] = api.setting(
        "TCP ports of the service whose open connections are reset when the probe port closes: the "
        "balancer would leave them here. Empty: they end with the application.",
        default=(),
        example="[8080]",
        low=1,
        high=65_535,
    )
    reset_addresses: tuple[str, ...] = api.setting(
        "Addresses of this server at which connections to reset_ports are reset, where another "
        "group has the same port at another address (direct server return). Empty: at all.",
        default=(),
        example='["10.5.0.200"]',
    )

    @property
    def here(self) -> str:
        """Give an address of this machine that the port answers on."""
        return self.address or "127.0.0.1"

    @property
    def url(self) -> str:
        """Give where the port answers by HTTP."""
        return f"http://{f'[{self.here}]' if ':' in self.here else self.here}:{self.port}/"


async def unanswered(config: Config, ports: api.Ports, timeout: int) -> str:  # noqa: ASYNC109 - ms
    """Say how the port failed to answer as the balancer wants it; empty: it answered."""
    if config.answer is Answer.TCP:
        reach = await ports.connect(config.here, config.port, timeout=timeout)
        return "" if reach is api.Reach.ANSWERED else f"port {config.port} is {reach.value}"
    try:
        status = (await ports.http("GET", config.url, timeout=timeout)).status
    except api.Failed as silent:
        return str(silent)
    return "" if status == _OK else f"port {config.port} answers HTTP status {status}"


@attrs.frozen
class Lbpp:
    """Keeps a small process that listens; the port is open while the resource is active."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell whether our process lives and the port answers; a stranger's port is not ours."""
        if await ports.kept(LISTENER) is None:
            return api.Presence.INACTIVE
        silent = await unanswered(self.config, ports, _ANSWER)
        return api.Presence.BROKEN if silent else api.Presence.ACTIVE

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Open the port here, where a port in use is a clear error, and hand it to the process."""
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        await ports.end(LISTENER, grace=_GRACE)
        listening = ports.listen(self.config.address, self.config.port)
        program = _PROGRAMS[self.config.answer]
        try:
            await ports.keep(LISTENER, [sys.executable, "-I", "-S", program], inherit=(listening,))
        finally:
            os.close(listening)
        if silent := await unanswered(self.config, ports, _ANSWER):
            raise api.Failed(f"port {self.config.port} is open but does not answer: {silent}")

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """End the process; then nobody may listen: a balancer would send clients here.

        Where our process did not live, a stranger's port is lbppw's business: a deactivation that
        fails takes the server down. Before a reactivation the clients keep their connections: the
        group stays here.
        """
        ours = await ports.kept(LISTENER)
        await ports.end(LISTENER, grace=_GRACE)
        if ours is not None and table.somebody_listens(
            ports, self.config.address, self.config.port
        ):
            raise api.Failed(f"process {ours.pid} has ended, but {whose(self.config, ports)}")
        if self.config.reset_ports and call.event is not api.Event.RECOVER:
            await self._reset(ports)

    async def _reset(self, ports: api.Ports) -> None:
        """Reset the clients' connections; where that fails, they end with the application.

        It is no reason to take the server down: lbppw has warned of it.
        """
        listed = ", ".join(map(str, self.config.reset_ports))
        try:
            where = frozenset(self.config.reset_addresses)
            count = await ports.outside(flows.reset, frozenset(self.config.reset_ports), where)
        except OSError as error:
            ports.tell(f"connections to port {listed} could not be reset: {error}")
        else:
            ports.tell(f"{count} connections to port {listed} were reset")


def whose(config: Config, ports: api.Ports) -> str:
    """Say who listens on the port, as the error of opening it again tells."""
    try:
        listening = ports.listen(config.address, config.port)
    except api.Failed as taken:
        return str(taken)
    os.close(listening)
    return f"somebody listened on port {config.port} a moment ago"


def validate(config: Config) -> Iterable[api.Problem]:
    """Find an address that is none, and a probe port among those of the service."""
    if config.address and not _is_address(config.address):
        yield api.Problem(
            "address",
            f"{config.address} is no IP address.",
            "Write an address of the server, or leave it out to listen on all.",
        )
    for each in config.reset_addresses:
        if not _is_address(each):
            what = f"{each} is no IP address."
            yield api.Problem("reset_addresses", what, "Write the ip of the loopback resource.")
    if config.reset_addresses and not config.reset_ports:
        what = "There are no reset_ports, whose connections at these addresses would be reset."
        yield api.Problem("reset_addresses", what, "Name the ports, or leave the addresses out.")
    if config.port in config.reset_ports:
        yield api.Problem(
            "reset_ports",
            f"{config.port} is the probe port itself, which closes anyway.",
            "Name the ports that clients use.",
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
