"""A real agent with a metrics port and an alert: what it shows, sends, and leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from clpcore.wire import keys

_CONFIG = """
[cluster]
name = "test"
platform = "lab"
heartbeat_interval = "50 ms"
heartbeat_timeout = "1 s"
startup_wait = "200 ms"
metrics = "{address}:29090"
[server.node1]
priority = 1
interconnect = ["{address}"]
[alert.file1]
type = "file"
"""


@attrs.define
class Agent:
    root: Path
    address: str
    process: subprocess.Popen[bytes]

    @property
    def sent(self) -> list[str]:
        path = self.root / "var/log/clpcore/alert.log"
        return [line.split()[2] for line in path.read_text().splitlines()] if path.exists() else []

    def wait(self, holds: Callable[[], object], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, (self.root / "log").read_text()
            time.sleep(0.02)

    def companions(self) -> dict[str, int]:
        """Give the processes that the agent has started, by module."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_text().split("\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and "-m" in words:
                    found[words[words.index("-m") + 1].split(".")[2]] = int(folder.name)
        return found

    def page(self, *, port: bool) -> str:
        """Give the page, empty where nobody shows one."""
        family = socket.AF_INET if port else socket.AF_UNIX
        where = (self.address, 29_090) if port else str(self.root / "run/clpcore/metrics")
        with socket.socket(family) as sock, contextlib.suppress(OSError):
            sock.settimeout(5)
            sock.connect(where)
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while piece := sock.recv(65_536):
                answer += piece
            head, _, body = answer.decode().partition("\r\n\r\n")
            return body if " 200 " in head.splitlines()[0] else ""
        return ""


@pytest.fixture
def agent(tmp_path: Path, address: Callable[[], str]) -> Iterator[Agent]:
    here = address()
    (tmp_path / "etc/clpcore/conf.d").mkdir(parents=True)
    (tmp_path / "etc/clpcore/conf.d/c.toml").write_text(_CONFIG.format(address=here))
    key = tmp_path / "etc/clpcore/cluster.key"
    key.write_text(keys.generate(os.urandom(keys.KEY_SIZE)))
    key.chmod(0o600)
    own = {"CLP_ROOT": str(tmp_path), "CLP_SERVER": "node1", "CLP_LAB": "1"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("clp"), "agent"],
            env={**os.environ, **own},
            stdout=log,
            stderr=log,
        )
    made = Agent(tmp_path, here, process)
    yield made
    others = made.companions().values()
    process.kill()
    process.wait()
    made.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others))


@pytest.mark.timeout(60)
def test_figures_and_messages_leave_the_agent(agent: Agent) -> None:
    agent.wait(lambda: 'server_state{server="node1",state="Online"} 1' in agent.page(port=False))
    agent.wait(lambda: 'clpcore_leader{server="node1"} 1' in agent.page(port=True))
    assert (agent.root / "run/clpcore/metrics").stat().st_mode & 0o007 == 0
    agent.wait(lambda: len(agent.companions()) == 2)

    # A companion that dies is started again, and told; a new alert begins at the journal's end.
    agent.wait((agent.root / "var/lib/clpcore/alerts/file1.json").exists)
    os.kill(agent.companions()["metrics"], signal.SIGKILL)
    agent.wait(lambda: {"pm520", "pm521"} <= set(agent.sent))
    agent.wait(lambda: 'clpcore_leader{server="node1"} 1' in agent.page(port=True))
    assert 'clpcore_messages_total{module="pm",severity="warning"} 1' in agent.page(port=True)

    # A clean leave: the last words are sent, too, and nobody stays.
    others = agent.companions().values()
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(15) == 0
    agent.wait(lambda: agent.sent[-1] == "pm2")
    agent.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others))
    assert not (agent.root / "run/clpcore/metrics").exists()
