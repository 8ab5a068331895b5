"""What an operator reads, as dialogues: dialogues/*.txt.

``$ clp ...`` is typed, the rest is what comes: plain lines from stdout, ``! `` from stderr, and
the exit code if it is not 0. CLP_RECORD=1 writes them anew: read the difference before you keep it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]
Hold = Callable[..., None]

_DIALOGUES = Path(__file__).with_name("dialogues")


def _normal(_: Document) -> None:
    """All is well already."""


def _failed_over(status: Document) -> None:
    status["leader"] = "node2"
    status["server"] = "node2"
    status["view"] = {"counter": 4, "leader": "node2", "members": ["node2"]}
    status["exclusive"] = "not guaranteed"
    _silence(status["servers"][0])
    status["servers"][1]["heard_ms_ago"] = None
    group = status["groups"][0]
    group |= {"server": "node2", "epoch": 8}
    group["servers"] = {
        "node2": {"state": "Online", "epoch": 8, "can_take": True, "because": None, "note": None}
    }
    for monitor, where in zip(status["monitors"], ("node2", "node2"), strict=True):
        monitor["servers"] = {where: {"state": "Online", "detail": "", "dummy": False}}


def _caution(status: Document) -> None:
    """A port that somebody else opened on the standby."""
    status["verification"] = True
    status["troubles"] = [
        {"key": "pm500", "args": {"path": "/var/lib/clpcore/store.db", "reason": "disk full"}}
    ]
    said = "port 26001 is open, and failover1 is not active here"
    warns = {"server": "node2", "monitor": "lbppw1", "reason": said}
    status["groups"][0]["servers"]["node2"] |= {
        "can_take": False,
        "because": {"key": "rc548", "args": warns},
    }
    status["monitors"][1]["state"] = "Caution"
    status["monitors"][1]["servers"]["node2"] |= {"state": "Caution", "detail": said}
    status["monitors"][1]["servers"]["node1"]["dummy"] = True


def _silent(status: Document) -> None:
    """The owner is silent, and nothing proves that it has stopped."""
    status["server"] = status["leader"] = "node2"
    status["view"] = {"counter": 4, "leader": "node2", "members": ["node2"]}
    _silence(status["servers"][0])
    status["servers"][1]["heard_ms_ago"] = None
    group = status["groups"][0]
    blocked = {"key": "rc530", "args": {"group": "failover1", "server": "node1"}}
    group |= {"state": "Unknown", "because": blocked}
    del group["servers"]["node1"]
    for resource in group["resources"]:
        resource["state"] = "Unknown"
    for monitor in status["monitors"]:
        monitor["servers"].pop("node1")
        monitor["state"] = "Normal" if monitor["servers"] else "Offline"


def _silence(server: Document) -> None:
    server |= {"state": "Unknown", "heard_ms_ago": 93_400}
    server["heartbeats"][0]["state"] = "Error"


def _starting(status: Document) -> None:
    """node1 waits for node2."""
    status |= {"phase": "starting", "leader": None}
    status["view"] = {"counter": 0, "leader": "", "members": []}
    status["servers"][0]["state"] = "Online Pending"
    status["servers"][0]["heartbeats"][0]["state"] = "Error"
    status["servers"][1] |= {"state": "Unknown", "boot": None, "heard_ms_ago": None}
    status["servers"][1]["heartbeats"][0]["state"] = "Unknown"
    group = status["groups"][0]
    group |= {"state": "Offline", "server": None}
    for part in group["resources"]:
        part["state"] = "Offline"
    refused = {"key": "rc540", "args": {"server": "node1"}}
    group["servers"] = {
        "node1": {
            "state": "Offline",
            "epoch": 0,
            "can_take": False,
            "because": refused,
            "note": None,
        }
    }
    for monitor in status["monitors"]:
        monitor["state"] = "Offline"


def _stopped(status: Document) -> None:
    status |= {"phase": "offline", "leader": None}
    status["view"] = {"counter": 4, "leader": "", "members": []}
    for server in status["servers"]:
        server["state"] = server["heartbeats"][0]["state"] = "Offline"
    group = status["groups"][0]
    group |= {"state": "Offline", "server": None}
    for part in (*group["resources"], *group["servers"].values()):
        part["state"] = "Offline"
    for monitor in status["monitors"]:
        monitor["state"] = "Offline"


def _twice(status: Document) -> None:
    """The network failed, unproven takeover is allowed, and the network is back."""
    status["exclusive"] = "not guaranteed"
    group = status["groups"][0]
    group |= {"server": "node2", "epoch": 8}
    group["servers"]["node2"] |= {"state": "Online", "epoch": 8}


def _operators_work(status: Document) -> None:
    """Monitors as operators left them: one suspended, one with a dummy failure."""
    status["verification"] = True
    pidw1, lbppw1 = status["monitors"]
    pidw1["state"] = pidw1["servers"]["node1"]["state"] = "Suspend"
    lbppw1["state"] = "Error"
    lbppw1["servers"]["node1"] |= {
        "state": "Online Failure",
        "detail": "dummy failure",
        "dummy": True,
    }


def _trouble(status: Document) -> None:
    """The group ran twice and waits for an operator's word; the agent has a trouble of its own."""
    twice = {"key": "rc92", "args": {"group": "failover1", "server": "node2"}}
    full = {"key": "pm500", "args": {"path": "/var/lib/clpcore/store.db", "reason": "disk full"}}
    status["troubles"] = [{**twice, "since": 1_795_000_000_000}, full]


