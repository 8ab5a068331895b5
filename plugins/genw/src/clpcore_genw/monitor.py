"""``genw``: a script that looks once and returns, or one that goes on until all is not well."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from clpcore import api
from clpcore_genw import environment

_GRACE: Final = 10_000  # ms between TERM and KILL
_KEEPER: Final = str(Path(__file__).with_name("keeper.py"))


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``genw``."""

    script: str = api.setting(
        "The script: a file in scripts/monitor/NAME/, or an absolute path.",
        default="genw.sh",
        unit="script",
        example='"genw.sh"',
    )
    sync: bool = api.setting(
        "true: the script looks once, and its return value is the answer; false: it goes on "
        "looking by itself, and its end is the error.",
        default=True,
        example="false",
    )
    normal_return_values: tuple[int, ...] = api.setting(
        "Return values that mean normal.", default=(0,), example="[0]", low=0, high=255
    )
    warning_return_values: tuple[int, ...] = api.setting(
        "Return values that mean a warning; any other one is an error.",
        default=(),
        example="[1]",
        low=0,
        high=255,
    )
    forgotten_after: int = api.setting(
        "With sync = false: end the script also when nobody has looked for so long, as after a "
        "crash; more than interval and timeout together.",
        default=300_000,
        unit="ms",
        example="300",
        low=1_000,
    )
    log: str = api.setting(
        "Where the output goes: a file in /var/log/clpcore/GROUP/RESOURCE/ of the target, or an "
        "absolute path; empty: NAME.log. Past 1 MB its end moves to a file .1.",
        default="",
        example='"genw.log"',
    )


@attrs.frozen
class Genw:
    """Runs the script, or keeps it running."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Run the script and read its return value; or see whether the one kept still lives."""
        script = posixpath.join(ports.places.scripts, self.config.script)
        log = posixpath.join(ports.places.log, self.config.log or f"{call.monitor}.log")
        if self.config.sync:
            return await self._run(call, ports, script, log)
        return await self._see(call, ports, script, log)

    async def rest(self, call: api.Call, ports: api.Ports) -> None:
        """End the script that goes on, without a word: nobody looks any more."""
        ports.remove(_note(call, ports))
        await ports.end(_name(call), grace=_GRACE)

    async def _run(
        self, call: api.Call, ports: api.Ports, script: str, log: str
    ) -> api.Observation:
        done = await ports.run([script], env=environment.of(call, script), log=log)
        sentence = f"{self.config.script} returned {done.returncode}{_last_words(done.output)}"
        if done.returncode in self.config.normal_return_values:
            return api.Observation(api.Health.NORMAL, sentence)
        warning = done.returncode in self.config.warning_return_values
        return api.Observation(api.Health.WARNING if warning else api.Health.ERROR, sentence)

    async def _see(
        self, call: api.Call, ports: api.Ports, script: str, log: str
    ) -> api.Observation:
        """Look at the kept process, and start it where none was.

        A note tells that it was started, and lets the keeper know of each look: a script must end
        when nobody looks after it any more and nobody is left to say so.
        """
        name, note = _name(call), _note(call, ports)
        process, said = await ports.kept(name), ports.read(note)
        if process is None and said is not None:
            ports.remove(note)  # told once; the next look starts it again
            words = _last_words(ports.read(log) or "")
            return api.Observation(
                api.Health.ERROR, f"{self.config.script} has ended{words}", certain=True
            )
        ports.write(note, "looked after\n")
        if process is None:
            patience = str(self.config.forgotten_after / 1_000)
            argv = [sys.executable, "-I", "-S", _KEEPER, note, patience, script]
            env = environment.of(call, script)
            process = await ports.keep(name, argv, env=env, log=log)
        return api.Observation(
            api.Health.NORMAL, f"{self.config.script} goes on (pid {process.pid})"
        )


def _name(call: api.Call) -> str:
    return f"genw.{call.monitor}"


def _note(call: api.Call, ports: api.Ports) -> str:
    return f"{ports.places.run}/{call.monitor}.genw"


def _last_words(output: str) -> str:
    lines = output.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f' and said "{last[:200]}"' if last else ""


def validate(config: Config) -> Iterable[api.Problem]:
    """Find a return value with two meanings."""
    for value in sorted({*config.normal_return_values} & {*config.warning_return_values}):
        yield api.Problem(
            "warning_return_values",
            f"{value} is a normal return value, too.",
            "Take it off one of the two lists.",
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="genw",
    api=api.ApiVersion(0, 1),
    summary="Asks a script of yours whether all is well.",
    config=Config,
    make=Genw,
    validate=validate,
    capabilities=frozenset({api.Capability.KEEPS}),
    defaults={"interval": 60_000, "timeout": 120_000, "retry": 1},
)
