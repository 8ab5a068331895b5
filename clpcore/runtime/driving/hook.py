"""An operator's hook script: its environment, and what its end means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clpcore import api
from clpcore.model.hooks import HookPoint
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict

_TOLD: Final = 200  # characters of a script's last line
# The words of the product's scripts, as exec resources get them.
_EVENTS: Final[Mapping[api.Event, str]] = {
    api.Event.FAILOVER: "FAILOVER",
    api.Event.RECOVER: "RECOVER",
}


def environment(call: api.Call, at: HookPoint) -> dict[str, str]:
    """Give what the script finds in its environment."""
    return {
        "CLP_HOOK": at.value,
        "CLP_EVENT": _EVENTS.get(call.event, "START"),
        "CLP_CAUSE": call.event.value,
        "CLP_SERVER": "HOME" if call.server == call.home else "OTHER",
        "CLP_SERVERNAME": call.server,
        "CLP_SERVER_PREV": call.previous,
        "CLP_PRIORITY": str(call.priority),
        "CLP_GROUPNAME": call.group,
        "CLP_RESOURCENAME": call.resource,
        "CLP_MONITORNAME": call.monitor,
    }


async def run(at: HookPoint, call: api.Call, ports: api.Ports) -> Outcome:
    """Run the script; it ends with the call's deadline."""
    script = f"{ports.places.scripts}/{at.file}"
    log = f"{ports.places.log}/hooks.log"
    ended = await ports.run((script,), env=environment(call, at), log=log)
    if ended.returncode == 0:
        return Outcome(verdict=Verdict.OK)
    last = ended.output.strip().splitlines()[-1:]
    words = f": {last[0][:_TOLD]}" if last else ""
    return Outcome(verdict=Verdict.FAILED, detail=f"exit {ended.returncode}{words}")
