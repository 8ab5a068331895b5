"""The worked examples in conf.d load with the real plugins, and their scripts are there."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import Policy
from clpcore.model.states import Platform, Timing

_EXAMPLES = Path(__file__).parents[2] / "conf.d"
_NAMES = sorted(folder.name for folder in _EXAMPLES.iterdir() if folder.is_dir())
_RISK = "cluster.unproven_takeover"
_TOLD = {  # of examples that take no risk; with a witness comes NP resolution, which is said
    "azure-dns": ["heartbeat.witnesshb1"],
    "azure-internal-lb": [],
    "azure-internal-lb-dsr": ["heartbeat.witnesshb1"],
    "azure-internal-lb-dsr-exec": ["heartbeat.witnesshb1"],
    "azure-public-lb": [],
    "never-twice": ["heartbeat.witnesshb1"],
}
_WEB = _EXAMPLES / "demo/scripts/failover1/exec1/web.py"
_PATIENCE = 10.0  # seconds


@pytest.fixture(scope="module")
def registry() -> host.Registry:
    return host.load()


def _load(name: str, registry: host.Registry) -> config.Loaded:
    return config.load(_EXAMPLES / name, registry.specs, registry.refused)


def _good(name: str, registry: host.Registry) -> ClusterConfig:
    loaded = _load(name, registry)
    assert loaded.config, config.render(loaded.problems, None)
    return loaded.config


@pytest.mark.parametrize("name", _NAMES)
def test_every_example_loads_with_no_more_than_the_risk_it_takes(
    name: str, registry: host.Registry
) -> None:
    loaded = _load(name, registry)
    assert loaded.config, config.render(loaded.problems, None)
    assert [problem.key for problem in loaded.problems] == _TOLD.get(name, [_RISK])


@pytest.mark.parametrize("name", _NAMES)
def test_every_example_brings_its_scripts(name: str, registry: host.Registry) -> None:
    loaded, scripts = _load(name, registry), _EXAMPLES / name / "scripts"
    assert sorted(scripts.glob("*/*/start.sh"))
    cluster = _good(name, registry)
    for server in ("", *cluster.server_names):
        found = config.check_here(loaded, registry.specs, scripts=scripts, server=server)
        assert found == loaded
    elsewhere = config.check_here(
        loaded, registry.specs, scripts=_EXAMPLES / "nowhere", server="node1"
    )
    new = [problem for problem in elsewhere.problems if problem not in loaded.problems]
    named = {'"start.sh"', '"stop.sh"'} | {
        '"forcestop.sh"' for each in cluster.fencings if each.type == "script"
    }
    assert {problem.value for problem in new} == named


def test_the_guides_cluster(registry: host.Registry) -> None:
    cluster = _good("azure-public-lb", registry)
    assert cluster.platform is Platform.AZURE
    (group,) = cluster.groups
    exec1, lbpp1 = group.resources
    assert (exec1.depends_on, lbpp1.depends_on) == ((), ("exec1",))
    assert lbpp1.settings == {"port": 26001}
    lbppw1 = cluster.monitor_by_name["lbppw1"]
    assert (lbppw1.target, lbppw1.timing) == ("lbpp1", Timing.ALWAYS)
    assert (lbppw1.max_reactivations, lbppw1.max_failovers) == (3, 1)


def test_the_guides_cluster_tells_people_and_holds_no_secret(registry: host.Registry) -> None:
    alerts = _good("azure-public-lb", registry).alerts
    assert {alert.type for alert in alerts} == {"syslog", "file", "mail", "webhook"}
    told = config.render([], _good("azure-public-lb", registry))
    assert "  messages also go to syslog1, file1, mail1 and chat1\n" in told
    text = (_EXAMPLES / "azure-public-lb/30-alerts.toml").read_text()
    assert "password_file" in text
    assert "\nurl =" not in text


def test_the_cluster_that_never_runs_a_group_twice(registry: host.Registry) -> None:
    cluster = _good("never-twice", registry)
    assert (cluster.policy, cluster.exclusive) == (Policy.BOTH, True)
    assert [each.name for each in cluster.heartbeats] == ["lanhb1", "witnesshb1"]
    assert [np.name for np in cluster.nps] == ["httpnp1"]
    told = config.render([], cluster)
    assert "5 + 4 + 12.5 + 2 + 5 = 28.5 < 29.94 s" in told
    said = (_EXAMPLES.parent / "docs/howto/forced-stop-by-script.md").read_text()
    script = _EXAMPLES / "never-twice/scripts/fencing/forced_stop/forcestop.sh"
    assert script.read_text() in said


def test_the_demo_is_quick_and_says_its_risk(registry: host.Registry) -> None:
    cluster = _good("demo", registry)
    assert cluster.platform is Platform.LAB
    assert cluster.heartbeat_timeout <= 1_000
    assert cluster.unproven_takeover
    assert cluster.monitor_by_name["pidw1"].timing is Timing.ACTIVE
    assert "BOTH RUN THE GROUP" in (_EXAMPLES / "demo/cluster.toml").read_text()


def test_the_demo_loads_in_20_ms(registry: host.Registry) -> None:
    def load() -> float:
        start = time.process_time()
        _load("demo", registry)
        return time.process_time() - start

    assert min(load() for _ in range(5)) < 0.020


def test_a_port_of_another_group_is_taken(registry: host.Registry, tmp_path: Path) -> None:
    (tmp_path / "demo.toml").symlink_to(_EXAMPLES / "demo/cluster.toml")
    (tmp_path / "more.toml").write_text("[group.g2.resource.lbpp2]\ntype = 'lbpp'\nport = 26001")
    loaded = config.load(tmp_path, registry.specs)
    said = [problem.what for problem in loaded.problems if problem.key.endswith("lbpp2.port")]
    assert said == ["lbpp1 of failover1 listens on port 26001 as well."]


@pytest.fixture
def web() -> Iterator[tuple[str, int]]:
    """The demo's web server, as its start.sh runs it, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-I", "-S", str(_WEB), str(port)])
    try:
        yield "127.0.0.1", port
    finally:
        server.terminate()
        server.wait(timeout=_PATIENCE)


def _get(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, timeout=_PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_the_demos_web_server_answers_with_the_servers_name(web: tuple[str, int]) -> None:
    deadline = time.monotonic() + _PATIENCE
    answer = b""
    while not answer and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            answer = _get(web)
        time.sleep(0.01)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK")
    assert body == f"{socket.gethostname()}\n".encode()


def test_a_client_that_says_nothing_keeps_no_other_waiting(web: tuple[str, int]) -> None:
    deadline = time.monotonic() + _PATIENCE
    silent = None
    while silent is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            silent = socket.create_connection(web, timeout=_PATIENCE)
        time.sleep(0.01)
    assert silent
    with silent:
        assert _get(web).startswith(b"HTTP/1.0 200 OK")


@pytest.mark.parametrize("script", sorted(_EXAMPLES.glob("*/scripts/*/*/*.sh")))
def test_scripts_are_executable_and_good_shell(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
