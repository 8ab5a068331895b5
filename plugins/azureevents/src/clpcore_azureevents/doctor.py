"""The check of `clp doctor`: is this server told of what Azure is about to do?"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from clpcore.api import doctor
from clpcore_azureevents import config as configured
from clpcore_azureevents import machines

_FREEZE_MS: Final = 30_000  # that Azure may pause a machine without ending it
_OLD: Final = 180  # seconds: longer than the first answer of the metadata service takes
_WHAT: Final = "Azure's scheduled events"
_START: Final = (
    "systemctl enable --now clp-azureevents, on every server: docs/howto/azure-events.md"
)


def look(cluster: doctor.Cluster) -> Iterator[doctor.Finding]:
    """Tell whether the service runs here and hears Azure."""
    if cluster.platform != "azure":
        return
    bad = doctor.Severity.WARNING
    if cluster.heartbeat_timeout <= _FREEZE_MS:
        bad = doctor.Severity.ERROR  # a freeze that nobody announces is a failover
    root = Path(os.environ.get("CLP_ROOT") or "/")
    path = root / configured.LOOK
    try:
        seen: Any = json.loads(path.read_text())
        age, machine = int(time.time()) - int(seen["at"]), str(seen["machine"])
    except (OSError, ValueError, KeyError, TypeError):
        value = f"clp-azureevents has heard nothing of Azure since this boot ({path})"
        yield doctor.Finding(bad, _WHAT, value, _START)
        return
    if age > _OLD:
        value = f"clp-azureevents heard Azure last {age} s ago"
        yield doctor.Finding(bad, _WHAT, value, "journalctl -u clp-azureevents tells why")
        return
    try:
        written = configured.load(root / configured.FILE).machines
    except configured.Wrong as wrong:
        yield doctor.Finding(doctor.Severity.ERROR, _WHAT, str(wrong), "correct the file")
        return
    told = machines.told(written, cluster.server, machine, (*cluster.interconnects,))
    if told.doubt:
        said, _, remedy = told.doubt.partition(". ")
        yield doctor.Finding(doctor.Severity.WARNING, _WHAT, said, remedy)
    else:
        yield doctor.Finding(doctor.Severity.OK, _WHAT, f"heard {age} s ago, of {machine}")
