from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab.demo import demo_conf
from clpcore.ctl import main

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
            code = main.main(["lab", *words])
            said = capfd.readouterr()
            assert code == ends, said
            return said.out + said.err

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
    assert again == (
        "clp: the lab 'lab' is up already\n     `clp lab down`, or `clp lab --name OTHER up`\n"
    )
    eventually(lambda: "node1 healthy for" in lab("status"))
    assert lab("exec", "node1", "--", "hostname") == "node1\n"
    lab("exec", "node1", "--", "sh", "-c", "exit 3", ends=3)
    assert lab("exec", "client", "sh", "-c", "kill -9 $$", ends=137) == ""
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    killed = lab("fault", "kill", "node2")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  node2 is off: its power was cut\n", killed)
    assert "off (killed)" in lab("status")
    started = json.loads(lab("fault", "start", "node2", "--json"))
    assert before < started.pop("now_ms") <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    assert started == {"ok": True, "done": "node2 is on: a new life with a new boot id"}
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
        assert refused == "clp: no server 'node7' here: there are node1\n"
        refused = lab("--name", "other", "logs", "node7", ends=1)
        assert refused == "clp: no server 'node7' here: there are node1\n"
        refused = lab("--name", "other", "exec", "node7", "true", ends=1)
        assert refused == "clp: no place 'node7' here: there are client, lb, node1\n"
    finally:
        lab("--name", "other", "down")


def _conf(folder: Path, more: str = "") -> Path:
    conf = folder / "conf"
    shutil.copytree(demo_conf(), conf)
    (conf / "more.toml").write_text(more)
    return conf


@pytest.mark.netns
def test_a_broken_configuration_starts_nothing(
    lab: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is told as `clp config check` tells it, with its exit code, before anything is made."""
    conf = _conf(tmp_path, '[group.failover1.resource.lbpp1]\nprot = 26001\ncolour = "red"\n')
    said = lab("up", str(conf), ends=78)
    assert main.main(["config", "check", str(conf)]) == 78
    checked = capfd.readouterr().out
    assert "lbpp1.prot" in checked
    assert said == f"{checked}clp: no lab was started: correct it, then `clp config check {conf}`\n"
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    demo = lab("demo", "--conf", str(conf), ends=78)
    assert "lbpp1.colour" in demo


@pytest.mark.netns
def test_a_configuration_that_is_sound_comes_up_and_logs_are_followed(
    lab: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], eventually: Wait
) -> None:
    assert "lab up in " in lab("up", str(_conf(tmp_path)))
    assert "The agent of node1 has started" in lab("logs", "node1", "-n", "5")
    words = ["lab", "logs", "node2", "-n", "0", "--follow"]
    reader = threading.Thread(target=main.main, args=[words])
    reader.start()
    came: list[str] = []

    def read() -> str:
        came.append(capfd.readouterr().out)
        return "".join(came)

    eventually(lambda: "== node2\n" in read())
    assert main.main(["lab", "fault", "agent-kill", "node2"]) == 0
    eventually(lambda: "node2  lab: the agent ended with -9: waiting" in read())
    assert "its journal" not in lab("logs", "node1")
    lab("fault", "kill", "node1")
    _, found, told = lab("logs", "node1").partition("-- node1 is off; its journal ends with:\n")
    assert found
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3}  pm1    The agent of node1", told, re.MULTILINE)
    assert main.main(["lab", "down"]) == 0
    reader.join(5)
    assert not reader.is_alive()


@pytest.mark.netns
def test_a_server_that_does_not_come_up_is_named_with_its_last_words(
    lab: Run, tmp_path: Path
) -> None:
    """What the check cannot see, the agent says: here that there is no cluster key."""
    file = tmp_path / "lab.toml"
    conf = _conf(tmp_path)
    into = {"etc/clpcore/conf.d": conf, "etc/clpcore/scripts": conf / "scripts"}
    file.write_text("[files]\n" + "".join(f'"{to}" = "{what}"\n' for to, what in into.items()))
    said = lab("up", str(file), ends=1)
    assert re.search(r"^  .*cluster\.key", said, re.MULTILINE)
    named = re.search(r"clp: (node[12]) does not come up: its agent ended at once", said)
    assert named is not None, said
    assert said.endswith(f"     all of them: `clp lab logs {named[1]}`; then `clp lab down`\n")
    assert "cluster.key" in lab("logs", named[1])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["up", "nowhere.toml"], 78, "No such file"),
        (["up", "--servers", "0"], 1, "a lab has 1 to 32 servers, not 0"),
        (["fault", "delay", "a", "b", "soon"], 1, 'expected a duration: seconds as a number, or "'),
        (["fault", "loss", "a", "b", "101"], 1, "loss 101: 0 to 100 percent"),
        (["exec", "node1"], 1, "`clp lab exec node1 -- COMMAND`"),
        (["up", ".", "--servers", "2"], 1, "leave out --servers"),
        (["fault", "kil", "node1"], 2, "did you mean 'kill'?"),
        (["falt"], 2, "did you mean 'fault'?"),
        (["up", "--severs", "2"], 2, "did you mean '--servers'?"),
        (["up", "--servers", "two"], 2, "'two' is not a whole number"),
        ([], 2, "`clp lab` needs COMMAND"),
        (["fault"], 2, "`clp lab fault` needs VERB"),
        (["--name", "nowhere", "fault", "kill", "a"], 3, "no lab answers at"),
    ],
)
def test_what_is_wrong_is_told(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main.main(["lab", *words]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["up", "--help"], ["fault", "--help"]])
def test_help_is_there(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["lab", *words])
    assert caught.value.code == 0
    assert "usage: clp lab" in capsys.readouterr().out
