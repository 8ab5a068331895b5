"""``exec``: a start script and a stop script."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_exec import environment, marker
from clpcore_exec.marker import START, STOP, Marker, Phase

_GRACE: Final = 10_000  # ms between TERM and KILL for what the stop script has left
_SLACK: Final = 180_000  # ms that the core waits longer than the script may take
_HALF_HOUR: Final = 1_800_000


@attrs.frozen(kw_only=True)
class Config:
    """``[group.GROUP.resource.NAME]`` of type ``exec``."""

    start: str = api.setting(
        "Start script: a file in scripts/GROUP/RESOURCE/, or an absolute path.",
        default="start.sh",
        unit="script",
        example='"start.sh"',
    )
    stop: str = api.setting(
        "Stop script: a file in scripts/GROUP/RESOURCE/, or an absolute path; with start_sync = "
        "false it may be empty: the application is then ended with signals.",
        default="stop.sh",
        unit="script",
        example='"stop.sh"',
    )
    start_timeout: int = api.setting(
        "How long the start script may take; with more than 1800 s raise activate_timeout, too.",
        default=_HALF_HOUR,
        unit="ms",
        example="1800",
        low=1,
    )
    stop_timeout: int = api.setting(
        "How long the stop script may take; with more than 1800 s raise deactivate_timeout, too.",
        default=_HALF_HOUR,
        unit="ms",
        example="1800",
        low=1,
    )
    start_sync: bool = api.setting(
        "Wait for the start script to end; false: it is the application itself, runs on and is "
        "watched by pidw.",
        default=True,
        example="false",
    )
    stop_sync: bool = api.setting(
        "Wait for the stop script to end; false: the group counts as stopped at once, and MAY BE "
        "STARTED ELSEWHERE while the script still works.",
        default=True,
        example="false",
    )
    normal_return_value: int = api.setting(
        "The return value of both scripts that means success.",
        default=0,
        example="0",
        low=0,
        high=255,
    )
    log: str = api.setting(
        "Where the scripts' output goes: a file in /var/log/clpcore/GROUP/RESOURCE/, or an "
        "absolute path; past 1 MB its end moves to a file .1.",
        default="script.log",
        example='"script.log"',
    )


@attrs.frozen
class Exec:
    """Runs the scripts; a marker remembers how far they have come."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell the presence: of the kept process, or what the marker says of scripts that ended."""
        found = marker.read(ports)
        alive = await ports.kept(START) is not None
        if found is None:
            return api.Presence.BROKEN if alive else api.Presence.INACTIVE
        if found.sync:
            active = found.phase is Phase.STARTED
        else:
            active = alive and found.phase is not Phase.STOPPING
        return api.Presence.ACTIVE if active else api.Presence.BROKEN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Run the start script, unless it was run; an interrupted start is started again."""
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        await ports.end(STOP, grace=0)  # an asynchronous stop script must not work against us
        before = marker.read(ports)
        note = Marker(phase=Phase.STARTING, sync=self.config.start_sync, log=self._log(ports))
        note.write(ports)
        try:
            pid = await self._start(call, ports)
        except api.NotInstalled:
            # No script has begun: what nobody has started before needs no stop script either, which
            # may be missing as well.
            if before is None:
                marker.remove(ports)
            raise
        attrs.evolve(note, phase=Phase.STARTED, pid=pid).write(ports)

    async def _start(self, call: api.Call, ports: api.Ports) -> int:
        """Run the start script; give the pid of one that is the application, else 0."""
        path = _absolute(ports.places.scripts, self.config.start)
        env = environment.of_start(call, path)
        if self.config.start_sync:
            await self._run(ports, path, env, self.config.start_timeout)
            return 0
        process = await ports.keep(START, [path], env=env, log=self._log(ports))
        return process.pid

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Run the stop script, then end what the start script has left running in its session.

        What was never started since the boot is not stopped: a stop script that complains about a
        stopped application would take the server down.
        """
        if await self.probe(call, ports) is api.Presence.INACTIVE:
            return
        found = marker.read(ports) or Marker(phase=Phase.STOPPING, sync=False, log=self._log(ports))
        attrs.evolve(found, phase=Phase.STOPPING).write(ports)
        path = _absolute(ports.places.scripts, self.config.stop)
        try:
            if self.config.stop and (found.sync or ports.read(path) is not None):
                await self._stop(ports, path, environment.of_stop(call, path))
        finally:
            await ports.end(START, grace=_GRACE)
        marker.remove(ports)

    async def _stop(self, ports: api.Ports, path: str, env: dict[str, str]) -> None:
        if self.config.stop_sync:
            await self._run(ports, path, env, self.config.stop_timeout)
        else:
            await ports.keep(STOP, [path], env=env, log=self._log(ports))

    async def _run(self, ports: api.Ports, path: str, env: dict[str, str], timeout: int) -> None:  # noqa: ASYNC109 - ms, and the port's
        done = await ports.run([path], env=env, timeout=timeout, log=self._log(ports))
        if done.returncode != self.config.normal_return_value:
            raise api.Failed(
                f"{path} returned {done.returncode}, not {self.config.normal_return_value}"
                f"{last_words(done.output)}; its output is in {self._log(ports)}"
            )

    def _log(self, ports: api.Ports) -> str:
        return _absolute(ports.places.log, self.config.log)


def _absolute(folder: str, path: str) -> str:
    return posixpath.join(folder, path)


def last_words(output: str) -> str:
    """Give the last line of an output as the end of a sentence."""
    lines = output.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f' and said "{last[:200]}"' if last else ""


def validate(config: Config) -> Iterable[api.Problem]:
    """Refuse what would start nothing, and what nothing would stop: it could run twice."""
    if not config.start:
        remedy = "Name a script; one that has nothing to do is #!/bin/sh and exit 0."
        yield api.Problem(key="start", what="There is no start script.", remedy=remedy)
    if not config.stop and config.start_sync:
        what = "There is no stop script: what the start script leaves running could RUN TWICE."
        remedy = "Name one, or let the start script be the application: start_sync = false."
        yield api.Problem(key="stop", what=what, remedy=remedy)


SPEC: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="exec",
    api=api.ApiVersion(0, 1),
    summary="Runs a start script and a stop script.",
    config=Config,
    make=Exec,
    validate=validate,
    defaults={
        "activate_timeout": _HALF_HOUR + _SLACK,
        "deactivate_timeout": _HALF_HOUR + _SLACK,
    },
    pairs_with=("pidw",),
    # An application finds its data and its loopback address; other addresses come last.
    activates_after=("disk", "hd", "loopback", "md"),
)
