"""What the product's commands print, as dialogues: dialogues/*.txt, one for each state.

``$ clpstat ...`` is typed, the rest is what comes: plain lines from stdout, ``! `` from stderr, and
the exit code if it is not 0. CLP_RECORD=1 writes them anew: read the difference before you keep it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]
Run = Callable[[str], tuple[str, str, int]]
Hold = Callable[..., None]

_DIALOGUES = Path(__file__).with_name("dialogues")
_REAL = Path(__file__).parents[2] / "cluster/product"  # the same states, of real servers


def _running(status: Document) -> None:
    """All is well; a second group was stopped by an operator."""
    group = copy.deepcopy(status["groups"][0])
    group |= {"name": "failover2", "state": "Offline", "server": None, "wanted": "stopped"}
    group["resources"] = [{"name": "fip1", "type": "fip", "state": "Offline"}]
    group["servers"]["node1"] |= {"state": "Offline", "epoch": 0}
    pidw1 = status["monitors"][0]["servers"]
    pidw1["node2"] = {**pidw1["node1"], "state": "Offline"}
    status["groups"].append(group)


def _stopped(status: Document) -> None:
    """The agents are there, the cluster is stopped."""
    status |= {"phase": "offline", "leader": None}
    for server in status["servers"]:
        server["state"] = server["heartbeats"][0]["state"] = "Offline"
    _is_down(status)


def _half_started(status: Document) -> None:
    """node1 waits for node2, which it has not heard yet."""
    status |= {"phase": "starting", "leader": None}
    status["servers"][0]["state"] = "Online Pending"
    status["servers"][0]["heartbeats"][0]["state"] = "Error"
    status["servers"][1] |= {"state": "Unknown", "boot": None, "heard_ms_ago": None}
    status["servers"][1]["heartbeats"][0]["state"] = "Unknown"
    _is_down(status)
    _forget(status, "node2")


def _is_down(status: Document) -> None:
    group = status["groups"][0]
    group |= {"state": "Offline", "server": None}
    for part in (*group["resources"], *group["servers"].values(), *status["monitors"]):
        part["state"] = "Offline"
    for monitor in status["monitors"]:
        for there in monitor["servers"].values():
            there["state"] = "Offline"


def _partitioned(status: Document) -> None:
    """Seen from node2, which is drained: node1 ran the group and is silent, without any proof."""
    status["server"] = status["leader"] = "node2"
    status["servers"][1]["drained"] = True
    status["servers"][0] |= {"state": "Unknown", "heard_ms_ago": 93_400}
    for server in status["servers"]:
        server["heartbeats"][0]["state"] = "Error"
    blocked = {"key": "rc530", "args": {"group": "failover1", "server": "node1"}}
    group = status["groups"][0]
    group |= {"state": "Unknown", "because": blocked}
    for resource in group["resources"]:
        resource["state"] = "Unknown"
    status["monitors"][0]["state"] = "Offline"
    _forget(status, "node1")


def _forget(status: Document, server: str) -> None:
    for part in (*status["groups"], *status["monitors"]):
        part["servers"].pop(server, None)


def _protected(status: Document) -> None:
    """With NP resolution and forced stop, which would not work on node2."""
    node1, failed = {"state": "Normal", "detail": ""}, {"state": "Error", "detail": "no answer"}
    np = {"name": "pingnp1", "type": "pingnp", "state": "Normal", "servers": {"node1": node1}}
    way = {"name": "fence1", "type": "script", "state": "Error", "servers": {"node2": failed}}
    status |= {"np": [np], "fencing": [{**way, "stops": []}]}


_STATES = {
    "running": _running,
    "stopped": _stopped,
    "half_started": _half_started,
    "partitioned": _partitioned,
    "protected": _protected,
}
_WITHOUT_AGENT = ("no_agent", "usage", "help")


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("state", _STATES)
def test_dialogue(state: str, status: Document, product: Run, hold: Hold) -> None:
    _STATES[state](status)
    hold(_DIALOGUES / f"{state}.txt", product)


@pytest.mark.parametrize("name", _WITHOUT_AGENT)
def test_dialogue_without_an_agent(name: str, product: Run, hold: Hold) -> None:
    hold(_DIALOGUES / f"{name}.txt", product)


def test_every_dialogue_is_held() -> None:
    assert {path.stem for path in _DIALOGUES.iterdir()} == {*_STATES, *_WITHOUT_AGENT}


@pytest.mark.parametrize("state", sorted(path.stem for path in _REAL.iterdir()))
def test_the_stand_in_refuses_what_real_servers_refuse(state: str) -> None:
    here, real = (_ends(folder / f"{state}.txt") for folder in (_DIALOGUES, _REAL))
    refused = {line for line, (keys, _) in here.items() if keys}
    assert refused
    assert refused <= real.keys()  # each refusal was seen for real
    both = [line for line in here if line in real and "off" not in real[line]]
    assert {line: here[line] for line in both} == {line: real[line] for line in both}


def _ends(path: Path) -> dict[str, tuple[list[str], str]]:
    """Give how each line of a dialogue ended when it was first typed: the keys, the exit code."""
    _, *parts = re.split(r"^\$ (.*)\n", path.read_text(), flags=re.MULTILINE)
    ends: dict[str, tuple[list[str], str]] = {}
    for line, came in zip(parts[::2], parts[1::2], strict=True):
        end = re.search(r"^exit (\d+)$|machine is (off)", came, re.MULTILINE)
        code = (end[1] or end[2]) if end else "0"
        ends.setdefault(line, (re.findall(r"^! Error: .*\[(\w+)\]$", came, re.MULTILINE), code))
    return ends
