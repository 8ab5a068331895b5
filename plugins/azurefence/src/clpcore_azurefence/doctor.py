"""The check ``azurefence`` of ``clp doctor``: could this server stop each of the others?

The agent looks, too, once an hour; this is for before it runs, and for right after a change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import attrs

import clpcore_lib_azure
from clpcore import api
from clpcore_azurefence import identity, readiness
from clpcore_azurefence.identity import Kin, Meant
from clpcore_azurefence.readiness import Seen
from clpcore_azurefence.settings import Config

if TYPE_CHECKING:
    from clpcore_lib_azure.metadata import Own

_METADATA: Final = 1_000  # ms
_SEVERITIES: Final = {
    api.Health.NORMAL: api.Severity.OK,
    api.Health.WARNING: api.Severity.WARNING,
    api.Health.ERROR: api.Severity.ERROR,
    api.Health.UNKNOWN: api.Severity.UNKNOWN,
}


@attrs.frozen
class Stop:
    """A forced stop that is asked about: of *victim*, as findings name it."""

    about: str
    config: Config
    victim: str


def look(cluster: api.Cluster) -> Iterator[api.Finding]:
    """Look at the files, and at the virtual machine of each other server."""
    until = time.monotonic() + cluster.timeout / 1_000
    asked: list[Stop] = []
    for part in cluster.of(api.Kind.FENCE, "azure"):
        told = set[api.Finding]()  # one file is the same for all servers
        for victim, config in part.on.items():
            if victim == cluster.server:
                continue
            files = [_of_problem(part.name, each) for each in _problems(config)]
            yield from (each for each in files if each not in told)
            told.update(files)
            if not any(each.severity is api.Severity.ERROR for each in files):
                asked.append(Stop(f"{part.name}: stop of {victim}", config, victim))
    if asked:
        yield from asyncio.run(_all_asked(asked, until))


def _problems(config: Config) -> Iterator[api.Problem]:
    yield from clpcore_lib_azure.validate_here(config)


def _of_problem(name: str, problem: api.Problem) -> api.Finding:
    severity = api.Severity.WARNING if problem.risk else api.Severity.ERROR
    return api.Finding(severity, f"{name}: {problem.what}", "", problem.remedy)


async def _all_asked(stops: Sequence[Stop], until: float) -> list[api.Finding]:
    """Ask about all of them at once: who is silent takes the time of one."""
    from clpcore_lib_azure import metadata, session  # noqa: PLC0415 - the SDK, for who stops by it

    own, blind = None, ""
    try:
        own = await metadata.own(_METADATA)
    except api.Failed as error:
        blind = str(error)
    try:
        return list(await asyncio.gather(*(_asked(each, own, blind, until) for each in stops)))
    finally:
        await session.close()


async def _asked(stop: Stop, own: Own | None, blind: str, until: float) -> api.Finding:
    seen = Seen(name=stop.config.machine(stop.victim), victim=stop.victim, blind=blind)
    try:
        seen = await _seen(seen, stop.config, own, until)
    except api.DriverError as error:
        seen = attrs.evolve(seen, error=error)
    return _finding(stop.about, readiness.judge(seen))


async def _seen(seen: Seen, config: Config, own: Own | None, until: float) -> Seen:
    """Look as the driver does; raises what Azure has against it."""
    from clpcore_azurefence import asking  # noqa: PLC0415 - as above

    def left() -> int:
        return min(config.request_timeout, round((until - time.monotonic()) * 1_000))

    machine = await asking.read(config, seen.name, left())
    meant = Meant(server=seen.victim, subscription_id=config.subscription_id, own=own)
    kin, why = identity.tell(meant, machine)
    if kin is not Kin.SAME:
        raise api.Misconfigured(why)
    lacking = await asking.lacking(config, seen.name, left())
    return attrs.evolve(seen, machine=machine, lacking=lacking)


def _finding(about: str, seen: api.Observation) -> api.Finding:
    severity = _SEVERITIES[seen.health]
    if severity is api.Severity.OK:
        return api.Finding(severity, about, seen.sentence)
    said, _, remedy = seen.sentence.rpartition(". ")
    if not said:
        said, remedy = seen.sentence, "look at docs/howto/azure-forced-stop.md"
    return api.Finding(severity, about, said, remedy)
