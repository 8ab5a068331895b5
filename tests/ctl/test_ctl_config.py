"""`clp config check`: the exit code tells errors from warnings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from clpcore import api, host
from clpcore.ctl.ends import Exit

Clp = Callable[[str], tuple[str, str, int]]

_GOOD = """
[cluster]
name = "Cluster1"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
"""


@attrs.frozen
class _NoSettings:
    """A heartbeat without settings."""


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one driver that every cluster needs."""
    lanhb = api.DriverSpec(
        kind=api.Kind.HEARTBEAT,
        name="lanhb",
        api=api.API,
        summary="",
        config=_NoSettings,
        capabilities=frozenset({api.Capability.BUILT_IN}),
    )
    registry = host.Registry(specs={(lanhb.kind, lanhb.name): lanhb})
    monkeypatch.setattr(host, "load", lambda **_: registry)


@pytest.fixture
def conf(root: Path) -> Path:
    folder = root / "etc/clpcore/conf.d"
    folder.mkdir(parents=True)
    return folder


def test_a_good_one(clp: Clp, conf: Path) -> None:
    (conf / "cluster.toml").write_text(_GOOD)
    out, err, code = clp("config check")
    assert (code, err) == (Exit.DONE, "")
    assert "Cluster1 (lab) on node1 and node2" in out


def test_errors_have_a_code_of_their_own(clp: Clp, conf: Path) -> None:
    (conf / "cluster.toml").write_text(_GOOD.replace("priority = 2", "priority = 2\nprioritty = 3"))
    out, _, code = clp("config check")
    assert (code, "cluster.toml:10" in out) == (Exit.BAD_CONFIG, True)


def test_warnings_alone_do_not_change_the_code(clp: Clp, conf: Path) -> None:
    risky = _GOOD.replace("[server.node1]", "unproven_takeover = true\n[server.node1]", 1)
    (conf / "cluster.toml").write_text(risky)
    out, _, code = clp("config check")
    assert (code, "warning" in out) == (Exit.DONE, True)


def test_another_folder(clp: Clp, tmp_path: Path) -> None:
    other = tmp_path / "draft"
    other.mkdir()
    (other / "a.toml").write_text(_GOOD)
    assert clp(f"config check {other}")[2] == Exit.DONE


def test_a_folder_that_is_not_there(clp: Clp, tmp_path: Path) -> None:
    assert clp(f"config check {tmp_path}/nowhere")[2] == Exit.BAD_CONFIG


def test_for_machines(clp: Clp, conf: Path) -> None:
    (conf / "cluster.toml").write_text(_GOOD.replace("priority = 2", "priority = 2\nprioritty = 3"))
    out, _, code = clp("config check --json")
    told = json.loads(out)
    assert (code, told["usable"]) == (Exit.BAD_CONFIG, False)
    assert told["problems"][0]["line"] == 10


_SCRIPTED = """
[group.failover1.resource.app1]
type = "app"
"""


def _app() -> api.DriverSpec:
    @attrs.frozen(kw_only=True)
    class Settings:
        start: str = api.setting("The script.", unit="script", default="start.sh")

    return api.DriverSpec(
        kind=api.Kind.RESOURCE,
        name="app",
        api=api.API,
        summary="",
        config=Settings,
        make=lambda _settings: _Untouched(),
    )


class _Untouched:
    """A driver that a check never calls."""

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        raise AssertionError

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        raise AssertionError

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        raise AssertionError


@pytest.fixture
def _app_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(host.load().specs)
    registry = host.Registry(specs={**known, (api.Kind.RESOURCE, "app"): _app()})
    monkeypatch.setattr(host, "load", lambda **_: registry)


@pytest.mark.usefixtures("_app_is_known")
def test_on_a_server_of_the_cluster_its_scripts_are_looked_for(
    clp: Clp, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (conf / "cluster.toml").write_text(_GOOD + _SCRIPTED)
    monkeypatch.setenv("CLP_SERVER", "node1")
    out, _, code = clp("config check")
    assert ("start.sh" in out, code) == (True, Exit.BAD_CONFIG)  # as an apply would refuse it
    assert "this configuration cannot be used" in out
    monkeypatch.setenv("CLP_SERVER", "elsewhere")
    out, _, code = clp("config check")
    assert ("start.sh" in out, code) == (False, Exit.DONE)


def test_a_file_in_place_of_a_folder(clp: Clp, conf: Path) -> None:
    (conf / "cluster.toml").write_text(_GOOD)
    said, _, code = clp(f"config check {conf}/cluster.toml")
    out = " ".join(said.split())
    assert (code, f"{conf}/cluster.toml is a file" in out) == (Exit.BAD_CONFIG, True)
    assert f"clp config check {conf} " in out


@pytest.mark.usefixtures("_app_is_known")
@pytest.mark.parametrize("scripts", ["draft/../scripts", "draft/scripts"])
def test_the_scripts_of_a_draft_are_beside_it_or_in_it(
    clp: Clp, tmp_path: Path, scripts: str
) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / "a.toml").write_text(_GOOD + _SCRIPTED)
    out = clp(f"config check {draft}")[0]
    assert "Scripts were not looked for" in out
    assert json.loads(clp(f"config check {draft} --json")[0])["scripts"] is None
    folder = (tmp_path / scripts).resolve()
    (folder / "failover1" / "app1").mkdir(parents=True)
    out = " ".join(clp(f"config check {draft}")[0].split())
    assert f"There is no file {folder}/failover1/app1/start.sh." in out
    assert f"Scripts were looked for in {folder}." in out
    (folder / "failover1" / "app1" / "start.sh").write_text("#!/bin/sh\n")
    out = " ".join(clp(f"config check {draft}")[0].split())
    assert "start.sh is not executable." in out


@pytest.mark.usefixtures("_app_is_known")
def test_it_is_said_where_the_scripts_of_this_server_were_looked_for(
    clp: Clp, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (conf / "cluster.toml").write_text(_GOOD + _SCRIPTED)
    monkeypatch.setenv("CLP_SERVER", "node1")
    assert f"{conf.parent}/scripts, as node1 needs them." in " ".join(
        clp("config check")[0].split()
    )
    monkeypatch.setenv("CLP_SERVER", "elsewhere")
    assert "elsewhere is none of the servers" in " ".join(clp("config check")[0].split())
