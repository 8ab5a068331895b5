"""``userw``: processes get their turn, can be started, write a file, and have memory to go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from clpcore import api
from clpcore_userw import pressure

_NAP: Final = 100  # ms
_LONGEST: Final = 300  # characters of a sentence
_FULL: Final = ("No space left", "Disk quota exceeded")
_WRITE: Final = (
    'mkdir -p "$1" && '
    'exec dd if=/dev/zero of="$1/.clpcore-userw" bs="$2" count=1 conv=fsync status=none'
)


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``userw``."""

    warning_after: int = api.setting(
        "A step of the look that takes longer is a warning.",
        default=3_000,
        unit="ms",
        example="3",
        low=1,
    )
    error_after: int = api.setting(
        "A step of the look that takes longer is an error; longer than a pause of the whole "
        "machine, 30 s on Azure.",
        default=60_000,
        unit="ms",
        example="60",
        low=2,
    )
    write_size: int = api.setting(
        "How many bytes are written to a file; 0: none is written.",
        default=10_000,
        example="10000",
        low=0,
        high=100_000_000,
    )
    folder: str = api.setting(
        "Where that file lies; empty: beside the logs.", default="", example='"/var/tmp/clpcore"'
    )
    memory_warning: int = api.setting(
        "Percent of the last minute in which no process could go on for lack of memory, from which "
        "it is a warning; 0: never.",
        default=20,
        unit="%",
        example="20",
        low=0,
        high=100,
    )
    memory_error: int = api.setting(
        "The same, from which it is an error; 0: never.",
        default=80,
        unit="%",
        example="80",
        low=0,
        high=100,
    )


@attrs.frozen
class Userw:
    """Does what every program must be able to do, step after step, and measures how long it takes.

    The steps that can hang with a disk are processes, which hurt nobody else. Such an error is
    certain: a process that cannot be killed lets no second look begin. What it says holds no figure
    that changes with each look: servers tell each other every new sentence.
    """

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Go through the steps to the first error; else give the first warning."""
        first = None
        for step in (self._wake, self._start, self._write, self._memory):
            seen = await step(ports)
            if seen is not None and seen.health is api.Health.ERROR:
                return seen
            first = first or seen
        return first or api.Observation(api.Health.NORMAL, "this server does its work in time")

    async def _wake(self, ports: api.Ports) -> api.Observation | None:
        began = ports.now()
        await ports.sleep(_NAP)
        return self._judge("to get its turn", ports.now() - began - _NAP)

    async def _start(self, ports: api.Ports) -> api.Observation | None:
        return await self._do(ports, "to start a process", ["true"])

    async def _write(self, ports: api.Ports) -> api.Observation | None:
        size, folder = self.config.write_size, self.config.folder or ports.places.log
        if size == 0:
            return None
        argv = ["sh", "-c", _WRITE, "sh", folder, str(size)]
        return await self._do(ports, f"to write a file in {folder}", argv)

    async def _do(self, ports: api.Ports, what: str, argv: Sequence[str]) -> api.Observation | None:
        began, limit = ports.now(), self.config.error_after
        try:
            done = await ports.run(argv, env={"LC_ALL": "C"}, timeout=limit)
        except api.Failed as error:  # it hung, or this server has no room for one process more
            hung = ports.now() - began >= limit
            return _seen(api.Health.ERROR, f"it was not possible {what}: {error}", certain=hung)
        if done.returncode != 0:
            said = " ".join(done.output.split())
            full = any(words in said for words in _FULL)  # to reset a server makes no room
            health = api.Health.WARNING if full else api.Health.ERROR
            said = said or f"{argv[0]} returned {done.returncode}"
            return _seen(health, f"it was not possible {what}: {said}")
        return self._judge(what, ports.now() - began)

    def _judge(self, what: str, took: int) -> api.Observation | None:
        for health, limit in (
            (api.Health.ERROR, self.config.error_after),
            (api.Health.WARNING, self.config.warning_after),
        ):
            if took > limit:
                said = f"it took more than {limit / 1_000:g} s {what}"
                return _seen(health, said, certain=health is api.Health.ERROR)
        return None

    async def _memory(self, ports: api.Ports) -> api.Observation | None:
        limits = self.config.memory_error, self.config.memory_warning
        if not any(limits):
            return None
        try:
            share = await ports.outside(pressure.memory)
        except (OSError, ValueError, KeyError) as error:
            raise api.Failed(f"{pressure.MEMORY} cannot be read: {error}") from error
        for health, limit in zip((api.Health.ERROR, api.Health.WARNING), limits, strict=True):
            if share is not None and 0 < limit <= share:
                said = f"no process could go on for lack of memory for {limit} % of a minute"
                return _seen(health, f"{said} or more")
        return None


def _seen(health: api.Health, sentence: str, *, certain: bool = False) -> api.Observation:
    return api.Observation(health, sentence[:_LONGEST], certain=certain)


def validate(config: Config) -> Iterable[api.Problem]:
    """Find warnings that would come after the error."""
    if config.warning_after >= config.error_after:
        yield api.Problem(
            "warning_after",
            f"The warning, after {config.warning_after / 1_000:g} s, is not before the error,"
            f" after {config.error_after / 1_000:g} s.",
            "Give less than error_after.",
        )
    if 0 < config.memory_error <= config.memory_warning:
        yield api.Problem(
            "memory_warning",
            f"The warning, from {config.memory_warning} %, is not before the error, from"
            f" {config.memory_error} %.",
            "Give less than memory_error, or 0.",
        )
    if config.folder and not config.folder.startswith("/"):
        yield api.Problem(
            "folder", f"{config.folder} is no absolute path.", "Begin it with a slash."
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="userw",
    api=api.ApiVersion(0, 1),
    summary="Watches that this server still does its work in time.",
    config=Config,
    make=Userw,
    validate=validate,
    defaults={"interval": 3_000, "timeout": 90_000, "retry": 1},
    needs=("true", "sh", "mkdir", "dd"),
)