def _failing_elsewhere(status: Document) -> None:
    """Seen from node2: the group cannot be activated on node1, and node2 is stopped."""
    status |= {"server": "node2", "phase": "offline"}
    status["servers"][0]["heard_ms_ago"] = 480
    status["servers"][1] |= {"heard_ms_ago": None, "state": "Offline"}
    for server in status["servers"]:
        server["heartbeats"][0]["state"] = "Offline"
    status["view"]["members"] = ["node1"]
    group = status["groups"][0]
    group["state"] = group["resources"][0]["state"] = "Online Failure"
    failed = {"resource": "exec1", "group": "failover1", "server": "node1", "reason": "exit 3"}
    group["because"] = {"key": "rc32", "args": failed}
    group["servers"]["node1"] |= {"state": "Error", "note": group["because"]}
    refused = {"key": "rc540", "args": {"server": "node2"}}
    group["servers"]["node2"] |= {"can_take": False, "because": refused}
    inner = {"key": "rc540", "args": {"server": "node2"}}
    waits = {"key": "rc66", "args": {"group": "failover1", "reason": inner}}
    group["servers"]["node2"]["note"] = waits


def _suspended(status: Document) -> None:
    """An operator suspended the cluster; then the server of the group died."""
    _silent(status)
    status["suspended"] = True
    status["groups"][0]["because"] = {"key": "rc580", "args": {}}
    for monitor in status["monitors"]:
        monitor["state"] = "Suspend"
        for server in monitor["servers"].values():
            server["state"] = "Suspend"


def _path_lost(status: Document) -> None:
    """The interconnect is cut; heartbeats come over the witness."""
    for server, lan in zip(status["servers"], ("Caution", "Error"), strict=True):
        server["heartbeats"][0]["state"] = lan
        well = {"name": "witnesshb1", "type": "witnesshb", "state": "Normal"}
        server["heartbeats"].append(well)


def _drained(status: Document) -> None:
    """Node2 is drained, a freeze of it expected; a resource on node1 was stopped by hand."""
    status["servers"][1] |= {"drained": True, "freeze": "expected"}
    group = status["groups"][0]
    group["resources"][1]["state"] = "Offline"
    group["because"] = {"key": "rc583", "args": {"resources": "lbpp1"}}
    refused = {"key": "rc581", "args": {"server": "node2"}}
    group["servers"]["node2"] |= {"can_take": False, "because": refused}
    group["servers"]["node1"]["note"] = group["because"]


