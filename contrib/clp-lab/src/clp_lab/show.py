"""The lab's status as text for people."""

import time
from collections.abc import Iterator

from clp_lab.status import BalancerStatus, ServerStatus, Status, WayStatus

_SECOND = 1_000_000_000


def text_of(status: Status) -> str:
    """Give the status as a few aligned lines."""
    now = time.monotonic_ns()
    rows = [("SERVER", "ADDRESS", "POWER", "LIFE", "AGENT"), *map(_server, status.servers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    lines.append("")
    lines += [f"{one.name:10} {one.address} {one.power}, {one.service}" for one in status.outside]
    lines += [f"balancer   {_balancer(status.balancer, now)}"]
    lines += [f"way        {_way(way)}" for way in status.ways]
    lines.append(f"network    {status.network}")
    lines += [f"capture    {status.capture}"] if status.capture else []
    lines += [f"lacking    {status.lacks}"] if status.lacks else []
    lines.append(f"folder     {status.directory} (keeper: process {status.keeper})")
    return "\n".join(lines)


def _server(server: ServerStatus) -> tuple[str, str, str, str, str]:
    power = f"{server.power} ({server.because})" if server.because else server.power
    power += "" if server.cable else ", unplugged"
    agent = server.agent
    if server.agent_pid is not None:
        agent += f", pid {server.agent_pid} there"
    if server.restarts:
        agent += f", restarted {server.restarts} times"
    return server.name, server.address, power, str(server.lives), agent


def _balancer(balancer: BalancerStatus, now: int) -> str:
    parts = [
        f"{one.server} {'healthy' if one.healthy else 'not healthy'}{_for(one.since, now)}"
        for one in balancer.backends
    ]
    return f"{balancer.frontend} -> {'; '.join(parts)}; {balancer.flows} flows"


def _for(since: int, now: int) -> str:
    return f" for {(now - since) / _SECOND:.1f} s" if since else ""


def _way(way: WayStatus) -> str:
    return f"{way.source} -> {way.target}: {', '.join(_faults(way))}"


def _faults(way: WayStatus) -> Iterator[str]:
    for name, value in way.faults.items():
        if name.endswith("_ns"):
            yield f"{name.removesuffix('_ns')} {value / 1_000_000:g} ms"
        elif value is True:
            yield name
        else:
            yield f"{name} {value:.1%}"
