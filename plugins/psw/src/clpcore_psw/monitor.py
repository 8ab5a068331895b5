"""``psw``: at least so many processes live whose command line is like this."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_psw import processes


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``psw``."""

    process: str = api.setting(
        "The command line as `ps -eo args` shows it, with arguments; * stands for anything.",
        example='"/usr/sbin/httpd -k start*"',
    )
    minimum: int = api.setting(
        "How many of them must live.", default=1, example="1", low=1, high=999
    )


@attrs.frozen
class Psw:
    """Counts the processes."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Count those that live now; a zombie does not, and the kernel's own threads are none."""
        wanted = _pattern(self.config.process)
        try:
            lines = await ports.outside(processes.command_lines)
        except OSError as error:
            raise api.Failed(
                f"the processes cannot be seen ({error}): is /proc mounted?"
            ) from error
        count = sum(1 for line in lines if wanted.fullmatch(line))
        enough = count >= self.config.minimum
        health = api.Health.NORMAL if enough else api.Health.ERROR
        these = "process lives" if count == 1 else "processes live"
        return api.Observation(
            health, f"{count} {these} of {self.config.minimum} or more: {self.config.process}"
        )


def _pattern(process: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, process.split("*"))), re.DOTALL)


def validate(config: Config) -> Iterable[api.Problem]:
    """Find a command line that any process has."""
    if not config.process.strip("* "):
        yield api.Problem(
            "process",
            f'"{config.process}" says nothing about the process.',
            "Write its command line as `ps -eo args` shows it.",
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="psw",
    api=api.ApiVersion(0, 1),
    summary="Watches that enough processes of a command line live.",
    config=Config,
    make=Psw,
    validate=validate,
    defaults={"interval": 5_000, "timeout": 60_000, "retry": 0},
)
