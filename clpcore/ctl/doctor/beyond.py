"""Checks that plugins bring, for what is beyond this machine; each in a process of its own.

Such a check may import a cloud's library, wait for its answers, or not come back: it shares
nothing with the command but the configuration that it is given and the text of its findings.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import math
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from clpcore.ctl.doctor import running
from clpcore.ctl.doctor.findings import Blind, Finding, Severity, needs_remedy
from clpcore.ctl.words import plain, said

if TYPE_CHECKING:
    from clpcore import api
    from clpcore.ctl.doctor.case import Case
    from clpcore.host import Registry
    from clpcore.model.config import ClusterConfig
    from clpcore.model.driven import Driven

_GROUP: Final = "clpcore.checks"
_SECONDS: Final = 7  # for one check, with all that it has to load
_FOR_LOADING: Final = 2  # of them
_MOST: Final = 256 * 1024  # bytes of all its findings


def checks(seconds: float = math.inf) -> Mapping[str, Callable[[Case], Iterator[Finding]]]:
    """Give every installed plugin's check, by its name; imports none.

    None takes longer than *seconds*: whoever waits no longer would leave its process behind.
    """
    points = importlib.metadata.entry_points(group=_GROUP)
    return {
        plain(name): functools.partial(_examine, name, seconds) for name in sorted(points.names)
    }


def _examine(name: str, seconds: float, case: Case) -> Iterator[Finding]:
    """Give what a check finds; raises Blind."""
    case.me  # noqa: B018 - Blind: without a configuration that has this server, nobody is asked
    given, patience = case.for_plugins(), min(seconds, _SECONDS)
    argv = [sys.executable, "-P", "-m", __name__, name, str(max(1, math.floor(patience)))]
    ran = running.run(argv, seconds=patience, most=_MOST, given=given)
    yield from _read(ran.out)
    if ran.late:
        raise Blind(said("no answer within {seconds} s", seconds=f"{patience:.3g}"))
    if ran.much:
        raise _failed(said("it said more than {most} bytes", most=_MOST))
    if ran.code:
        lines = ran.err.decode(errors="replace").strip().splitlines() or [""]
        raise _failed(lines[-1])


def _failed(why: str) -> Blind:
    return Blind(said("the check of the plugin failed: {why}", why=plain(why)))


def _read(lines: bytes) -> Iterator[Finding]:
    for line in lines.splitlines(keepends=True):
        if line.endswith(b"\n"):  # else it was killed in the middle
            yield _finding(line)


def _finding(line: bytes) -> Finding:
    """Read one finding, made fit for a terminal: a cloud's words may be anything."""
    try:
        texts = json.loads(line)
    except (ValueError, RecursionError):
        texts = None
    match texts:
        case [str(severity), str(what), str(value), str(remedy)] if severity in set(Severity):
            found = Finding(Severity(severity), plain(what), plain(value), plain(remedy))
            return needs_remedy(found)
    shown = line[:200].decode(errors="replace").strip()
    raise _failed(said("{line} is no finding", line=shown))


def packed(config: ClusterConfig, registry: Registry, server: str) -> bytes:
    """Give the configuration as the processes of checks read it: they need not load all plugins.

    Raises:
        Exception: whatever the settings of a driver that cannot be packed raise.

    """
    return pickle.dumps(cluster(config, registry, server))


# -- in the process of one check


def main(name: str, seconds: str) -> None:
    """Write the findings of one check, a line of JSON for each; end soon after *seconds*."""
    import attrs

    signal.alarm(int(seconds) + 1)  # the command that would kill it may have ended before
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins print is no answer of ours
    seen: api.Cluster = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our own parent
    timeout = max(1, int(seconds) - _FOR_LOADING) * 1_000
    (point,) = list(importlib.metadata.entry_points(group=_GROUP, name=name))[:1]
    for finding in point.load()(attrs.evolve(seen, timeout=timeout)):
        texts = (finding.severity.value, finding.what, finding.value, finding.remedy)
        print(json.dumps(texts), file=answers, flush=True)


def cluster(
    config: ClusterConfig,
    registry: Registry,
    server: str,
    *,
    timeout: int = (_SECONDS - _FOR_LOADING) * 1_000,
) -> api.Cluster:
    """Give the configuration as plugins get it; *timeout* in ms."""
    from clpcore import api

    return api.Cluster(
        name=config.name,
        platform=config.platform.value,
        server=server,
        interconnects={each.name: each.interconnect for each in config.servers},
        heartbeat_timeout=config.heartbeat_timeout,
        timeout=timeout,
        parts=tuple(_parts(config, registry)),
    )


def _parts(config: ClusterConfig, registry: Registry) -> Iterator[api.Part]:
    from clpcore import api
    from clpcore.config import structure

    def each(kind: api.Kind, found: Iterable[Driven], group: str = "") -> Iterator[api.Part]:
        for item in found:
            spec = registry.specs[kind, item.type]
            on: dict[str, Any] = {
                server: structure(spec, item.settings_for(server)) for server in config.server_names
            }
            yield api.Part(kind=kind, type=item.type, name=item.name, group=group, on=on)

    yield from each(api.Kind.PARTITION, config.nps)
    yield from each(api.Kind.FENCE, config.fencings)
    yield from each(api.Kind.ARBITER, [config.arbiter] if config.arbiter else [])
    for group in config.groups:
        yield from each(api.Kind.RESOURCE, group.resources, group.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # taking down a cloud's library takes longer than some checks
