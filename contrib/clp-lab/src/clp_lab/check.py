"""What a plan must keep to; every problem at once, each with its remedy."""

import importlib.util
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

from clp_lab.errors import LabError
from clp_lab.plan import (
    AZURE,
    AZURE_ADDRESSES,
    BALANCER,
    CLIENT,
    CLIENT_INNER,
    CLIENT_PUBLIC,
    INNER,
    MOST_SERVERS,
    POWER,
    POWER_ADDRESS,
    PUBLIC,
    SHARED,
    WITNESS,
    WITNESS_ADDRESS,
    BalancerPlan,
    Plan,
    ServerPlan,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_RESERVED = (CLIENT, BALANCER, WITNESS, POWER, AZURE, SHARED, "all", "log", "control")
_BESIDE = {
    CLIENT_INNER: CLIENT,
    CLIENT_PUBLIC: CLIENT,
    WITNESS_ADDRESS: WITNESS,
    POWER_ADDRESS: POWER,
    **dict.fromkeys(AZURE_ADDRESSES, AZURE),
}
_LARGEST_PORT = 65535
_DEEPEST_SOCKET = "/run/clpcore/control"
_LONGEST_SOCKET_PATH = 107


def must_be_sound(plan: Plan) -> None:
    """Raise LabError with every problem of a plan, one a line."""
    found = [*_servers(plan), *_balancer(plan.balancer, plan.servers)]
    if plan.device not in {None, "tap", "veth"}:
        found.append(f"device {plan.device!r}: 'tap' or 'veth'")
    found += _azure(plan)
    if plan.boot < 0 or plan.stop < 0:
        found.append("boot and stop are times: zero or more")
    if found:
        raise LabError("\n".join(found))


def must_hold_sockets(folder: Path, plan: Plan) -> None:
    """Raise LabError when the Unix sockets of the servers get too long a path below `folder`."""
    longest = max(len(server.name) for server in plan.servers)
    length = len(str(folder.absolute())) + 1 + longest + len(_DEEPEST_SOCKET)
    if length > _LONGEST_SOCKET_PATH:
        raise LabError(
            f"{folder} is too deep for the sockets below it: "
            f"{length - _LONGEST_SOCKET_PATH} characters less, please"
        )


def _azure(plan: Plan) -> Iterator[str]:
    """Look for what a lab with a simulated Azure needs beside this distribution."""
    if plan.azure is None:
        return
    if not (Path(plan.azure) / "azuresim.toml").is_file():
        yield f"azure: no azuresim.toml in {plan.azure}: write one with 'clp-azuresim new'"
    if importlib.util.find_spec("clp_azuresim") is None:
        yield "azure: clp-azuresim is not installed: pip install clp-azuresim"


def _servers(plan: Plan) -> Iterator[str]:
    if not 1 <= len(plan.servers) <= MOST_SERVERS:
        yield f"{len(plan.servers)} servers: a lab has 1 to {MOST_SERVERS}"
    names: set[str] = set()
    addresses = dict(_BESIDE)
    for server in plan.servers:
        if not _NAME.fullmatch(server.name) or server.name in _RESERVED:
            yield (
                f"server {server.name!r}: a name has small letters, digits and '-', "
                f"and is none of {', '.join(_RESERVED)}"
            )
        if server.name in names:
            yield f"server {server.name!r}: there are two of that name"
        if not _is_in(server.address, INNER):
            yield f"server {server.name}: address {server.address!r} is not in {_text(INNER)}"
        if server.address in addresses:
            yield f"server {server.name}: {addresses[server.address]} has {server.address} already"
        names.add(server.name)
        addresses[server.address] = server.name


def _balancer(balancer: BalancerPlan, servers: tuple[ServerPlan, ...]) -> Iterator[str]:
    taken = {**_BESIDE, **{server.address: server.name for server in servers}}
    frontend = balancer.frontend
    if not _is_in(frontend, PUBLIC) and not _is_in(frontend, INNER):
        yield f"balancer: frontend {frontend!r} is neither in {_text(PUBLIC)} nor {_text(INNER)}"
    if frontend in taken:
        yield f"balancer: {taken[frontend]} has the frontend's address {frontend}"
    if balancer.direct and balancer.port != balancer.backend_port:
        yield (
            f"balancer: with direct server return port {balancer.port} and backend_port"
            f" {balancer.backend_port} must be equal: nothing is rewritten"
        )
    for name in ("port", "backend_port", "probe_port"):
        port = getattr(balancer, name)
        if not 1 <= port <= _LARGEST_PORT:
            yield f"balancer: {name} {port}: 1 to {_LARGEST_PORT}"
    for name in ("interval", "threshold", "idle"):
        if getattr(balancer, name) < 1:
            yield f"balancer: {name} {getattr(balancer, name)}: above zero"
    for name in balancer.pool:
        if name not in {server.name for server in servers}:
            yield f"balancer: {name!r} in the pool is no server of the lab"


def _is_in(address: str, network: tuple[str, int]) -> bool:
    try:
        return ipaddress.IPv4Address(address) in ipaddress.IPv4Network(_text(network))
    except ValueError:
        return False


def _text(network: tuple[str, int]) -> str:
    return f"{network[0]}/{network[1]}"