def _protected(status: Document) -> None:
    """NP resolution, forced stop and an arbiter, all of them well; two stops are long over."""
    status["policy"] = "both"
    well = {"state": "Normal", "detail": ""}
    stopped = {
        "server": "node2",
        "boot": 4,
        "at": 1_794_900_000_000,
        "took_ms": 2_340,
        "failed": "",
    }
    refused = {**stopped, "boot": 3, "at": 1_794_800_000_000, "failed": "answers 403\x1b[2J"}
    status["np"] = [{"name": "httpnp1", "type": "httpnp", **_one("Normal", node1=well)}]
    power1 = {"name": "power1", "type": "script", **_one("Normal", node2=well)}
    status["fencing"] = [{**power1, "stops": [stopped, refused]}]
    status["arbiter"] = {
        "name": "witness1",
        "type": "witness",
        "state": "Normal",
        "detail": "",
        "lease_ms": 60_000,
        "lease_left_ms": 57_200,
        "stops_in_ms": 10_100,
        "promised_to": [],
        "promised_by": [],
        "asks_for_promises": False,
    }


def _one(state: str, **servers: Document) -> Document:
    return {"state": state, "servers": servers}


def _not_fenced(status: Document) -> None:
    """The owner is silent, and its forced stop has failed."""
    _silent(status)
    _protected(status)
    reason = "the power interface answers 403"
    failed = {"key": "rc413", "args": {"server": "node1", "reason": reason}}
    status["np"] = []
    power1 = {"state": "Error", "detail": reason}
    way = {"name": "power1", "type": "script", **_one("Error", node1=power1)}
    ended = {"server": "node1", "boot": 1, "at": 1_795_000_000_131, "took_ms": 6_020}
    status["fencing"] = [{**way, "stops": [{**ended, "failed": reason}]}]
    status["servers"][0]["forced_stop"] = {
        "because": failed,
        "fence": "power1",
        "boot": 1,
        "failed_tries": 0,
        "of": 3,
        "failed": reason,
    }
    status["groups"][0]["because"] = failed
    status["groups"][0]["servers"]["node2"] |= {"note": failed}


def _cut_off(status: Document) -> None:
    """Seen from node2: nobody answers it, neither node1 nor NP resolution nor the arbiter."""
    _silent(status)
    _protected(status)
    status["fencing"] = []
    status["cut_off"] = {"key": "nm43", "args": {"server": "node2", "action": "none"}}
    down = {"state": "Error", "detail": "connection timed out"}
    status["np"] = [{"name": "httpnp1", "type": "httpnp", **_one("Error", node2=down)}]
    status["arbiter"] |= {
        "state": "Error",
        "detail": "connection timed out",
        "lease_left_ms": 31_000,
        "stops_in_ms": 0,
        "asks_for_promises": True,
        "promised_to": ["node1"],
    }
    waits = {"group": "failover1", "server": "node1", "epoch": "7"}
    status["groups"][0]["because"] = {"key": "rc604", "args": waits}


_SCENARIOS = {
    "status_normal": _normal,
    "status_failed_over": _failed_over,
    "status_caution": _caution,
    "status_silent": _silent,
    "status_stopped": _stopped,
    "status_starting": _starting,
    "status_twice": _twice,
    "operations": _normal,
    "refusals": _normal,
    "journal": _normal,
    "plugins": _normal,
    "status_operators_work": _operators_work,
    "status_trouble": _trouble,
    "why_elsewhere": _failing_elsewhere,
    "status_suspended": _suspended,
    "status_drained": _drained,
    "status_path_lost": _path_lost,
    "status_protected": _protected,
    "status_not_fenced": _not_fenced,
    "status_cut_off": _cut_off,
    "why_after_reboot": _normal,
}
_WITHOUT_AGENT = ("no_agent", "usage", "help")


def _row(wall_ms: int, key: str, severity: str, text: str, **args: str) -> Document:
    """A row of node2's journal; its text and severity come from the agent."""
    when = {"wall_ms": wall_ms, "now_ms": wall_ms % 1_000_000, "boot": 1}
    what = {"server": "node2", "kind": "because", "key": key, "args": args}
    return {"ok": True, "row": {**when, **what, "severity": severity, "text": text}}


