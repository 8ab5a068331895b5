"""What the script finds in its environment: the words of the modelled product."""

from __future__ import annotations

import functools
import importlib.metadata
import posixpath
import sys
from collections.abc import Mapping

from clpcore import api


def of(call: api.Call, script: str) -> dict[str, str]:
    """Give the environment of the monitor's script; group and resource are those it watches."""
    return {
        "CLP_MONITORNAME": call.monitor,
        "CLP_GROUPNAME": call.group,
        "CLP_RESOURCENAME": call.resource,
        "CLP_SERVER": "HOME" if call.server == call.home else "OTHER",
        "CLP_SCRIPT_PATH": posixpath.dirname(script),
        "CLP_PATH": sys.prefix,
        **_version(),
    }


@functools.cache
def _version() -> Mapping[str, str]:
    version = importlib.metadata.version("clpcore")
    return {"CLP_VERSION_FULL": version, "CLP_VERSION_MAJOR": version.partition(".")[0]}
