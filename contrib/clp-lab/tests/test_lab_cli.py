from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab import cli

Wait = Callable[..., Any]
Run = Callable[..., str]


@pytest.fixture
def lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run `clp lab` with labs of its own; gives standard output, or standard error if it failed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # short: sockets lie below it
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.chdir(tmp_path)

        def run(*words: str, ends: int = 0) -> str:
            capfd.readouterr()
            code = cli.main(list(words))
            said = capfd.readouterr()
            assert code == ends, said
            return said.err if code else said.out

        yield run
        run("down")


def _file(folder: Path, stand_in: Path) -> str:
    (folder / "conf.d").mkdir()
    (folder / "conf.d/cluster.toml").touch()
    (folder / "lab.toml").write_text(
        f"""
[lab]
agent = ["{sys.executable}", "{stand_in}", "agent"]
[files]
"etc/clpcore/conf.d" = "conf.d"
[balancer]
interval = 0.05
probe_port = 8080
"""
    )
    return "lab.toml"


@pytest.mark.netns
def test_a_whole_session(lab: Run, tmp_path: Path, stand_in: Path, eventually: Wait) -> None:
    up = lab("up", _file(tmp_path, stand_in), "--capture", "frames.pcap")
    assert up.startswith("lab up in ")
    assert "node2   10.5.0.111  up" in up
    conf = Path(json.loads(lab("status", "--json"))["servers"][0]["root"], "etc/clpcore")
    assert (conf / "conf.d/cluster.toml").exists()
    again = lab("up", ends=1)
    assert (
        again
        == "clp lab: the lab 'lab' is up already: 'clp lab down', or 'clp lab --name OTHER up'\n"
    )
    eventually(lambda: "node1 healthy for" in lab("status"))
    assert lab("exec", "node1", "--", "hostname") == "node1\n"
    lab("exec", "node1", "--", "sh", "-c", "exit 3", ends=3)
    assert lab("exec", "client", "sh", "-c", "kill -9 $$", ends=137) == ""
    assert lab("fault", "kill", "node2").startswith("done at ")
    assert "off (killed)" in lab("status")
    lab("fault", "start", "node2")
    lab("fault", "delay", "node1", "node2", "20ms", "--jitter", "5ms", "--one-way")
    lab("fault", "loss", "node1", "client", "12.5")
    status = lab("status")
    assert "way        node1 -> node2: delay 20 ms, jitter 5 ms\n" in status
    assert "way        client -> node1: loss 12.5%\n" in status
    lab("fault", "cut", "node1", "node2")
    lab("fault", "heal")
    assert "way " not in lab("status")
    lab("fault", "agent-kill", "node1")
    eventually(lambda: "restarted 1 times" in lab("status"))
    assert "the agent ended with -9" in lab("logs", "node1")
    assert lab("down") == "lab down, nothing left\n"
    assert (tmp_path / "frames.pcap").stat().st_size > 24
    assert lab("down") == "there is no lab 'lab'\n"
    assert "no lab answers" in lab("status", ends=3)


@pytest.mark.netns
def test_refusals_are_one_line_each(lab: Run) -> None:
    lab("--name", "other", "up", "--servers", "1")
    try:
        refused = lab("--name", "other", "fault", "kill", "node7", ends=1)
        assert refused == "clp lab: no server 'node7' here: there are node1\n"
        refused = lab("--name", "other", "logs", "node7", ends=1)
        assert refused == "clp lab: no server 'node7' here: there are node1\n"
        refused = lab("--name", "other", "exec", "node7", "true", ends=1)
        assert refused == "clp lab: no place 'node7' here: there are client, lb, node1\n"
    finally:
        lab("--name", "other", "down")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["up", "nowhere.toml"], 78, "No such file"),
        (["up", "--servers", "0"], 1, "a lab has 1 to 32 servers, not 0"),
        (["fault", "delay", "a", "b", "soon"], 1, 'expected a duration: seconds as a number, or "'),
        (["fault", "loss", "a", "b", "101"], 1, "loss 101: 0 to 100 percent"),
        (["exec", "node1"], 1, "exec what? 'clp lab exec node1 -- COMMAND'"),
        (["--name", "nowhere", "fault", "kill", "a"], 3, "no lab answers at"),
    ],
)
def test_what_is_wrong_is_told(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert cli.main(words) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["fault"], ["fault", "smite", "node1"], ["burn"]])
def test_wrong_usage_ends_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2


@pytest.mark.parametrize("words", [["--help"], ["up", "--help"], ["fault", "--help"]])
def test_help_is_there(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 0
    assert "usage: clp lab" in capsys.readouterr().out
