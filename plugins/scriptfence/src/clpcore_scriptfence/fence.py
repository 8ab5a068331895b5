"""``script``: a script of the operator's stops a server, and returns 0 when it is off."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api

_LONGEST: Final = 300  # characters of a sentence


@attrs.frozen(kw_only=True)
class Config:
    """``[fencing.NAME]`` of type ``script``."""

    script: str = api.setting(
        "The script: a file in scripts/fencing/NAME/, or an absolute path.",
        default="forcestop.sh",
        unit="script",
        example='"forcestop.sh"',
    )


@attrs.frozen
class Script:
    """Runs the script in the two modes of the modelled product.

    What it prints is kept in its log and shown nowhere else: it works with passwords of machines.
    """

    config: Config

    async def can_fence(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Ask the script, with mode 0, whether it could stop the victim."""
        try:
            returncode = await self._run(call, ports, {"CLP_FORCESTOP_MODE": "0"})
        except api.NotInstalled as error:
            return _error(str(error))
        if returncode == 0:
            said = f"{self.config.script} returned 0: {call.victim} can be stopped"
            return api.Observation(api.Health.NORMAL, said)
        return _error(f"{call.victim} cannot be stopped: {self._told(returncode, ports)}")

    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        """Let the script, with mode 1, stop the victim and read that it is off.

        OFF is the script's word, which is its exit code 0. With any other end of it the victim's
        power is not known, which is said with a ``Failed`` and not with ``Power.UNKNOWN``: it tells
        the operator more. It is never ON: the script may have failed before it looked, or after.
        Past the call's deadline it is killed with its session, which is a stall: not known either.

        Raises:
            Failed: it returned another value.
            NotInstalled: it is missing on this server.

        """
        mode = {"CLP_FORCESTOP_MODE": "1", "CLP_SERVER_DOWN": call.victim}
        returncode = await self._run(call, ports, mode)
        if returncode == 0:
            return api.Power.OFF
        raise api.Failed(f"{call.victim} may be running: {self._told(returncode, ports)}")

    async def _run(self, call: api.Call, ports: api.Ports, mode: dict[str, str]) -> int:
        """Give the script's exit code.

        CLP_SERVER_DOWN is not there in mode 0: a script that goes by it alone stops nobody then.
        """
        done = await ports.run(
            [posixpath.join(ports.places.scripts, self.config.script)],
            env={"CLP_SERVER_LOCAL": call.server, "CLP_SERVER_VICTIM": call.victim, **mode},
            log=_log(ports),
        )
        return done.returncode

    def _told(self, returncode: int, ports: api.Ports) -> str:
        return f"{self.config.script} returned {returncode}; its output is in {_log(ports)}"


def _log(ports: api.Ports) -> str:
    return posixpath.join(ports.places.log, "script.log")


def _error(sentence: str) -> api.Observation:
    return api.Observation(api.Health.ERROR, sentence[:_LONGEST])


def validate(config: Config) -> Iterable[api.Problem]:
    """Find a script without a name."""
    if not config.script.strip():
        yield api.Problem(
            "script", f'"{config.script}" names no script.', 'Write script = "forcestop.sh".'
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.FENCE,
    name="script",
    api=api.ApiVersion(0, 1),
    summary="Stops a silent server by a script of yours.",
    config=Config,
    make=Script,
    validate=validate,
)
