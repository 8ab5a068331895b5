"""Checks that plugins bring: what they are given, and what becomes of those that misbehave."""

from __future__ import annotations

import importlib.metadata
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import host
from clpcore.ctl.doctor import beyond, command, running
from clpcore.ctl.doctor import case as case_module
from clpcore.ctl.doctor.case import Case, Configured
from clpcore.ctl.doctor.findings import Blind
from clpcore.runtime.places import Root, Whereabouts

_CONFIG = """
[cluster]
name = "Cluster1"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[group.failover1.resource.lbpp1]
type = "lbpp"
port = 26001
server.node2.port = 26002
"""
_CHECK = """
    from clpcore import api

    def look(cluster):
        ok = api.Severity.OK
        yield api.Finding(ok, "servers", str(dict(cluster.interconnects)))
        for part in cluster.of(api.Kind.RESOURCE, "lbpp"):
            ports = {server: config.port for server, config in part.on.items()}
            yield api.Finding(ok, part.group + "/" + part.name, str(ports))
        yield api.Finding(ok, cluster.server, cluster.platform)
        #THEN
"""
Examine = Callable[..., list[tuple[str, str, str]]]


@pytest.fixture
def examine(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Install a check that does *then* at its end, and run it; gives severity, what and value."""

    def run(then: str = "") -> list[tuple[str, str, str]]:
        site, conf = tmp_path / "site", tmp_path / "etc/clpcore/conf.d"
        info = site / "acme-1.dist-info"
        info.mkdir(parents=True)
        (site / "acme.py").write_text(textwrap.dedent(_CHECK).replace("#THEN", then))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[clpcore.checks]\nacme = acme:look\n")
        (conf / "cluster.toml").write_text(_CONFIG)
        monkeypatch.setenv("PYTHONPATH", str(site))
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("CLP_SERVER", "node1")
        monkeypatch.setenv("CLP_ROOT", str(tmp_path))
        assert "acme" in beyond.checks()
        where = Whereabouts(root=Root(tmp_path), server="node1", lab=False)
        there = attrs.evolve(case, configured=case_module._read(where, conf, host.load()))
        found = command.examine(there, {"acme": beyond.checks()["acme"]}, 10)["acme"]
        return [(each.severity.value, each.what, each.value) for each in found]

    return run


def _install(monkeypatch: pytest.MonkeyPatch, point: importlib.metadata.EntryPoint) -> None:
    found = importlib.metadata.EntryPoints([point])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: found)


_GOOD = [
    ("ok", "servers", "{'node1': ('10.5.0.110',), 'node2': ('10.5.0.111',)}"),
    ("ok", "failover1/lbpp1", "{'node1': 26001, 'node2': 26002}"),
    ("ok", "node1", "azure"),
]


def test_a_check_gets_the_configuration_as_its_drivers_have_it(examine: Examine) -> None:
    assert examine() == _GOOD


def test_a_check_that_fails_tells_why_after_what_it_found(examine: Examine) -> None:
    told = "the check of the plugin failed: ValueError: the balancer is gone"
    assert examine("raise ValueError('the balancer is gone')") == [
        *_GOOD,
        ("unknown", "cannot be looked at", told),
    ]


def test_what_a_check_prints_or_how_it_ends_does_no_harm(examine: Examine) -> None:
    found = examine("print('[]'); import os; os.write(1, b'[]'); os._exit(3)")
    assert found[:3] == _GOOD
    assert [severity for severity, *_ in found[3:]] == ["unknown"]


def test_a_finding_that_is_none_is_not_shown(examine: Examine) -> None:
    *before, (severity, what, value) = examine("yield api.Finding(ok, 'weight', 12)")
    assert before == _GOOD
    assert (severity, what) == ("unknown", "cannot be looked at")
    assert value == 'the check of the plugin failed: ["ok", "weight", 12, ""] is no finding'


@pytest.mark.parametrize("line", ["{}", "[", "[" * 50_000, "[1, 2, 3, 4]", '["bad", "", "", ""]'])
def test_a_line_that_is_no_finding_is_blamed_on_the_plugin(line: str) -> None:
    with pytest.raises(Blind, match=r"the check of the plugin failed: .* is no finding"):
        list(beyond._read(f"{line}\n".encode()))


def test_words_of_a_plugin_cannot_drive_the_terminal(examine: Examine) -> None:
    hostile = "yield api.Finding(api.Severity.ERROR, 'a\\x1b[2Jb', 'c\\x9bd\\u202ee', 'f\\ng')"
    assert examine(hostile)[-1] == ("error", "a [2Jb", "c d e")


def test_the_name_of_a_check_cannot_drive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = importlib.metadata.EntryPoint("ac\x1b[2Jme", "acme:look", "clpcore.checks")
    _install(monkeypatch, theirs)
    assert list(beyond.checks()) == ["ac [2Jme"]


def test_a_check_that_says_too_much_is_ended(examine: Examine) -> None:
    """What it found first is shown; nothing of it is held that nobody will read."""
    begun = time.monotonic()
    found = examine("while True: yield api.Finding(ok, 'x' * 1_000)")
    assert found[:3] == _GOOD
    assert len(found) < 300
    told = "the check of the plugin failed: it said more than 262144 bytes"
    assert found[-1] == ("unknown", "cannot be looked at", told)
    assert time.monotonic() - begun < beyond._SECONDS


def test_of_what_it_complains_only_the_end_is_held(examine: Examine) -> None:
    found = examine("import sys; sys.stderr.write('x' * 5_000_000 + '\\nwhy'); sys.exit(1)")
    assert found == [
        *_GOOD,
        ("unknown", "cannot be looked at", "the check of the plugin failed: why"),
    ]


@pytest.mark.parametrize("then", ["time.sleep(60)", "os._exit(0)"])
def test_what_a_check_has_started_ends_with_it(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(beyond, "_SECONDS", 4)
    pid_file = tmp_path / "pid"
    start = "child = subprocess.Popen(['sleep', '60'])"
    note = f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))"
    examine(f"import os, pathlib, subprocess, time; {start}; {note}; {then}")
    stat = Path("/proc", pid_file.read_text(), "stat")
    deadline = time.monotonic() + 5
    while stat.exists() and ") Z " not in stat.read_text():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.01)


def test_a_check_loads_no_plugin_that_it_does_not_need(examine: Examine) -> None:
    """All plugins are loaded once, when the configuration is read, and not for every check."""
    look = "import sys; yield api.Finding(ok, 'loaded', str('clpcore_exec' in sys.modules))"
    assert examine(look)[-1] == ("ok", "loaded", "False")


def test_settings_that_cannot_be_handed_on_are_no_ok(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise TypeError("cannot pickle 'mappingproxy' object")

    monkeypatch.setattr(beyond, "packed", refuse)
    ((severity, _, value),) = examine()
    why = "TypeError: cannot pickle 'mappingproxy' object"
    assert (severity, value) == ("unknown", f"the settings of a plugin cannot be handed on: {why}")


def test_a_check_that_hangs_ends_in_time(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beyond, "_SECONDS", 3)
    found = examine("import time; time.sleep(60)")
    assert found == [*_GOOD, ("unknown", "cannot be looked at", "no answer within 3 s")]


def test_a_check_that_nobody_waits_for_ends_itself(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beyond, "_SECONDS", 2)
    assert examine("import time; time.sleep(60)")[-1][0] == "unknown"
    where = Whereabouts(root=Root(tmp_path), server="node1", lab=False)
    given = case_module._read(where, tmp_path / "etc/clpcore/conf.d", host.load()).packed
    assert isinstance(given, bytes)
    alone = "from clpcore.ctl.doctor import beyond; beyond.main('acme', '1')"
    argv = [sys.executable, "-c", alone]
    done = subprocess.run(argv, input=given, capture_output=True, check=False, timeout=15)
    assert done.returncode == -signal.SIGALRM


def test_without_a_configuration_nothing_is_asked(case: Case) -> None:
    blind = attrs.evolve(case, configured=Configured(config=None, folder="/nowhere"))
    point: Any = beyond._examine
    found = command.examine(blind, {"acme": lambda each: point("acme", 5, each)}, 5)["acme"]
    assert [each.value for each in found] == ["the configuration in /nowhere has errors"]


def test_a_plugin_takes_no_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = importlib.metadata.EntryPoint("agent", "acme:look", "clpcore.checks")
    _install(monkeypatch, theirs)
    assert "acme" not in str(command.checks()["agent"])


def test_a_check_ends_before_nobody_waits_for_it_any_more(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its process would stay behind, and what it found would not be told."""
    waited = []

    def run(*_: object, seconds: float, **__: object) -> running.Ended:
        waited.append(seconds)
        return running.Ended(0, b"", b"", late=False, much=False)

    monkeypatch.setattr(running, "run", run)
    _install(monkeypatch, importlib.metadata.EntryPoint("acme", "acme:look", "clpcore.checks"))
    command.examine(case, {"acme": command.checks(2.5)["acme"]}, 3)
    command.examine(case, {"acme": command.checks(60)["acme"]}, 3)
    assert waited == [2.5, beyond._SECONDS]
