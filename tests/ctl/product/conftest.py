"""Runs the product's commands against the stand-in for the agent, which follows what is asked."""

from __future__ import annotations

import contextlib
import importlib
import io
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clpcore.ctl import operate, parsing, words
from clpcore.ctl.product import clpcl

Document = dict[str, Any]

# What the sentences of the tests say; the catalogue's own words may change.
_CATALOGUE = {
    "rc530": {
        "en": "Group {group} is blocked: {server} is silent and not proven stopped.",
        "remedy": "Bring {server} back, or make sure that it is off and start alone.",
    },
    "op3": {"en": "{server} knows no leader yet.", "remedy": "Wait until it is Online."},
    "op5": {"en": "{server} is not heard.", "remedy": "See to {server}."},
}


@pytest.fixture
def product(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[str, str, int]]:
    """Runs a command line; gives what it printed, what it complained of, and the exit code."""
    monkeypatch.setattr(words, "_catalogue", lambda: _CATALOGUE)
    monkeypatch.setattr(operate, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(clpcl, "_BEGUN", 0.2)
    monkeypatch.setenv("LC_ALL", "C")
    parsing._width.cache_clear()  # another test's terminal

    def run(line: str) -> tuple[str, str, int]:
        word, *argv = shlex.split(line)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = importlib.import_module(f"clpcore.ctl.product.{word}").main(argv)
            except SystemExit as end:  # argparse, after the help
                code = int(end.code or 0)
        return out.getvalue(), err.getvalue(), code

    return run


class Cluster:
    """What the agent answers: the status, and operations that change it as the core would."""

    def __init__(self, status: Document) -> None:
        self.status = status
        self.servers = {server["name"]: server for server in status["servers"]}

    @property
    def groups(self) -> dict[str, Document]:
        return {group["name"]: group for group in self.status["groups"]}

    def seen(self, request: Document) -> Iterator[Document]:
        """Give the status; another server's agent would show itself as the one that answers."""
        server = request.get("server", self.status["server"])
        if server not in self.servers:
            yield {"ok": False, "error": f"there is no server '{server}'", "remedy": ""}
        elif self.servers[server]["state"] == "Unknown":
            yield {"ok": False, "because": [{"key": "op5", "args": {"server": server}}]}
        else:
            yield {"ok": True, "status": {**self.status, "server": server}}

    def answer(self, request: Document) -> Iterator[Document]:
        op = request["op"]
        refused = self._refusal(op)
        if refused:
            yield {"ok": False, "request": "node1-9", "because": [refused]}
            return
        self._carry_out(op)
        yield {"ok": True, "request": "node1-9", "because": []}

    def _refusal(self, op: Document) -> Document | None:
        """Give what speaks against it; test_product_dialogues holds this against real servers."""
        me = self.status["server"]
        named = self.servers.get(op.get("server", ""))
        group = self.groups.get(op.get("group", ""))
        if group and self.status["phase"] != "online":
            return {"key": "op3", "args": {"server": me}}
        if group and group["state"] == "Unknown":
            return group["because"]  # type: ignore[no-any-return]  # of a JSON document
        if named and named["state"] == "Unknown" and not op.get("alone"):
            return {"key": "op5", "args": {"server": named["name"]}}
        return None

    def _carry_out(self, op: Document) -> None:
        everybody = [one for one in self.servers.values() if one["state"] != "Unknown"]
        match op["is"]:
            case "ServerStart":
                self.servers[op["server"]]["state"] = "Online"
            case "ServerStop":
                self.servers[op["server"]]["state"] = "Offline"
            case "ClusterStart" | "ClusterStop":
                for server in everybody:
                    server["state"] = "Online" if op["is"] == "ClusterStart" else "Offline"
            case "ClusterSuspend" | "ClusterResume":
                self.status["suspended"] = op["is"] == "ClusterSuspend"
            case "GroupStop":
                self.groups[op["group"]] |= {"state": "Offline", "server": None}
            case "GroupStart" | "GroupMove":
                where = op["server"] or "node2"
                self.groups[op["group"]] |= {"state": "Online", "server": where}


@pytest.fixture
def cluster(status: Document, answers: Document) -> Cluster:
    made = Cluster(status)
    answers |= {
        "status": made.seen,
        "ask": made.answer,
    }
    return made
