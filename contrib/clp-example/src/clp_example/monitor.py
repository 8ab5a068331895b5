"""``echow``: the process lives and answers."""

from __future__ import annotations

from typing import Final

import attrs

from clp_example.resource import SERVER, Config
from clpcore import api

_ANSWER: Final = 5_000  # ms


@attrs.frozen
class Echow:
    """Looks at the service of its ``echo``, whose settings it shares."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look for the process first: its end is certain, and needs no second look."""
        process = await ports.kept(SERVER)
        if process is None:
            return api.Observation(api.Health.ERROR, "the process has ended", certain=True)
        reach = await ports.connect("127.0.0.1", self.config.port, timeout=_ANSWER)
        if reach is api.Reach.ANSWERED:
            return api.Observation(api.Health.NORMAL, f"port {self.config.port} answers")
        sentence = f"process {process.pid} lives, but port {self.config.port} is {reach.value}"
        return api.Observation(api.Health.ERROR, sentence)


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="echow",
    api=api.ApiVersion(0, 1),
    summary="Watches an echo service.",
    config=Config,
    make=Echow,
    defaults={"interval": 10_000, "timeout": 20_000, "retry": 1},
)
