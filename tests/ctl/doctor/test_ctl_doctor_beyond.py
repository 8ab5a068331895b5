"""Checks that plugins bring: what they are given, and what becomes of those that misbehave."""

from __future__ import annotations

import importlib.metadata
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore.ctl.doctor import beyond, command
from clpcore.ctl.doctor.case import Case, Configured

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
        there = attrs.evolve(case, configured=attrs.evolve(case.configured, folder=str(conf)))
        found = command.examine(there, {"acme": beyond.checks()["acme"]}, 10)["acme"]
        return [(each.severity.value, each.what, each.value) for each in found]

    return run


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
    assert "the check of the plugin failed: ['ok', 'weight', 12" in value


def test_a_check_that_hangs_ends_in_time(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beyond, "_SECONDS", 3)
    found = examine("import time; time.sleep(60)")
    assert found == [*_GOOD, ("unknown", "cannot be looked at", "no answer within 3 s")]


def test_a_check_that_nobody_waits_for_ends_itself(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beyond, "_SECONDS", 2)
    assert examine("import time; time.sleep(60)")[-1][0] == "unknown"
    call = "from clpcore.ctl.doctor import beyond; beyond.main('acme', '{}', '1')"
    alone = call.format(tmp_path / "etc/clpcore/conf.d")
    done = subprocess.run([sys.executable, "-c", alone], check=False, timeout=15)
    assert done.returncode == -signal.SIGALRM


def test_without_a_configuration_nothing_is_asked(case: Case) -> None:
    blind = attrs.evolve(case, configured=Configured(config=None, folder="/nowhere"))
    point: Any = beyond._examine
    found = command.examine(blind, {"acme": lambda each: point("acme", each)}, 5)["acme"]
    assert [each.value for each in found] == ["the configuration in /nowhere has errors"]


def test_a_plugin_takes_no_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = importlib.metadata.EntryPoint("agent", "acme:look", "clpcore.checks")
    found = importlib.metadata.EntryPoints([theirs])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: found)
    assert "acme" not in str(command.checks()["agent"])
