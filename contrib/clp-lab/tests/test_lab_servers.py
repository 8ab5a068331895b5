from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import ServerPlan, servers

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]


def _boot_id(lab: Lab, name: str) -> str:
    return (lab.server(name).root / "run/boot_id").read_text(encoding="ascii").strip()


def _journal(lab: Lab, name: str) -> list[str]:
    file = lab.server(name).root / "var/journal"
    return file.read_text().splitlines() if file.exists() else []


def _power(lab: Lab, name: str, word: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(lab.server(name).root / "run/power"))
        sock.sendall(word.encode())


def _is(lab: Lab, name: str, power: str) -> Callable[[], bool]:
    return lambda: lab.status().server(name).power == power


@pytest.fixture(autouse=True)
def _both_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give each test of the common lab two servers with agents, whatever the one before did."""
    yield
    if "pair" in request.fixturenames:
        lab: Lab = request.getfixturevalue("pair")
        for server in lab.status().servers:
            if server.power != "up":
                lab.fault("start" if server.power == "off" else "resume", server=server.name)


def test_the_agent_knows_who_and_where_it_is(pair: Lab, eventually: Wait) -> None:
    eventually(lambda: _journal(pair, "node1"))
    assert _journal(pair, "node1")[0].startswith("began 1 node1 ")
    assert pair.server("node1").run(["hostname"]).stdout == "node1\n"


def test_the_python_of_the_lab_is_found_first(pair: Lab) -> None:
    found = pair.server("node1").run(["sh", "-c", "command -v python"]).stdout.strip()
    assert found == str(Path(sys.executable).with_name("python"))


def test_a_server_sees_only_its_own_processes(pair: Lab) -> None:
    listing = pair.server("node2").run(["ls", "/proc"]).stdout.split()
    assert {int(name) for name in listing if name.isdigit()} <= set(range(1, 200))
    assert "guard" in pair.server("node2").run(["cat", "/proc/1/cmdline"]).stdout


def test_a_killed_server_comes_back_with_a_new_boot_id_and_an_empty_run(pair: Lab) -> None:
    root, before = pair.server("node1").root, _boot_id(pair, "node1")
    (root / "run/left").touch()
    (root / "var/kept").touch()
    (root / "etc/kept").touch()
    pair.kill("node1")
    status = pair.status().server("node1")
    assert (status.power, status.because, status.boot_id) == ("off", "killed", None)
    pair.start("node1")
    after = _boot_id(pair, "node1")
    assert after not in {before, Path("/proc/sys/kernel/random/boot_id").read_text().strip()}
    assert pair.status().server("node1").boot_id == after
    found = sorted(path.name for path in (root / "run").iterdir())
    assert found == ["boot_id", "lock", "power", "watchdog"]
    assert (root / "var/kept").exists()
    assert (root / "etc/kept").exists()


def test_nothing_of_a_killed_server_runs_on(pair: Lab, eventually: Wait) -> None:
    with Path(os.devnull).open("r+b") as null:
        stdio = (null.fileno(),) * 3
        detached = ["sh", "-c", "setsid sleep 1000 & sleep 1000 & wait"]
        with pair.server("node1").start(detached, stdio=stdio) as process:
            eventually(lambda: len(pair.pids("node1")) == 5)
            pids = pair.pids("node1")
            assert pids[0] == pair.status().server("node1").pid
            pair.kill("node1")
            assert process.wait(5) == -9
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("word", ["poweroff", "panic\n"])
def test_a_power_word_ends_the_life_at_once_and_for_good(
    pair: Lab, eventually: Wait, word: str
) -> None:
    journal = _journal(pair, "node1")
    _power(pair, "node1", word)
    eventually(_is(pair, "node1", "off"))
    assert pair.status().server("node1").because == word.strip()
    assert [line for line in _journal(pair, "node1") if line == "ended"] == [
        line for line in journal if line == "ended"
    ]


@pytest.mark.parametrize("word", ["reboot", "reset"])
def test_reboot_and_reset_begin_a_new_life(pair: Lab, eventually: Wait, word: str) -> None:
    before = pair.status().server("node1")
    _power(pair, "node1", word)
    eventually(lambda: pair.status().server("node1").lives == before.lives + 1)
    after = pair.status().server("node1")
    assert (after.power, after.boot_id != before.boot_id) == ("up", True)
    assert after.boot_id == _boot_id(pair, "node1")


def test_a_reboot_takes_its_time(make_lab: MakeLab, eventually: Wait) -> None:
    lab = make_lab(boot=200)
    begin = time.monotonic()
    _power(lab, "node1", "reboot")
    eventually(_is(lab, "node1", "off"))
    eventually(_is(lab, "node1", "up"))
    assert 0.2 < time.monotonic() - begin < 2


def test_noise_on_the_power_socket_changes_nothing(pair: Lab, eventually: Wait) -> None:
    lives = pair.status().server("node1").lives
    for noise in ("", "power off", "\x00\xff" * 200, "POWEROFF"):
        _power(pair, "node1", noise)
    eventually(lambda: "not 'POWEROFF'" in pair.server("node1").log.read_text())
    assert pair.status().server("node1").lives == lives


def test_a_killed_agent_is_back_within_100_ms(pair: Lab, eventually: Wait) -> None:
    before = eventually(lambda: pair.status().server("node1").agent_pid)
    began = len(_journal(pair, "node1"))
    at = pair.agent_kill("node1")
    eventually(lambda: pair.status().server("node1").agent_pid not in {before, None})
    took = time.monotonic_ns() - at
    assert took < 100_000_000
    eventually(lambda: len(_journal(pair, "node1")) == began + 1)
    assert pair.status().server("node1").restarts >= 1


def test_a_stopped_agent_ends_in_order_and_stays_stopped_until_asked(
    pair: Lab, eventually: Wait
) -> None:
    eventually(lambda: pair.status().server("node2").agent_pid)
    eventually(lambda: _journal(pair, "node2"))
    pair.agent_stop("node2")
    eventually(lambda: pair.status().server("node2").agent == "stopped")
    assert _journal(pair, "node2")[-1] == "ended"
    with pytest.raises(LabError, match="no agent runs on node2"):
        pair.agent_kill("node2")
    pair.agent_start("node2")
    eventually(lambda: pair.status().server("node2").agent == "running")
    with pytest.raises(LabError, match="runs already"):
        pair.agent_start("node2")


def test_an_agent_that_cannot_start_is_tried_less_and_less_often(
    make_lab: MakeLab, stand_in: Path, eventually: Wait
) -> None:
    lab = make_lab(agent=(sys.executable, str(stand_in), "crash"), servers=servers(1))
    eventually(lambda: lab.status().server("node1").restarts >= 4)
    first = lab.status().server("node1").restarts
    assert first < 8
    assert "the agent ended with 3" in lab.server("node1").log.read_text()


def test_an_agent_that_is_not_there_is_told_in_the_log(make_lab: MakeLab, eventually: Wait) -> None:
    lab = make_lab(agent=("/nowhere/agent",), servers=servers(1))
    log = lab.server("node1").log
    assert eventually(lambda: "cannot run /nowhere/agent: [Errno 2]" in log.read_text())


def test_stop_lets_the_agent_end_first(pair: Lab, eventually: Wait) -> None:
    eventually(lambda: pair.status().server("node1").agent_pid)
    eventually(lambda: _journal(pair, "node1") and _journal(pair, "node1")[-1] != "ended")
    pair.stop("node1")
    eventually(_is(pair, "node1", "off"))
    assert pair.status().server("node1").because == "stopped"
    assert _journal(pair, "node1")[-1] == "ended"


def test_stop_kills_an_agent_that_does_not_end(
    make_lab: MakeLab, stand_in: Path, eventually: Wait
) -> None:
    lab = make_lab(agent=(sys.executable, str(stand_in), "stubborn"), servers=servers(1), stop=200)
    eventually(lambda: "deaf" in lab.server("node1").log.read_text())
    lab.stop("node1")
    eventually(_is(lab, "node1", "off"))
    assert "did not stop within 200 ms: SIGKILL" in lab.server("node1").log.read_text()


def test_orphans_are_reaped(pair: Lab, eventually: Wait) -> None:
    pair.server("node1").run(["sh", "-c", "(sleep 0.05 &) ; exit 0"])
    states = ["sh", "-c", "cat /proc/[0-9]*/stat | cut -d' ' -f3"]
    assert eventually(lambda: "Z" not in pair.server("node1").run(states).stdout)
    assert eventually(lambda: "sleep" not in pair.server("node1").run(["ps", "-ef"]).stdout)


def test_a_paused_server_does_nothing_until_it_is_resumed(pair: Lab, eventually: Wait) -> None:
    counting = ["sh", "-c", "while :; do echo x; sleep 0.01; done"]
    file = pair.server("node1").root / "var/count"
    with file.open("wb") as out, Path(os.devnull).open("rb") as null:
        stdio = null.fileno(), out.fileno(), out.fileno()
        with pair.server("node1").start(counting, stdio=stdio):
            eventually(lambda: file.stat().st_size > 4)
            pair.pause("node1")
            size = file.stat().st_size
            assert {_state(pid) for pid in pair.pids("node1")} <= {"T", "D"}
            with pytest.raises(LabError, match="node1 is paused: 'resume node1' first"):
                pair.server("node1").run(["true"])
            time.sleep(0.1)  # what is frozen shows only in time
            assert file.stat().st_size == size
            pair.resume("node1")
            eventually(lambda: file.stat().st_size > size)
    with pytest.raises(LabError, match="node1 is up, not paused"):
        pair.resume("node1")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_paused_server_can_be_killed(pair: Lab) -> None:
    pair.pause("node1")
    pair.kill("node1")
    assert pair.status().server("node1").power == "off"


def test_burning_ends_by_itself(pair: Lab, eventually: Wait) -> None:
    eventually(lambda: len(pair.pids("node1")) == 2)
    pair.burn("node1", 0.3, processes=2)
    eventually(lambda: len(pair.pids("node1")) == 4)
    eventually(lambda: len(pair.pids("node1")) == 2)
    with pytest.raises(LabError, match="up to 600 s"):
        pair.burn("node1", 601)


def test_what_cannot_be_done_is_refused_with_the_next_step(pair: Lab) -> None:
    with pytest.raises(LabError, match="no server 'node9' here: there are node1, node2"):
        pair.kill("node9")
    with pytest.raises(LabError, match="node1 is up already"):
        pair.start("node1")
    pair.kill("node1")
    with pytest.raises(LabError, match="node1 is off already"):
        pair.kill("node1")
    with pytest.raises(LabError, match="'start node1' first"):
        pair.agent_kill("node1")


def test_a_life_that_cannot_begin_leaves_the_server_off(pair: Lab) -> None:
    pair.kill("node1")
    root = pair.server("node1").root
    away = root.rename(root.with_name("away"))
    with pytest.raises(LabError, match="No such file or directory"):
        pair.start("node1")
    assert pair.status().server("node1").power == "off"
    away.rename(root)
    pair.start("node1")


def test_commands_have_exit_codes_and_streams(pair: Lab) -> None:
    done = pair.client.run(["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert pair.client.run(["sh", "-c", "kill -9 $$"]).returncode == -9
    lost = pair.client.run(["/nowhere"])
    assert (lost.returncode, "cannot run /nowhere" in lost.stderr) == (127, True)


def test_a_command_ends_with_its_caller(pair: Lab, eventually: Wait) -> None:
    with Path(os.devnull).open("r+b") as null:
        stdio = (null.fileno(),) * 3
        with pair.client.start(["sh", "-c", "sleep 1234 & wait"], stdio=stdio):
            assert eventually(lambda: "sleep 1234" in pair.client.run(["ps", "-ef"]).stdout)
        assert eventually(lambda: "sleep 1234" not in pair.client.run(["ps", "-ef"]).stdout)


def test_files_are_copied_with_their_modes_and_a_server_may_stay_off(
    make_lab: MakeLab, tmp_path: Path
) -> None:
    script = tmp_path / "scripts/failover1/start.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o750)
    plans = (ServerPlan(name="a", address="10.5.0.1", start=False),)
    lab = make_lab(servers=plans, files={"etc/clpcore/scripts": str(script.parents[1])})
    copied = lab.server("a").root / "etc/clpcore/scripts/failover1/start.sh"
    assert copied.stat().st_mode & 0o777 == 0o750
    assert lab.status().server("a").power == "off"
    lab.start("a")
    assert lab.status().server("a").lives == 1


def test_thirty_two_servers(make_lab: MakeLab) -> None:
    lab = make_lab(servers=servers(32), agent=())
    assert len(_networks(lab)) == 32
    reached = lab.server("node1").run(["python3", "-c", _CONNECT.format("10.5.0.141")])
    assert reached.stdout == "refused\n"


_CONNECT = """
import socket
try:
    socket.create_connection(("{}", 9), timeout=2)
except ConnectionRefusedError:
    print("refused")
"""


def _networks(lab: Lab) -> set[Path]:
    return {Path(f"/proc/{server.pid}/ns/net").readlink() for server in lab.status().servers}
