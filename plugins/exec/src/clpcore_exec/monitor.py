"""``pidw``: does the process live that an asynchronous start script is?"""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_exec import marker
from clpcore_exec.marker import START
from clpcore_exec.resource import last_words


@attrs.frozen
class Config:
    """``[monitor.NAME]`` of type ``pidw``: it has no settings of its own."""


@attrs.frozen
class Pidw:
    """Looks at the kept process; the core looks at once when it ends."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Tell whether the process lives; its end is certain, no second look can change it."""
        found = marker.read(ports)
        if found is None:
            return api.Observation(api.Health.ERROR, f"{call.resource} was not started here")
        if found.sync:
            return api.Observation(
                api.Health.NORMAL,
                "nothing to watch: the start script has ended and left no process of its own",
            )
        process = await ports.kept(START)
        if process is not None:
            return api.Observation(api.Health.NORMAL, f"process {process.pid} lives")
        words = last_words(ports.read(found.log) or "")
        return api.Observation(
            api.Health.ERROR, f"process {found.pid} has ended{words}", certain=True
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="pidw",
    api=api.ApiVersion(0, 1),
    summary="Watches the process of an exec resource that starts asynchronously.",
    config=Config,
    make=Pidw,
    defaults={"interval": 5_000, "timeout": 60_000, "retry": 0},
)
