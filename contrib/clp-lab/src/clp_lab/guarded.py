"""A cluster with a witness, NP resolution and forced stop, in the lab: its configuration.

Two servers and one group behind the load balancer: a ledger, which appends what it is asked to a
file that both servers see, and the probe port. Its short times are for a lab.
"""

import contextlib
import enum
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from clp_lab.conf import WITNESS_KEY
from clp_lab.mounts import SHARED
from clp_lab.plan import CLIENT_INNER, POWER_ADDRESS, WITNESS_ADDRESS

FENCE = "forced_stop"
LEASE_S = 5.0


class Protection(enum.Enum):
    """What keeps the group from running twice: NP resolution, and this."""

    NP = ""
    COHORT = "fencing"
    FENCE = "fencing, arbiter without lease"
    LEASE = "arbiter"
    BOTH = "fencing, arbiter"


_CLUSTER = """
[cluster]
name = "Guarded"
platform = "lab"
heartbeat_interval = "200 ms"
heartbeat_timeout = 1
startup_wait = 5
stop_budget = 1
fence_delay = 2

[server.node1]
priority = 1
interconnect = ["10.5.0.110"]

[server.node2]
priority = 2
interconnect = ["10.5.0.111"]

[group.failover1.resource.exec1]
type = "exec"
start_sync = false

[group.failover1.resource.lbpp1]
type = "lbpp"
port = 26001

[monitor.lbppw1]
interval = 0.5
timeout = 2
retry = 0
"""
NP = f"""
[np.pingnp1]
type = "pingnp"
groups = [["{CLIENT_INNER}"]]
interval = 0.4
timeout = 0.5
tries = 2
"""
WITNESS_NP = f"""
[np.httpnp1]
type = "httpnp"
url = "http://{WITNESS_ADDRESS}/"
interval = 0.4
timeout = 2.7
request_timeout = 0.5
"""
WITNESS_HEARTBEAT = f"""
[heartbeat.witnesshb1]
type = "witnesshb"
url = "http://{WITNESS_ADDRESS}"
key_file = "/{WITNESS_KEY}"
request_timeout = 2
"""
_FENCING = f"""
[fencing.{FENCE}]
type = "script"
timeout = 2
tries = 2
retry_interval = 0.3
check_interval = 2
check_timeout = 2
"""
_ARBITER = f"""
[arbiter.witness1]
type = "witness"
url = "http://{WITNESS_ADDRESS}"
key_file = "/{WITNESS_KEY}"
lease = LEASE
renewal = 0.5
timeout = 0.5
watchdog = 2
reset = 0.2
freeze = 0.2
"""
_FORCE_STOP = f"""\
#!PYTHON -IS
# Stops a server of the lab through its power service, and returns 0 when it was read as off.
import http.client
import os
import sys
import time


def ask(method, path):
    service = http.client.HTTPConnection("{POWER_ADDRESS}", timeout=1)
    service.request(method, path)
    answer = service.getresponse()
    return answer.status, answer.read().decode()


victim = os.environ["CLP_SERVER_VICTIM"]
if os.environ["CLP_FORCESTOP_MODE"] == "0":
    sys.exit(ask("GET", f"/{{victim}}")[0] != 200)
if ask("POST", f"/{{victim}}/off")[0] != 202:
    sys.exit("the power service did not accept it")
for _ in range(8):
    if ask("GET", f"/{{victim}}") == (200, "off"):
        sys.exit()
    time.sleep(0.1)
sys.exit("it was not read as off")
"""
_START = """\
#!/bin/sh
exec PYTHON -IS "$CLP_SCRIPT_PATH/ledger.py" 8080 /SHARED/ledger
"""
_STOP = """\
#!/bin/sh
exit 0
"""


def tables_of(protection: Protection, *, lease: float = LEASE_S, np: str = NP) -> str:
    """Give the configuration of the cluster, as TOML; *lease* in seconds, *np*: its tables."""
    text = _CLUSTER + np
    if "fencing" in protection.value:
        text += _FENCING
    if "arbiter" in protection.value:
        seconds = 0 if protection is Protection.FENCE else lease
        text += _ARBITER.replace("LEASE", f"{seconds:g}")
    return text


def scripts() -> dict[str, str]:
    """Give the scripts of the cluster, by their paths below the folder of scripts."""
    ledger = (Path(__file__).parent / "torture/ledger.py").read_text(encoding="utf-8")
    return {
        "failover1/exec1/start.sh": _START.replace("PYTHON", sys.executable).replace(
            "SHARED", SHARED
        ),
        "failover1/exec1/stop.sh": _STOP,
        "failover1/exec1/ledger.py": ledger,
        f"fencing/{FENCE}/forcestop.sh": _FORCE_STOP.replace("PYTHON", sys.executable),
    }


@contextlib.contextmanager
def conf_of(
    protection: Protection, *, extra: str = "", lease: float = LEASE_S, np: str = NP
) -> Iterator[Path]:
    """Give a folder with the whole configuration, and *extra* tables, for the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "conf"
        folder.mkdir()
        tables = tables_of(protection, lease=lease, np=np)
        (folder / "cluster.toml").write_text(tables, encoding="utf-8")
        (folder / "extra.toml").write_text(extra, encoding="utf-8")
        for path, text in scripts().items():
            file = folder / "scripts" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o755)
        yield folder
