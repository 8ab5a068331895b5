"""Agents as processes of their own, with the real core, on addresses of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore.wire import keys


@attrs.define
class RealAgent:
    """An agent of this tree as a process of its own, below a root of its own."""

    root: Path
    server: str
    process: subprocess.Popen[str] | None = None
    wrap: tuple[str, ...] = ()

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return (self.root / "log").read_text()

    def start(self, **environment: str) -> None:
        own = {"CLP_ROOT": str(self.root), "CLP_SERVER": self.server, "CLP_LAB": "1"}
        with (self.root / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*self.wrap, Path(sys.executable).with_name("clp"), "agent"],
                env={**os.environ, **own, **environment},
                stdout=log,
                stderr=log,
                text=True,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = 10) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, **request: object) -> dict[str, Any]:
        """Give the first reply over the control socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(self.root / "run/clpcore/control"))
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile() as replies:
                reply: dict[str, Any] = json.loads(replies.readline())
        return reply

    def states(self) -> dict[str, str]:
        """Give the servers' states as it sees them; none while it does not answer."""
        try:
            reply = self.ask(do="status")
        except (OSError, ValueError):
            return {}
        if not reply["ok"]:
            return {}
        return {server["name"]: server["state"] for server in reply["status"]["servers"]}

    def expect(self, holds: Callable[[], object], seconds: float = 10) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"it did not come to hold; its log:\n{self.log}"
            time.sleep(0.01)


_CONFIG = """
[cluster]
name = "test"
platform = "lab"
heartbeat_interval = "50 ms"
heartbeat_timeout = "1 s"
startup_wait = "1 s"
[server.node1]
priority = 1
interconnect = ["{}"]
[server.node2]
priority = 2
interconnect = ["{}"]
"""


@pytest.fixture
def agents(tmp_path: Path, address: Callable[[], str]) -> Iterator[tuple[RealAgent, RealAgent]]:
    """Two servers with one configuration and one key, not started."""
    text, key = _CONFIG.format(address(), address()), keys.generate(os.urandom(keys.KEY_SIZE))
    made = []
    for name in ("node1", "node2"):
        root = tmp_path / name
        (root / "etc/clpcore/conf.d").mkdir(parents=True)
        (root / "etc/clpcore/conf.d/cluster.toml").write_text(text)
        (root / "etc/clpcore/cluster.key").write_text(key)
        (root / "etc/clpcore/cluster.key").chmod(0o600)
        made.append(RealAgent(root, name))
    yield made[0], made[1]
    for agent in made:
        agent.kill()


Pair = tuple[RealAgent, RealAgent]

BOTH_ONLINE = {"node1": "Online", "node2": "Online"}


def sees_both_online(agent: RealAgent) -> bool:
    return agent.states() == BOTH_ONLINE


def start_both(agents: Pair) -> None:
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.expect(partial(sees_both_online, agent))


def life(agent: RealAgent) -> tuple[int, int]:
    """Give the boot and the start."""
    found = agent.ask(do="agent")["agent"]
    return found["boot"], found["start"]


def is_started(agent: RealAgent) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bool(agent.ask(do="agent")["agent"]["boot"])
    return False


def has_joined(agent: RealAgent, server: str, *, above: int) -> bool:
    """Tell whether *agent* sees *server* in a boot above a number."""
    found = agent.ask(do="status")["status"]["servers"]
    return any(each["name"] == server and each["boot"] > above for each in found)


def told(agent: RealAgent) -> list[str]:
    """Give the keys of the journal's sentences, from the file."""
    sql = sqlite3.connect(agent.root / "var/lib/clpcore/store.db")
    with contextlib.closing(sql):
        return [key for (key,) in sql.execute("SELECT key FROM journal WHERE kind = 'because'")]


def test_two_servers_meet_and_one_leaves_cleanly(agents: Pair) -> None:
    one, two = agents
    start_both(agents)
    two.signal(signal.SIGTERM)
    assert (two.wait(), told(two)[-1]) == (0, "pm2")
    one.expect(lambda: one.states() == {"node1": "Online", "node2": "Offline"})
    assert {"nm14", "nm2"} & set(told(one)) == {"nm14"}, "it heard the good-bye"
    two.start()
    one.expect(lambda: one.states() == BOTH_ONLINE)
    assert life(two) == (2, 1)


def test_a_first_start_without_its_scripts_ends_before_it_can_do_harm(agents: Pair) -> None:
    """Activation and deactivation would both fail, and the server be powered off for it."""
    one, _ = agents
    resource = '[group.failover1.resource.exec1]\ntype = "exec"\n'
    (one.root / "etc/clpcore/conf.d/group.toml").write_text(resource)
    one.start()
    assert one.wait() == 78
    missing = one.root / "etc/clpcore/scripts/failover1/exec1/stop.sh"
    assert f"There is no file {missing}." in " ".join(one.log.split())
    assert not (one.root / "var/lib/clpcore/revisions").exists()


