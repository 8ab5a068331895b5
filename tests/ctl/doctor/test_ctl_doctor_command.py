"""`clp doctor` as it is typed: with agents, without one, as somebody who may not look."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore.ctl.doctor import command
from clpcore.ctl.doctor.case import Case
from clpcore.ctl.doctor.findings import Blind, Finding, Severity, error, ok, unknown
from clpcore.ctl.doctor.machine import Machine
from clpcore.ctl.screen import Paint
from clpcore.runtime import unixsockets
from clpcore.runtime.places import Root
from clpcore.wire import keys

_CLP = Path(sys.executable).with_name("clp")
_NOBODY = 65534
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


@attrs.define
class Servers:
    """Two servers below roots of their own; their agents run when they are started."""

    roots: dict[str, Root]
    agents: list[subprocess.Popen[bytes]] = attrs.field(factory=list)

    def environment(self, server: str) -> dict[str, str]:
        own = {"CLP_ROOT": str(self.roots[server].path), "CLP_SERVER": server, "CLP_LAB": "1"}
        return {**os.environ, **own, "CLP_LANG": "en"}

    def start(self) -> None:
        for server, root in self.roots.items():
            with (root.path / "log").open("wb") as log:
                environment = self.environment(server)
                self.agents.append(subprocess.Popen([_CLP, "agent"], env=environment, stderr=log))

    def doctor(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        return subprocess.run(
            [_CLP, "doctor", *words],
            env={**self.environment("node1"), **more.pop("env", {})},
            capture_output=True,
            check=False,
            text=True,
            timeout=20,
            **more,
        )

    def findings(self) -> dict[tuple[str, str], str]:
        """Give the severities, by check and what is said."""
        told = json.loads(self.doctor("--json").stdout)["findings"]
        return {(each["check"], each["what"]): each["severity"] for each in told}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    end = os.getpid() % 250 + 1
    addresses = [f"127.{200 + place}.{time.time_ns() // 1_000_000 % 250}.{end}" for place in (1, 2)]
    key = keys.generate(os.urandom(keys.KEY_SIZE))
    roots = {name: Root(tmp_path / name) for name in ("node1", "node2")}
    for root in roots.values():
        root.conf.mkdir(parents=True)
        (root.conf / "cluster.toml").write_text(_CONFIG.format(*addresses))
        root.key.write_text(key)
        root.key.chmod(0o600)
    made = Servers(roots)
    yield made
    for agent in made.agents:
        agent.send_signal(signal.SIGKILL)
        agent.wait(10)


@pytest.mark.timeout(60)
def test_two_servers_that_run_are_well_but_for_this_machine(servers: Servers) -> None:
    servers.start()
    versions = ("versions", "the version of node2")
    deadline = time.monotonic() + 30
    while servers.findings().get(versions) != "ok":
        assert time.monotonic() < deadline, servers.findings()
    found = servers.findings()
    ours = {check: severity for (check, _), severity in found.items() if severity != "ok"}
    of_the_machine = {"file systems", "space", "firewall", "confinement", "clock", "shield"}
    assert ours.keys() <= of_the_machine
    assert found["clock", "the clock of node2"] == "ok"
    assert found["servers", "heartbeats of node2 by lanhb1"] == "ok"
    assert found["keys", "every server speaks with our key"] == "ok"
    assert servers.doctor().returncode == ("error" in found.values())
    log = (servers.roots["node1"].path / "log").read_text()
    assert "Traceback" not in log


def test_without_an_agent_it_says_so_and_changes_nothing(servers: Servers) -> None:
    root = servers.roots["node1"]
    before = {path: path.stat().st_mtime_ns for path in sorted(root.path.rglob("*"))}
    done = servers.doctor()
    assert (done.stderr, "Traceback" in done.stdout) == ("", False)
    assert "the agent does not answer" in done.stdout
    assert done.stdout.startswith("Server node1: ")
    assert before == {path: path.stat().st_mtime_ns for path in sorted(root.path.rglob("*"))}
    found = servers.findings()
    assert found["keys", "every server speaks with our key"] == "unknown"
    assert found["shield", "how the agent is shielded"] == "unknown"
    assert found["versions", "the version of node2"] == "unknown"
    place = json.loads(servers.doctor("--json").stdout)
    assert (place["schema"], place["server"]) == (1, "node1")


def test_an_error_is_an_exit_code_and_a_warning_is_none(servers: Servers) -> None:
    root = servers.roots["node1"]
    errors = [what for what, severity in servers.findings().items() if severity == "error"]
    assert {check for check, _ in errors} <= {"file systems", "space"}  # this machine's
    root.key.chmod(0o644)
    done = servers.doctor()
    assert (done.returncode, f"chmod 0600 {root.key}" in done.stdout) == (1, True)


def test_a_broken_configuration_blinds_only_what_needs_it(servers: Servers) -> None:
    conf = servers.roots["node1"].conf / "cluster.toml"
    conf.write_text(conf.read_text().replace("priority = 1", "priority = one"))
    found = servers.findings()
    assert "error" in {
        severity for (check, _), severity in found.items() if check == "configuration"
    }
    assert found["ports", "cannot be looked at"] == "unknown"
    assert found["paths", str(servers.roots["node1"].key)] == "ok"


def test_it_speaks_japanese(servers: Servers) -> None:
    done = servers.doctor(env={"CLP_LANG": "ja"})
    assert "エージェントが応答しません" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_who_may_not_look_is_told_so(servers: Servers) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(_as_nobody(servers.roots["node1"].key))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _as_nobody(key: Path) -> int:
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    try:
        Machine().read(key)
    except Blind as why:
        return 0 if "permission denied" in str(why) and why.remedy else 2
    return 1


def test_an_agent_that_hangs_does_not_make_it_hang(servers: Servers) -> None:
    run = servers.roots["node1"].run
    run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as sock:
        unixsockets.bind(sock, run / "control")
        sock.listen()
        begun = time.monotonic()
        done = servers.doctor()
        took = time.monotonic() - begun
    assert "the agent does not answer within 3 s" in done.stdout
    assert took < 12


# -- how checks are run


def _break(_: Case) -> Iterator[Finding]:
    yield error("found before", "", "mend it")
    yield unknown("not seen", "nobody says why", "")
    raise ZeroDivisionError("a bug")


def _blind(_: Case) -> Iterator[Finding]:
    raise Blind("nobody told")


def test_a_check_that_hangs_or_breaks_ends_no_other(case: Case) -> None:
    over = threading.Event()

    def hang(_: Case) -> Iterator[Finding]:
        yield ok("found in time", "")
        over.wait(30)
        yield ok("late", "")

    begun = time.monotonic()
    found = command.examine(case, {"hangs": hang, "breaks": _break, "blind": _blind}, 0.3)
    over.set()
    assert time.monotonic() - begun < 5
    assert [one.severity for one in found["hangs"]] == [Severity.OK, Severity.UNKNOWN]
    assert [one.severity for one in found["breaks"]] == [Severity.ERROR] + [Severity.UNKNOWN] * 2
    assert "ZeroDivisionError" in found["breaks"][2].value
    (blind,) = found["blind"]
    assert (blind.severity, blind.value) == (Severity.UNKNOWN, "nobody told")
    rest = [
        one for findings in found.values() for one in findings if one.severity is not Severity.OK
    ]
    assert all(one.remedy for one in rest)


def test_every_check_of_the_command_can_be_run_on_a_machine_that_tells_nothing(case: Case) -> None:
    found = command.examine(case, command.checks(), 10)
    bugs = [one for findings in found.values() for one in findings if "Error:" in one.value]
    assert bugs == []
    bad = (Severity.ERROR, Severity.WARNING, Severity.UNKNOWN)
    assert all(one.remedy for f in found.values() for one in f if one.severity in bad)


def test_what_blinds_several_checks_is_printed_once(case: Case) -> None:
    found = command.examine(case, {"one": _blind, "two": _blind}, 5)
    lines = list(command._page(case, found, Paint(colours=False)))
    assert sum("nobody told" in line for line in lines) == 1
    assert any("one, two" in line for line in lines)


def test_a_page_fits_a_terminal_of_80_columns(case: Case) -> None:
    def talk(_: Case) -> Iterator[Finding]:
        yield error("word " * 40, "value " * 20, "mend " * 40)

    checks = {"one": talk, **{f"many names {n}": _blind for n in range(9)}}
    found = command.examine(case, checks, 5)
    lines = list(command._page(case, found, Paint(colours=False), 80))
    assert max(map(len, lines)) < 80
    whole = " ".join(" ".join(command._page(case, found, Paint(colours=False))).split())
    assert sorted(" ".join(lines).split()) == sorted(whole.split())


def test_a_name_cannot_drive_the_terminal(case: Case) -> None:
    where = attrs.evolve(case.where, server="a\x1b[2Jb")
    found = command.examine(case, {"na\x9bme": _blind}, 5)
    page = "".join(command._page(attrs.evolve(case, where=where), found, Paint(colours=False)))
    assert page.isprintable()
