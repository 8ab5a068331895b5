"""A stand-in for the agent: answers on a real Unix socket what a test tells it to."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import re
import shlex
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clpcore.ctl import main, parsing, words

# What the sentences of the tests say; the catalogue's own words may change.
CATALOGUE = {
    "nm2": {"severity": "error", "en": "Server {server} has been silent for {ms} ms."},
    "rc50": {"severity": "info", "en": "Moving group {group} from {previous} to {server}."},
    "rc60": {
        "severity": "warning",
        "en": "Failing group {group} over from {previous} to {server}.",
    },
    "rc530": {
        "severity": "error",
        "en": "Group {group} is blocked: {server} is silent and not proven stopped.",
        "remedy": "Bring {server} back, or make sure that it is off and start alone.",
    },
    "rc32": {
        "severity": "error",
        "en": "Activating resource {resource} of group {group} on {server} has failed: {reason}",
        "remedy": "Correct the cause, then: clp group start {group}",
    },
    "rc66": {"severity": "info", "en": "Group {group} waits: {reason}"},
    "rc92": {
        "severity": "error",
        "en": "Group {group} was active on two servers; {server} has given way.",
        "remedy": "Compare the data of both sides.",
    },
    "rc540": {
        "severity": "info",
        "en": "{server} is not online.",
        "remedy": "Start {server}.",
    },
    "rc541": {
        "severity": "warning",
        "en": "{server} is not among the startup servers of group {group}.",
    },
    "rc548": {
        "severity": "warning",
        "en": "{server} cannot take it: monitor {monitor} warns: {reason}",
        "remedy": "Correct what the monitor sees on {server}.",
    },
    "rc580": {
        "severity": "warning",
        "en": "The cluster is suspended: nothing is started or moved until it is resumed.",
        "remedy": "clp cluster resume",
    },
    "rc581": {
        "severity": "warning",
        "en": "{server} is drained: it takes no groups.",
        "remedy": "When your work there is done: clp server undrain {server}",
    },
    "rc583": {
        "severity": "warning",
        "en": "An operator has stopped {resources}; nothing watches what is stopped.",
        "remedy": "clp resource start RESOURCE",
    },
    "rc413": {
        "severity": "error",
        "en": "Server {server} could not be stopped by force: {reason}.",
        "remedy": "Look whether {server} is off. Only if it is: clp server confirm-down {server}.",
    },
    "nm43": {
        "severity": "error",
        "en": "A network partition: {server} is cut off. Action: {action}.",
        "remedy": "Correct the network of {server}.",
    },
    "nm37": {
        "severity": "error",
        "en": "NP resolution {np} does not answer on {server} ({tries} questions in a row).",
        "remedy": "Check its target, and the network of {server}.",
    },
    "rc603": {
        "severity": "error",
        "en": "Arbiter {arbiter} does not answer on {server}: {reason}.",
        "remedy": "Correct that: no other server can take over.",
    },
    "rc604": {
        "severity": "info",
        "en": "Group {group} waits at the arbiter: {server} holds it with epoch {epoch}.",
    },
    "pm1": {"severity": "info", "en": "The agent of {server} begins (boot {boot})."},
    "pm500": {"severity": "error", "en": "The store {path} cannot be written: {reason}."},
    "op12": {"severity": "error", "en": "The request was not done within {ms} ms."},
}


class Agent:
    """The agent's side of the control socket.

    ``answers`` has the replies to each verb, or a function from the request to them. A reply
    ``{"hang": True}`` says nothing more until the other side leaves, ``{"leave": True}`` closes,
    ``{"raw": text}`` sends what is no JSON.
    """

    def __init__(self, root: Path) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.threads = [threading.Thread(target=self.accept)]
        folder = root / "run/clpcore"
        folder.mkdir(parents=True)
        descriptor = os.open(folder, os.O_PATH)  # its path may be too long for an address
        self.socket.bind(f"/proc/self/fd/{descriptor}/control")
        os.close(descriptor)
        self.socket.listen()
        self.threads[0].start()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
        self.socket.close()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self.socket.accept()
                thread = threading.Thread(target=self.serve, args=(end,))
                self.threads.append(thread)
                thread.start()

    def serve(self, end: socket.socket) -> None:
        with end, contextlib.suppress(ConnectionError), end.makefile("rb") as lines:
            request = json.loads(lines.readline())
            self.asked.append(request)
            answer = self.answers[request["do"]]
            for reply in answer(request) if callable(answer) else answer:
                if "leave" in reply:
                    return
                if "hang" not in reply:
                    end.sendall(reply.get("raw", json.dumps(reply)).encode() + b"\n")
            end.settimeout(15)
            lines.read(1)  # until the other side leaves


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The places of a server of its own, found by CLP_ROOT."""
    monkeypatch.setenv("CLP_ROOT", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path


@pytest.fixture
def agent(root: Path) -> Iterator[Agent]:
    agent = Agent(root)
    yield agent
    agent.close()


@pytest.fixture
def answers(agent: Agent) -> dict[str, Any]:
    """What the agent answers, by verb."""
    return agent.answers


@pytest.fixture
def asked(agent: Agent) -> list[dict[str, Any]]:
    """The requests that the agent got."""
    return agent.asked


@pytest.fixture
def clp(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[str, str, int]]:
    """Runs a command line; gives what it printed, what it complained of, and the exit code."""
    lab = importlib.metadata.EntryPoint("lab", "clp_lab.main:main", "clpcore.commands")
    monkeypatch.setattr(words, "_catalogue", lambda: CATALOGUE)
    monkeypatch.setattr(main, "externals", lambda: {"lab": lab})
    parsing._width.cache_clear()  # another test's terminal

    def run(line: str) -> tuple[str, str, int]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main.main(shlex.split(line))
            except SystemExit as end:  # argparse, after the help
                code = int(end.code or 0)
        return out.getvalue(), err.getvalue(), code

    return run


@pytest.fixture
def hold(root: Path) -> Callable[..., None]:
    """Types what a dialogue's file types after its prompts, and compares everything else."""

    def exchange(typed: str, run: Callable[[str], tuple[str, str, int]]) -> str:
        out, err, code = run(typed)
        told = f"$ {typed}\n{out}"
        told += "".join(f"! {complaint}\n" for complaint in err.splitlines())
        told += f"exit {code}\n" if code else ""
        return told.replace(str(root), "ROOT")

    def hold(
        path: Path,
        run: Callable[[str], tuple[str, str, int]],
        steady: Callable[[str], str] = lambda told: told,
    ) -> None:
        before = path.read_text()
        parts = re.split(r"^\$ (.*)\n", before, flags=re.MULTILINE)
        assert parts[1::2], f"{path} types nothing"
        after = parts[0] + "\n".join(steady(exchange(typed, run)) for typed in parts[1::2])
        if os.environ.get("CLP_RECORD"):
            path.write_text(after)
        assert after == before

    return hold


@pytest.fixture
def status() -> dict[str, Any]:
    """Two servers, all well: failover1 runs on node1."""
    return {
        "schema": 1,
        "cluster": "Cluster1",
        "server": "node1",
        "now_ms": 600_000,
        "phase": "online",
        "leader": "node1",
        "view": {"counter": 3, "leader": "node1", "members": ["node1", "node2"]},
        "verification": False,
        "suspended": False,
        "endured_freeze_ms": 67_500,
        "policy": "cohort",
        "exclusive": "guaranteed",
        "cut_off": None,
        "np": [],
        "fencing": [],
        "arbiter": None,
        "troubles": [],
        "servers": [_server("node1", 1, None), _server("node2", 2, 480)],
        "groups": [_group()],
        "monitors": [
            _monitor("pidw1", "pidw", "exec1", node1="Online"),
            _monitor("lbppw1", "lbppw", "lbpp1", node1="Online", node2="Online"),
        ],
    }


def _server(name: str, number: int, heard: int | None) -> dict[str, Any]:
    return {
        "name": name,
        "state": "Online",
        "priority": number,
        "boot": 1,
        "join": number,
        "drained": False,
        "freeze": None,
        "evidence": None,
        "forced_stop": None,
        "heard_ms_ago": heard,
        "heartbeats": [{"name": "lanhb1", "type": "lanhb", "state": "Normal"}],
    }


def _group() -> dict[str, Any]:
    return {
        "name": "failover1",
        "state": "Online",
        "server": "node1",
        "epoch": 7,
        "wanted": "auto",
        "because": None,
        "resources": [
            {"name": "exec1", "type": "exec", "state": "Online"},
            {"name": "lbpp1", "type": "lbpp", "state": "Online"},
        ],
        "servers": {
            "node1": {
                "state": "Online",
                "epoch": 7,
                "can_take": True,
                "because": None,
                "note": None,
            },
            "node2": {
                "state": "Offline",
                "epoch": 0,
                "can_take": True,
                "because": None,
                "note": None,
            },
        },
    }


def _monitor(name: str, kind: str, target: str, **servers: str) -> dict[str, Any]:
    on = {
        server: {"state": state, "detail": "", "dummy": False} for server, state in servers.items()
    }
    return {"name": name, "type": kind, "target": target, "state": "Normal", "servers": on}