def test_a_killed_agent_comes_back_as_the_same_boot(agents: Pair) -> None:
    one, two = agents
    start_both(agents)
    two.kill()
    two.start()
    two.expect(lambda: two.states() == BOTH_ONLINE)
    assert life(two) == (1, 2)
    one.expect(lambda: "nm12" in told(one))


def test_a_killed_agent_leaves_no_worker_and_no_lock_behind(agents: Pair) -> None:
    one, _ = agents
    one.start()
    one.expect(lambda: is_started(one))
    assert one.process is not None
    pid = one.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert children, "the template"
    one.kill()
    one.expect(lambda: not any(Path(f"/proc/{child}/exe").exists() for child in children))
    one.start()
    one.expect(lambda: is_started(one))


def test_a_server_that_lost_its_store_starts_again_above_its_old_number(agents: Pair) -> None:
    one, two = agents
    (two.root / "run").mkdir(exist_ok=True)
    for number in range(1, 4):
        (two.root / "run/boot_id").write_text(f"life-{number}")
        two.start()
        two.expect(lambda: is_started(two))
        if number < 3:
            two.kill()
    one.start()
    one.expect(lambda: one.states() == BOTH_ONLINE)
    two.kill()
    shutil.rmtree(two.root / "var")
    shutil.rmtree(two.root / "run/clpcore")
    (two.root / "run/boot_id").write_text("life-4")
    two.start()
    assert two.process is not None
    pid = two.process.pid
    one.expect(lambda: one.states() == BOTH_ONLINE and has_joined(one, "node2", above=3))
    two.expect(lambda: is_started(two) and life(two)[0] > 3)
    assert two.ask(do="agent")["agent"]["pid"] == pid, "the service manager still knows it"


def test_a_second_agent_of_a_server_is_refused(agents: Pair) -> None:
    one, _ = agents
    one.start()
    one.expect(lambda: is_started(one))
    first = one.process
    one.start()
    assert one.wait() == 78
    assert "another agent of this server runs" in one.log
    one.process = first
    assert life(one) == (1, 1)


def configuration(agent: RealAgent, text: str) -> None:
    (agent.root / "etc/clpcore/conf.d/more.toml").write_text(text)


def key_file(agent: RealAgent) -> Path:
    return agent.root / "etc/clpcore/cluster.key"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda agent: configuration(agent, "[cluster]\nheartbeat_intervall = 1"), "intervall"),
        (lambda agent: configuration(agent, "[cluster"), "more.toml:1"),
        (lambda agent: key_file(agent).unlink(), "clp keygen"),
        (lambda agent: key_file(agent).chmod(0o640), "chmod 600"),
        (lambda agent: key_file(agent).write_text("no key"), "line 1"),
        pytest.param(
            lambda agent: os.chown(key_file(agent), 65_534, -1),
            "chown root",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away"),
        ),
        (lambda agent: setattr(agent, "server", "node9"), "set CLP_SERVER"),
    ],
    ids=[
        "unknown key",
        "no TOML",
        "no key",
        "open key",
        "bad key",
        "key of another",
        "another name",
    ],
)
def test_what_an_administrator_must_mend_is_told(
    agents: Pair, damage: Callable[[RealAgent], None], words: str
) -> None:
    one, _ = agents
    damage(one)
    one.start()
    assert one.wait() == 78
    assert words in one.log
    assert "Traceback" not in one.log


def test_another_key_is_a_stranger(agents: Pair) -> None:
    one, two = agents
    text = key_file(two).read_text().splitlines()
    ident = text[-1].split()[0]
    key_file(two).write_text(f"{ident} {'A' * 43}=\n")
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.expect(partial(has_dropped, agent, "forged"))
        assert agent.states()[agent.server] in {"Online", "Online Pending"}
    assert "compare cluster.key" in one.log


def has_dropped(agent: RealAgent, reason: str) -> bool:
    return reason in dropped(agent)


def dropped(agent: RealAgent) -> dict[str, int]:
    if not is_started(agent):
        return {}
    counts: dict[str, int] = agent.ask(do="agent")["agent"]["network"]["dropped"]
    return counts


def address_of(agent: RealAgent) -> str:
    text = (agent.root / "etc/clpcore/conf.d/cluster.toml").read_text()
    names = [line for line in text.splitlines() if line.startswith("interconnect")]
    return names[int(agent.server[-1]) - 1].split('"')[1]


def test_ports_in_use_are_told_and_taken_when_they_are_free(agents: Pair) -> None:
    one, _ = agents
    address = address_of(one)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_server((address, 29001)),
    ):
        udp.bind((address, 29002))
        for agent in agents:
            agent.start()
        one.expect(lambda: is_started(one))
        one.expect(lambda: len(one.ask(do="status")["status"]["troubles"]) == 2)
        troubles = [each["args"]["what"] for each in one.ask(do="status")["status"]["troubles"]]
        assert sorted(troubles) == [f"TCP {address}:29001", f"UDP {address}:29002"]
    one.expect(lambda: one.states() == BOTH_ONLINE)
    assert one.ask(do="status")["status"]["troubles"] == []