_PAST = [
    _row(
        1_795_000_000_123,
        "rc530",
        "error",
        "Group failover1 is blocked: node1 is silent and not proven stopped.",
        group="failover1",
        server="node1",
    ),
    _row(
        1_795_000_000_131,
        "rc60",
        "warning",
        "Failing group failover1 over from node1 to node2.",
        group="failover1",
        previous="node1",
        server="node2",
    ),
]


_BEGAN = _row(
    1_795_000_090_000, "pm1", "info", "The agent of node2 begins.", server="node2", boot="2"
)
_AFTER_A_REBOOT = [*(each["row"] for each in _PAST), {**_BEGAN["row"], "boot": 2}]


def _asked(request: Document) -> list[Document]:
    """Answer an operation: moves succeed, node2 refuses starts, the rest is not done in time."""
    match request["op"]["is"]:
        case "GroupMove":
            args = {"group": "failover1", "previous": "node1", "server": "node2"}
            return [{"ok": True, "request": "node1-9", "because": [{"key": "rc50", "args": args}]}]
        case "GroupStart":
            because = {"key": "rc541", "args": {"server": "node2", "group": "failover1"}}
            return [{"ok": False, "request": "node1-9", "because": [because]}]
        case "GroupFailover":
            because = {"key": "rc530", "args": {"server": "node2", "group": "failover1"}}
            return [{"ok": False, "request": "node1-9", "because": [because]}]
        case "ServerStop":
            because = {"key": "op12", "args": {"ms": "7200000"}}
            return [{"ok": False, "request": "node1-9", "because": [because]}]
        case "ClusterStop":
            return [{"leave": True}]
        case "ClusterStart":
            return [{"ok": False, "error": "the store is full", "remedy": "make room"}]
    return [{"ok": True, "request": "node1-9", "because": []}]


_PLUGINS = {
    "drivers": [
        {
            "kind": "resource",
            "name": "exec",
            "summary": "Scripts that start and stop an application.",
            "plugin": "exec",
            "distribution": "clpcore-exec",
            "version": "0.1.0",
        }
    ],
    "refused": [
        {
            "plugin": "md",
            "distribution": "clpcore-md",
            "reason": "resource 'md' needs mkfs, not found on PATH",
            "remedy": "Install mkfs here.",
        }
    ],
}


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_dialogue(scenario: str, status: Document, answers: Document, clp: Clp, hold: Hold) -> None:
    _SCENARIOS[scenario](status)
    answers |= {
        "status": [{"ok": True, "status": status}],
        "watch": [{"ok": True, "status": status}, {"end": True}],
        "why": lambda request: [
            {
                "ok": True,
                "because": [] if request["about"] == "exec1" else [p["row"] for p in _PAST],
            }
        ],
        "log": [*_PAST, {"ok": True, "end": True}],
        "ask": _asked,
        "plugins": [{"ok": True, "plugins": _PLUGINS}],
    }
    if scenario == "why_after_reboot":
        answers["why"] = [{"ok": True, "because": _AFTER_A_REBOOT}]
    hold(_file(scenario), _typed(clp), _steady)


@pytest.mark.parametrize("scenario", _WITHOUT_AGENT)
def test_dialogue_without_an_agent(scenario: str, clp: Clp, hold: Hold) -> None:
    hold(_file(scenario), _typed(clp), _steady)


def _file(scenario: str) -> Path:
    return _DIALOGUES / f"{scenario}.txt"


def _typed(clp: Clp) -> Clp:
    """Run a line as it is typed, with the program's own name."""
    return lambda line: clp(line.removeprefix("clp"))


def _steady(told: str) -> str:
    told = re.sub(r"\([\d.]+ s\)", "(N s)", told)
    return re.sub(r'"ms": \d+', '"ms": N', told)


def test_every_dialogue_is_held() -> None:
    assert {path.stem for path in _DIALOGUES.iterdir()} == {*_SCENARIOS, *_WITHOUT_AGENT}
