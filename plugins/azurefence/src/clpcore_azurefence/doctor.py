"""The check ``azurefence`` of ``clp doctor``: could this server stop each of the others?

The agent looks, too, once an hour; this is for before it runs, and for right after a change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

import attrs

import clpcore_lib_azure
from clpcore import api
from clpcore_azurefence import identity, readiness
from clpcore_azurefence.identity import Kin, Meant
from clpcore_azurefence.readiness import Seen
from clpcore_azurefence.settings import Config

_METADATA: Final = 1_000  # ms
_SEVERITIES: Final = {
    api.Health.NORMAL: api.Severity.OK,
    api.Health.WARNING: api.Severity.WARNING,
    api.Health.ERROR: api.Severity.ERROR,
    api.Health.UNKNOWN: api.Severity.UNKNOWN,
}


def look(cluster: api.Cluster) -> Iterator[api.Finding]:
    """Look at the files, and at the virtual machine of each other server."""
    until = time.monotonic() + cluster.timeout / 1_000
    for part in cluster.of(api.Kind.FENCE, "azure"):
        told = set[api.Finding]()  # one file is the same for all servers
        for victim, config in part.on.items():
            if victim == cluster.server:
                continue
            files = [_of_problem(part.name, each) for each in _problems(config)]
            yield from (each for each in files if each not in told)
            told.update(files)
            if not any(each.severity is api.Severity.ERROR for each in files):
                yield asyncio.run(_asked(f"{part.name}: stop of {victim}", config, victim, until))


def _problems(config: Config) -> Iterator[api.Problem]:
    yield from clpcore_lib_azure.validate_here(config)


def _of_problem(name: str, problem: api.Problem) -> api.Finding:
    severity = api.Severity.WARNING if problem.risk else api.Severity.ERROR
    return api.Finding(severity, f"{name}: {problem.what}", "", problem.remedy)


async def _asked(about: str, config: Config, victim: str, until: float) -> api.Finding:
    from clpcore_lib_azure import session  # noqa: PLC0415 - the SDK, for who stops by Azure

    seen = Seen(name=config.machine(victim), victim=victim)
    try:
        seen = await _seen(seen, config, until)
    except api.DriverError as error:
        seen = attrs.evolve(seen, error=error)
    finally:
        await session.close()
    return _finding(about, readiness.judge(seen))


async def _seen(seen: Seen, config: Config, until: float) -> Seen:
    """Look as the driver does; raises what Azure has against it."""
    from clpcore_azurefence import asking  # noqa: PLC0415 - as above
    from clpcore_lib_azure import metadata  # noqa: PLC0415 - as above

    def left() -> int:
        return min(config.request_timeout, round((until - time.monotonic()) * 1_000))

    own, blind = None, ""
    try:
        own = await metadata.own(_METADATA)
    except api.Failed as error:
        blind = str(error)
    machine = await asking.read(config, seen.name, left())
    meant = Meant(server=seen.victim, subscription_id=config.subscription_id, own=own)
    kin, why = identity.tell(meant, machine)
    if kin is not Kin.SAME:
        raise api.Misconfigured(why)
    lacking = await asking.lacking(config, seen.name, left())
    return attrs.evolve(seen, machine=machine, blind=blind, lacking=lacking)


def _finding(about: str, seen: api.Observation) -> api.Finding:
    severity = _SEVERITIES[seen.health]
    if severity is api.Severity.OK:
        return api.Finding(severity, about, seen.sentence)
    said, _, remedy = seen.sentence.rpartition(". ")
    if not said:
        said, remedy = seen.sentence, "look at docs/howto/azure-forced-stop.md"
    return api.Finding(severity, about, said, remedy)
