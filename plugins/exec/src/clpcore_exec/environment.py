"""What a script finds in its environment: the words of the modelled product."""

from __future__ import annotations

import functools
import importlib.metadata
import posixpath
import sys
from collections.abc import Mapping
from typing import Final

from clpcore import api

# A script tells three beginnings apart: a move and a stop are the ordinary course of things.
_EVENTS: Final = {
    api.Event.START: "START",
    api.Event.MOVE: "START",
    api.Event.STOP: "START",
    api.Event.CLUSTER_STOP: "START",
    api.Event.FAILOVER: "FAILOVER",
    api.Event.RECOVER: "RECOVER",
}
_FACTORS: Final = {  # why the stop script runs
    api.Event.STOP: "GROUPSTOP",
    api.Event.MOVE: "GROUPMOVE",
    api.Event.CLUSTER_STOP: "CLUSTERSTOP",
    api.Event.FAILOVER: "GROUPFAILOVER",
    api.Event.RECOVER: "RESOURCERESTART",
}


def of_start(call: api.Call, script: str) -> dict[str, str]:
    """Give the environment of a start script."""
    return _common(call, script)


def of_stop(call: api.Call, script: str) -> dict[str, str]:
    """Give the environment of a stop script, which also hears why it runs."""
    return _common(call, script) | {"CLP_FACTOR": _FACTORS.get(call.event, "NULL")}


def _common(call: api.Call, script: str) -> dict[str, str]:
    return {
        "CLP_EVENT": _EVENTS[call.event],
        "CLP_SERVER": "HOME" if call.server == call.home else "OTHER",
        "CLP_SERVER_PREV": call.previous,
        "CLP_PRIORITY": str(call.priority),
        "CLP_GROUPNAME": call.group,
        "CLP_RESOURCENAME": call.resource,
        "CLP_DISK": "SUCCESS",  # a disk that is not there keeps the script from being started
        "CLP_SCRIPT_PATH": posixpath.dirname(script),
        "CLP_PATH": sys.prefix,
        **_version(),
    }


@functools.cache
def _version() -> Mapping[str, str]:
    version = importlib.metadata.version("clpcore")
    return {"CLP_VERSION_FULL": version, "CLP_VERSION_MAJOR": version.partition(".")[0]}
