"""Before and after a lab starts: is its configuration sound, and do its servers come up?"""

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from clp_lab.control import Control
from clp_lab.errors import LabError, LabFileError
from clp_lab.logs import last_lines
from clp_lab.plan import CLP, Plan
from clp_lab.status import ServerStatus

_CONF = "etc/clpcore/conf.d"
_CHECK_S = 60.0
_PATIENCE_S = 15.0
_STEP_S = 0.02
_TOLD = 8  # lines of a log that an error shows


def must_be_configured(plan: Plan) -> None:
    """Have `clp config check` look at the configuration that the agents will read.

    In a process of its own: it loads the plugins of this Python, and a lab needs none of them.

    Raises:
        LabFileError: it has errors, which the text tells with their places and remedies.

    """
    folder = _folder(plan)
    if folder is None or not any(_is_clp(plan.agent_of(server)) for server in plan.servers):
        return
    environment = {key: value for key, value in os.environ.items() if key != "CLP_ROOT"}
    checked = subprocess.run(
        [CLP, "config", "check", folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_CHECK_S,
        check=False,
    )
    said = f"{checked.stdout}{checked.stderr}".rstrip()
    if checked.returncode:
        raise LabFileError(
            (said or f"`clp config check` ended with {checked.returncode} and said nothing")
            + f"\nno lab was started: correct it, then `clp config check {folder}`"
        )


def _folder(plan: Plan) -> str | None:
    """Give where the configuration comes from: a folder as a whole, or its files one by one."""
    files = (source for inside, source in plan.files.items() if inside.startswith(f"{_CONF}/"))
    return plan.files.get(_CONF) or next((str(Path(source).parent) for source in files), None)


def must_come_up(lab: Control, plan: Plan) -> None:
    """Wait until the agent of every server that was started answers on its control socket.

    Agents of other makes are only waited for while they have not ended.

    Raises:
        LabError: one ended, or does not answer in time; with the end of its log.

    """
    waiting = [server for server in plan.servers if server.start and plan.agent_of(server)]
    deadline = time.monotonic() + _PATIENCE_S
    while waiting:
        status = lab.status()
        waiting = [one for one in waiting if not _is_up(lab, plan, status.server(one.name))]
        if waiting and time.monotonic() > deadline:
            name, late = waiting[0].name, f"its agent does not answer within {_PATIENCE_S:g} s"
            raise _down(lab, name, late)
        time.sleep(_STEP_S)


def _is_up(lab: Control, plan: Plan, shown: ServerStatus) -> bool:
    if shown.power == "off":
        raise _down(lab, shown.name, f"it is off again ({shown.because})")
    if shown.restarts:
        raise _down(lab, shown.name, "its agent ended at once")
    (server,) = (server for server in plan.servers if server.name == shown.name)
    return shown.agent == "running" and (not _is_clp(plan.agent_of(server)) or _answers(shown))


def _down(lab: Control, name: str, what: str) -> LabError:
    told = "\n".join(f"  {line}" for line in last_lines(lab.server(name).log, _TOLD))
    return LabError(
        f"{told}\n{name} does not come up: {what}, its last words are above",
        f"all of them: `clp lab logs {name}`; then `clp lab down`",
    )


def _answers(shown: ServerStatus) -> bool:
    with socket.socket(socket.AF_UNIX) as end:
        return end.connect_ex(f"{shown.root}/run/clpcore/control") == 0


def _is_clp(agent: Sequence[str]) -> bool:
    return len(agent) > 1 and Path(agent[0]).name == "clp" and agent[1] == "agent"