def test_a_flood_of_garbage_makes_nobody_silent(agents: Pair) -> None:
    one, _ = agents
    start_both(agents)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        end = time.monotonic() + 1.5  # longer than the heartbeat timeout
        while time.monotonic() < end:
            for _ in range(50):
                stranger.sendto(os.urandom(100), (address_of(one), 29002))
            time.sleep(0.002)
    assert dropped(one)["foreign"] > 100
    for agent in agents:
        assert agent.states() == BOTH_ONLINE
        assert "nm2" not in told(agent)


_FULL_DISK = 'mkdir -p "$0"; mount -t tmpfs -o size=1m tmpfs "$0"; exec "$@"'


@pytest.mark.netns
def test_a_full_disk_stops_no_heartbeat_and_heals(agents: Pair) -> None:
    one, two = agents
    two.wrap = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _FULL_DISK)
    two.wrap += (str(two.root / "var/lib/clpcore"),)
    start_both(agents)
    assert two.process is not None
    library = Path(f"/proc/{two.process.pid}/root{two.root}/var/lib/clpcore")
    ballast = library / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    one.signal(signal.SIGTERM)  # a new view must be kept
    one.wait()
    two.expect(lambda: troubles_of(two) == ["pm500"])
    one.start()
    one.expect(lambda: one.states() == BOTH_ONLINE)
    assert troubles_of(two) == ["pm500"]
    ballast.unlink()
    two.expect(lambda: troubles_of(two) == [])
    assert two.states() == BOTH_ONLINE


def troubles_of(agent: RealAgent) -> list[str]:
    return [trouble["key"] for trouble in agent.ask(do="status")["status"]["troubles"]]


@contextlib.contextmanager
def burning(count: int) -> Iterator[None]:
    """Keep so many cores busy, by processes that any other one may interrupt."""
    code = "import os\nos.nice(5)\nwhile True: pass"
    fires = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for fire in fires:
            fire.kill()
            fire.wait()


def test_heartbeats_are_punctual_while_all_cores_burn(agents: Pair) -> None:
    one, _ = agents
    start_both(agents)
    cores = os.cpu_count() or 1
    with burning(2 * cores):
        before = one.ask(do="agent")["agent"]["lateness"]["beats"]
        one.expect(lambda: one.ask(do="agent")["agent"]["lateness"]["beats"] > before + 40)
    for agent in agents:
        lateness = agent.ask(do="agent")["agent"]["lateness"]
        assert lateness["worst_ms"] < 500, lateness
        assert "nm2" not in told(agent)


def test_it_tells_a_service_manager(agents: Pair, tmp_path: Path) -> None:
    one, _ = agents
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(10)
        manager.bind(str(tmp_path / "notify"))
        one.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000")
        heard = []
        while "READY=1" not in heard or "WATCHDOG=1" not in heard:
            heard.append(manager.recv(200).decode())
        one.signal(signal.SIGTERM)
        assert one.wait() == 0
        while "STOPPING=1" not in heard or "EXTEND_TIMEOUT_USEC=30000000" not in heard:
            heard.append(manager.recv(200).decode())
        assert "STATUS=starting" in heard


def test_an_edit_is_not_run_before_it_is_applied(agents: Pair) -> None:
    one, _ = agents
    one.start()
    one.expect(lambda: is_started(one))
    one.signal(signal.SIGTERM)
    assert one.wait() == 0
    configuration(one, "[cluster]\nheartbeat_intervall = 1")
    one.start()
    one.expect(lambda: is_started(one))
    assert [each["key"] for each in one.ask(do="agent")["agent"]["troubles"]] == ["cf1"]


def test_a_committed_revision_that_cannot_be_used_has_a_way_out(agents: Pair) -> None:
    """As when a plugin was uninstalled: what to do is said, and it works."""
    one, _ = agents
    one.start()
    one.expect(lambda: is_started(one))
    one.signal(signal.SIGTERM)
    assert one.wait() == 0
    revisions = one.root / "var/lib/clpcore/revisions"
    (revisions / "current/about.json").unlink()
    one.start()
    assert one.wait() == 78
    assert "clp config apply --offline" in one.log
    own = {"CLP_ROOT": str(one.root), "CLP_SERVER": one.server, "CLP_LAB": "1"}
    clp = Path(sys.executable).with_name("clp")
    apply = (clp, "config", "apply", "--offline", "--yes")
    done = subprocess.run(
        apply, check=True, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True
    )
    assert "Revision 000002-" in done.stdout
    one.start()
    one.expect(lambda: is_started(one))
