"""``witness`` as an arbiter: records and sessions at the witness service."""

from __future__ import annotations

import urllib.parse
from typing import Final

import attrs

from clpcore import api
from clpcore_witness import transport, values
from clpcore_witness.line import Connection, Line, validate


@attrs.frozen(kw_only=True)
class Config(Connection):
    """``[arbiter.NAME]`` of type ``witness``."""


class Witness:
    """Each method is one transaction of the service, which decides (clpcore_witness.service)."""

    def __init__(self, config: Config) -> None:
        """No I/O."""
        self._line = _line(config)

    async def read(self, call: api.Call, ports: api.Ports) -> api.Record:
        return _record(await self._line.ask(ports, "GET", _of(call), deadline=call.deadline))

    async def claim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return await self._do(call, ports, "claim", values.holder_to(me))

    async def renew(self, call: api.Call, ports: api.Ports, session: api.Session) -> bool:
        body = values.dump(values.session_to(session))
        said = await self._line.ask(ports, "POST", "/v1/session", body, call.deadline)
        if said not in (b"true", b"false"):
            raise api.Failed(f"the witness says {said!r:.40} to a renewal: is its version older?")
        return said == b"true"

    async def amend(self, call: api.Call, ports: api.Ports, record: api.Record) -> api.Record:
        return await self._do(call, ports, "amend", values.record_to(record))

    async def release(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return await self._do(call, ports, "release", values.holder_to(me))

    async def disclaim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return await self._do(call, ports, "disclaim", values.holder_to(me))

    async def _do(self, call: api.Call, ports: api.Ports, what: str, said: object) -> api.Record:
        target = f"{_of(call)}/{what}"
        body = values.dump(said)
        return _record(await self._line.ask(ports, "POST", target, body, call.deadline))


_lines: Final[dict[Config, Line]] = {}


def _line(config: Config) -> Line:
    """Give the line of a configuration: the drivers of all groups share it in a process."""
    return _lines.setdefault(config, Line(config, "arbiter"))


def _of(call: api.Call) -> str:
    return f"/v1/records/{urllib.parse.quote(call.group, safe='')}"


def _record(said: bytes) -> api.Record:
    try:
        return values.record_from(values.load(said))
    except values.Unfit as error:
        raise api.Failed(f"the witness gives no record: {error}") from error


SPEC: Final = api.DriverSpec(
    kind=api.Kind.ARBITER,
    name="witness",
    api=api.ApiVersion(0, 1),
    summary="Keeps at a witness service who may serve each group.",
    config=Config,
    make=Witness,
    validate=validate,
    warm_up=transport.warm_up,
)
