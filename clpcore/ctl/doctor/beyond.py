"""Checks that plugins bring, for what is beyond this machine; each in a process of its own.

Such a check may import a cloud's library, wait for its answers, or not come back: it shares
nothing with the command but the text of its findings.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clpcore.ctl.doctor.findings import Blind, Finding, Severity
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from clpcore import api
    from clpcore.ctl.doctor.case import Case
    from clpcore.host import Registry
    from clpcore.model.config import ClusterConfig
    from clpcore.model.driven import Driven

_TEXTS: Final = 4  # of a finding: severity, what, value, remedy
_GROUP: Final = "clpcore.checks"
_SECONDS: Final = 7  # for one check, with all that it has to load
_FOR_LOADING: Final = 2  # of them


def checks() -> Mapping[str, Callable[[Case], Iterator[Finding]]]:
    """Give every installed plugin's check, by its name; imports none."""
    points = importlib.metadata.entry_points(group=_GROUP)
    return {name: functools.partial(_examine, name) for name in sorted(points.names)}


def _examine(name: str, case: Case) -> Iterator[Finding]:
    """Give what a check finds; raises Blind."""
    case.me  # noqa: B018 - Blind: without a configuration that has this server, nobody is asked
    words = (name, case.configured.folder, str(_SECONDS))
    argv = [sys.executable, "-P", "-m", __name__, *words]
    try:
        ran = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        yield from _read(late.stdout or b"")
        raise Blind(said("no answer within {seconds} s", seconds=_SECONDS)) from None
    yield from _read(ran.stdout)
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise Blind(said("the check of the plugin failed: {why}", why=lines[-1]))


def _read(lines: bytes) -> Iterator[Finding]:
    for line in lines.splitlines(keepends=True):
        if line.endswith(b"\n"):  # it was killed in the middle of another
            texts = json.loads(line)
            if len(texts) != _TEXTS or not all(isinstance(text, str) for text in texts):
                raise Blind(said("the check of the plugin failed: {why}", why=f"{texts!r:.200}"))
            severity, *rest = texts
            yield Finding(Severity(severity), *rest)


# -- in the process of one check


def main(name: str, folder: str, seconds: str) -> None:
    """Write the findings of one check, a line of JSON for each; end soon after *seconds*."""
    from clpcore import config, host
    from clpcore.runtime.places import whereabouts

    signal.alarm(int(seconds) + 1)  # the command that would kill it may have ended before
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins print is no answer of ours
    registry = host.load()
    loaded = config.load(Path(folder), registry.specs, registry.refused)
    if loaded.config is None:
        return  # it was there a moment ago; what is wrong with it, another check tells
    timeout = max(1, int(seconds) - _FOR_LOADING) * 1_000
    seen = cluster(loaded.config, registry, whereabouts(os.environ).server, timeout=timeout)
    (point,) = list(importlib.metadata.entry_points(group=_GROUP, name=name))[:1]
    for finding in point.load()(seen):
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
