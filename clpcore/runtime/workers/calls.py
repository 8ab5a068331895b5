"""Calls of drivers: every one gets an outcome, soon after its deadline, whatever the driver does.

A call that died with its worker is no unknown yet (design.md 5): if its deadline has not passed it
may be innocent, and is made once more in a worker of its own. What was to change a resource and
gave no answer even so is asked by a probe, and only a probe without an answer makes an unknown.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from clpcore import api
from clpcore.model.actions import Driven
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.model.members import Heartbeat
from clpcore.model.states import Verdict
from clpcore.runtime import clock
from clpcore.runtime.driving import killing
from clpcore.runtime.driving.threads import Threads
from clpcore.runtime.places import Root
from clpcore.runtime.workers import paths
from clpcore.runtime.workers.attached import Lost
from clpcore.runtime.workers.exchange import Ask, Do, Open, Said
from clpcore.runtime.workers.jobs import DO, Job, NoSuch, OwnerOf, job
from clpcore.runtime.workers.paths import NoPath, Receive, WorkerPath
from clpcore.runtime.workers.pool import CannotServe, Pool
from clpcore.runtime.workers.template import NoWorker, Template

logger = logging.getLogger(__name__)

OnKept: TypeAlias = Callable[[str, str, tuple[api.Process, ...]], None]

_GOAL: Final = {Do.ACTIVATE: api.Presence.ACTIVE, Do.DEACTIVATE: api.Presence.INACTIVE}
_UNKNOWN: Final = api.Presence.UNKNOWN
_LOADING: Final = 8_000  # ms; the core gives an outcome up 10 s after its timeout


class Workers:
    """All workers of this server."""

    def __init__(self, template: Template, root: Path, owner_of: OwnerOf) -> None:
        """Take the template that forks workers.

        Args:
            template: started before there were threads.
            root: CLP_ROOT.
            owner_of: gives the plugin that drives a kind and type, or None.

        """
        self._template = template
        self._root = root
        self._owner_of = owner_of
        self._pools: dict[tuple[str, str], Pool] = {}  # by plugin and lane
        self._ids = itertools.count(1)
        self._on_kept: OnKept | None = None

    def on_kept(self, callback: OnKept) -> None:
        """Let *callback* hear of every resource's living kept processes, as answers tell them."""
        self._on_kept = callback

    async def call(self, action: Driven, config: ClusterConfig) -> Outcome:
        """Make the call; never raises.

        The outcome comes at most about 1.5 s after ``action.timeout``; for an activation or
        deactivation that gave no answer, a probe with its own timeout comes after that, and a look
        at a forced stop begins when its plugin is loaded, 8 s later at most.
        """
        do = DO[type(action)]
        try:
            return await self._outcome(job(next(self._ids), action, config, self._owner_of))
        except NoSuch as error:
            return _without(do, Verdict.MISCONFIGURED, str(error))
        except CannotServe as error:
            return _without(do, Verdict.FAILED, str(error))
        except Exception as error:  # our own bug must not become the agent's end
            logger.exception("call of %s", action)
            return _without(do, Verdict.STALLED, f"bug in clpcore: {error!r}")

    async def close(self) -> None:
        """End all workers and the template; kept processes live on."""
        await self.end_workers()
        await self._template.close()

    async def end_workers(self) -> None:
        """End all workers; the next call gets new ones."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        self._pools.clear()

    # -- what is neither asked nor answered

    async def kill(self, group: str) -> None:
        """Kill what runs for *group*, and call off its calls: these end as at their deadline."""
        voided = next(self._ids)
        for pool in self._pools.values():
            pool.void(group, voided)
        left = await Threads(f"kill {group}").call(killing.kill, Root(self._root).run, group)
        if left:
            logger.error("group %s: SIGKILL does not end %s", group, " ".join(map(str, left)))

    async def open_path(
        self, heartbeat: Heartbeat, call: api.Call, others: tuple[str, ...], receive: Receive
    ) -> WorkerPath:
        """Open a heartbeat path to *others* in a worker of its own.

        Raises:
            NoPath: it cannot be opened now.

        """
        plugin = self._owner_of(api.Kind.HEARTBEAT, heartbeat.type)
        if plugin is None:
            raise NoPath(f"no plugin on this server drives heartbeat type {heartbeat.type}")
        try:
            born = await self._template.worker(plugin, self._root)
        except NoWorker as error:
            raise NoPath(str(error)) from error
        order = Open(
            type=heartbeat.type,
            call=attrs.evolve(call, deadline=clock.now() + paths.OPENING),
            settings=json.dumps(heartbeat.settings),
            others=others,
        )
        return await WorkerPath.open(born, order, receive)

    def _pool(self, job: Job) -> Pool:
        key = (job.plugin, job.lane)
        if key not in self._pools:
            self._pools[key] = Pool(job.plugin, self._template, self._root)
        return self._pools[key]

    # -- asking, asking again, asking what became of it

    async def _outcome(self, job: Job) -> Outcome:
        pool, do = self._pool(job), job.ask.do
        if do is Do.CAN_FENCE:
            job = await _once_loaded(pool, job)
        said = await pool.ask(job.ask)
        if _is_innocent(said):
            said = await pool.ask_alone(job.ask)
        if isinstance(said, Said):
            self._tell_kept(said, job.ask)
            if said.outcome.verdict is not Verdict.STALLED:
                return said.outcome
            why, late = said.outcome.detail, True
        else:
            why, late = f"the worker of plugin {job.plugin} {said.why}", said.late
        if do in _GOAL:
            return await self._what_became(job, why)
        return _without(do, Verdict.STALLED if late else Verdict.FAILED, why)

    async def _what_became(self, job: Job, why: str) -> Outcome:
        """Ask by a probe what an activation or deactivation without an answer has come to."""
        call = attrs.evolve(job.ask.call, deadline=clock.now() + job.probe_timeout)
        probe = attrs.evolve(job.ask, id=next(self._ids), do=Do.PROBE, call=call)
        try:
            said = await self._pool(job).ask_alone(probe)
        except CannotServe as error:
            said = Lost(str(error), late=False)
        presence = _UNKNOWN
        if isinstance(said, Said):
            self._tell_kept(said, probe)
            presence = said.outcome.presence or _UNKNOWN
        if presence is _UNKNOWN:
            return Outcome(
                verdict=Verdict.STALLED,
                detail=f"{why}; a probe could not tell what became of it",
                presence=presence,
            )
        reached = presence is _GOAL[job.ask.do]
        return Outcome(
            verdict=Verdict.OK if reached else Verdict.FAILED,
            detail=f"{why}; a probe then found it {presence.value}",
            presence=presence,
        )

    def _tell_kept(self, said: Said, ask: Ask) -> None:
        if self._on_kept is not None and ask.do.keeps:
            self._on_kept(ask.call.group, ask.call.resource, said.kept)


async def _once_loaded(pool: Pool, job: Job) -> Job:
    """Let the job's time begin when its plugin has been loaded.

    Nobody waits for it, and with a cloud's SDK to load the first look on a busy machine would be an
    error that tells of nothing but that.
    """
    began = clock.now()
    await pool.load(_LOADING)
    call = job.ask.call
    later = attrs.evolve(call, deadline=call.deadline + clock.now() - began)
    return attrs.evolve(job, ask=attrs.evolve(job.ask, call=later))


def _is_innocent(said: Said | Lost) -> bool:
    """Tell whether the call may have suffered from another one in its worker."""
    if isinstance(said, Lost):
        return not said.late
    return said.exhausted and said.outcome.verdict is Verdict.FAILED


def _without(do: Do, verdict: Verdict, detail: str) -> Outcome:
    """Give the outcome of a call that says nothing of its resource."""
    presence = _UNKNOWN if do is Do.PROBE else None
    return Outcome(verdict=verdict, detail=detail, presence=presence)
