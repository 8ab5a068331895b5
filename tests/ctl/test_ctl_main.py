"""How a command is found, what it costs to start, and how it ends."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clpcore.ctl import ends, main

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]

_CLP = Path(sys.executable).with_name("clp")
_TOO_DEAR = {"attr", "attrs", "cattrs", "pluggy", "cryptography", "asyncio", "importlib.metadata"}
_TOO_DEAR |= {"clpcore.messages", "clpcore.model", "dataclasses", "pathlib", "shutil", "subprocess"}


def test_every_command_has_a_module_that_can_run() -> None:
    for word in main.COMMANDS:
        module = importlib.import_module(f"clpcore.ctl.{word}")
        assert module.parser().prog == f"clp {word}"
        assert callable(module.run)


def test_each_code_is_explained() -> None:
    assert set(ends.MEANING) == set(ends.Exit)


@pytest.mark.parametrize("line", ["--root {0} status", "status --root {0}", "status --root={0}"])
def test_root_may_stand_before_and_after_the_word(
    line: str,
    answers: Document,
    status: Document,
    clp: Clp,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers["status"] = [{"ok": True, "status": status}]
    monkeypatch.setenv("CLP_ROOT", "/nonexistent")
    assert clp(line.format(root))[2] == ends.Exit.DONE


def _brings(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    point = importlib.metadata.EntryPoint("fly", value, "clpcore.commands")
    monkeypatch.setattr(main, "externals", lambda: {"fly": point})


def test_a_command_of_another_distribution_gets_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("fly_away")
    module.main = lambda argv: 7 if argv == ["--json", "--root", "x"] else 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fly_away", module)
    _brings(monkeypatch, "fly_away:main")
    assert main.main(["fly", "--json", "--root", "x"]) == 7


def test_a_command_that_cannot_be_loaded_says_of_whom_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _brings(monkeypatch, "fly_away_nowhere:main")
    assert main.main(["fly"]) == ends.Exit.REFUSED
    assert "'fly' of fly_away_nowhere:main cannot be loaded" in capsys.readouterr().err


@pytest.mark.usefixtures("root")
def test_built_in_words_look_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "externals", lambda: pytest.fail("looked up"))
    assert main.main(["status"]) == ends.Exit.NO_AGENT


def test_the_lab_is_found_where_it_is_installed() -> None:
    assert main.externals()["lab"].value.startswith("clp_lab")


@pytest.mark.usefixtures("root")
def test_agent_runs_the_daemon_under_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = types.ModuleType("clpcore.runtime.main")
    daemon.main = lambda: int(os.environ["CLP_ROOT"] == "/elsewhere") + 40  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "clpcore.runtime.main", daemon)
    assert main.main(["agent", "--root", "/elsewhere"]) == 41


# -- help, and documents for machines


def _lines() -> Iterator[str]:
    """Every command, and every verb of it."""
    for word in main.COMMANDS:
        parser = importlib.import_module(f"clpcore.ctl.{word}").parser()
        yield word
        yield from (f"{word} {verb}" for verb in parser.verbs)


@pytest.mark.parametrize("line", [*_lines()])
def test_help_teaches(line: str, clp: Clp) -> None:
    out, _, code = clp(f"{line} --help")
    example = "systemctl start clpcore" if line == "agent" else f"  clp {line}"
    assert (code, example in out.partition("Examples:")[2]) == (0, True)
    assert ("Next: " in out) != ("VERB ..." in out)
    assert "Exit: 0 done" in out


_ANSWERED = (
    "status",
    "why",
    "why failover1",
    "plugins",
    "keygen",
    "config check",
    "group start failover1",
    "group move failover1 --to node1",
    "monitor suspend pidw1",
    "monitor dummy-failure on pidw1",
    "server stop",
    "server start --alone",
    "cluster verification on",
    "cluster acknowledge",
)


@pytest.mark.parametrize("line", _ANSWERED)
@pytest.mark.parametrize("form", ["{} --json", "--json {}"])
def test_each_prints_one_document(
    line: str, form: str, clp: Clp, answers: Document, status: Document
) -> None:
    answers |= {
        "status": [{"ok": True, "status": status}],
        "why": [{"ok": True, "because": []}],
        "plugins": [{"ok": True, "plugins": {"drivers": [], "refused": []}}],
        "ask": [{"ok": True, "request": "node1-1", "because": []}],
    }
    out, complaint, _ = clp(form.format(line))
    assert (len(out.splitlines()), complaint) == (1, "")
    assert isinstance(json.loads(out), dict)


@pytest.mark.parametrize("line", ["status", "why", "log", "group stop g", "cluster stop"])
def test_a_failure_is_one_document_too(line: str, clp: Clp, root: Path) -> None:
    out, complaint, code = clp(f"{line} --json --root {root}/nowhere")
    assert (len(out.splitlines()), complaint, code) == (1, "", ends.Exit.NO_AGENT)
    assert json.loads(out)["remedy"]


# -- as a real process


def _start(*words: str) -> subprocess.Popen[str]:
    command = [str(_CLP), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_status_imports_little(answers: Document, status: Document) -> None:
    answers["status"] = [{"ok": True, "status": status}]
    command = [sys.executable, "-X", "importtime", str(_CLP), "status"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "clpcore.ctl.page" in imported
    assert not imported & _TOO_DEAR


def test_status_is_quick(answers: Document, status: Document) -> None:
    """Loose, for a busy machine: the report of the benchmark has the real number."""
    answers["status"] = [{"ok": True, "status": status}]
    took = []
    for _ in range(7):
        began = time.monotonic()
        subprocess.run([_CLP, "status"], stdout=subprocess.DEVNULL, check=True)
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 0.3


def test_words_that_the_terminal_cannot_show(answers: Document, status: Document) -> None:
    status["monitors"][0] |= {"state": "Caution"}
    status["monitors"][0]["servers"]["node1"]["detail"] = "起動済"
    answers["status"] = [{"ok": True, "status": status}]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run([_CLP, "status"], env=environment, capture_output=True, check=True)
    assert b"on node1      : Online           ???" in run.stdout


def test_a_reader_that_goes_away_is_no_traceback(answers: Document, status: Document) -> None:
    status["groups"] = [{**status["groups"][0], "name": f"group{n}"} for n in range(2_000)]
    answers["status"] = [{"ok": True, "status": status}]
    process = _start("status")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(10) == ends.Exit.CUT_OFF


def test_interrupted_the_operation_goes_on(answers: Document, status: Document) -> None:
    def hold(_: Document) -> Iterator[Document]:
        os.kill(process.pid, signal.SIGINT)
        yield {"hang": True}

    answers |= {"status": [{"ok": True, "status": status}], "ask": hold}
    process = _start("group", "stop", "failover1")
    _, complaint = process.communicate(timeout=10)
    assert (process.returncode, "what was asked for goes on" in complaint) == (130, True)


def test_following_the_log_ends_with_ctrl_c(answers: Document) -> None:
    def follow(request: Document) -> Iterator[Document]:
        row = {"wall_ms": 0, "now_ms": 0, "boot": 1, "server": "node1", "key": "x", "args": {}}
        yield {"ok": True, "row": {**row, "severity": "info", "text": "It goes on."}}
        assert request["follow"]
        yield {"hang": True}

    answers["log"] = follow
    process = _start("log", "--follow")
    assert process.stdout is not None
    assert "node1" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=10)
    assert (process.returncode, complaint) == (0, "")
