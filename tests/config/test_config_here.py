"""Scripts that a configuration names are there, on the servers that may need them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind
from clpcore.model.config import ClusterConfig

Good = Callable[[str], ClusterConfig]
Specs = dict[tuple[Kind, str], DriverSpec]

_APP = "[group.g1.resource.app1]\ntype = 'app'\n"


def _script(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def _said(cluster: ClusterConfig, specs: Specs, scripts: Path, server: str = "node1") -> list[str]:
    found = config.check_here(cluster, specs, scripts=scripts, server=server)
    return [f"{each.key} = {each.value}: {each.what} {each.remedy}" for each in found]


def test_a_script_that_is_there_and_executable_is_fine(
    good: Good, specs: Specs, tmp_path: Path
) -> None:
    _script(tmp_path / "g1" / "app1" / "start.sh")
    assert _said(good(_APP), specs, tmp_path) == []


def test_one_that_is_missing_is_told_with_its_place(
    good: Good, specs: Specs, tmp_path: Path
) -> None:
    path = tmp_path / "g1" / "app1" / "start.sh"
    said = f"There is no file {path}. Put the script there, on every server."
    assert _said(good(_APP), specs, tmp_path) == [
        f'group.g1.resource.app1.start = "start.sh": {said}'
    ]
    path.mkdir(parents=True)
    assert said in _said(good(_APP), specs, tmp_path)[0]


def test_one_that_cannot_be_executed_is_told(good: Good, specs: Specs, tmp_path: Path) -> None:
    path = _script(tmp_path / "g1" / "app1" / "start.sh", mode=0o644)
    assert f"{path} is not executable. chmod +x {path}" in _said(good(_APP), specs, tmp_path)[0]


@pytest.mark.parametrize("server", ["node1", "node2"])
def test_each_server_looks_for_its_own(
    good: Good, specs: Specs, tmp_path: Path, server: str
) -> None:
    elsewhere = _script(tmp_path / "elsewhere" / "run")
    cluster = good(_APP + f"start = ''\nserver.node2.start = '{elsewhere}'")
    assert _said(cluster, specs, tmp_path, server) == []
    elsewhere.unlink()
    assert len(_said(cluster, specs, tmp_path, server)) == (server == "node2")


def test_a_server_that_may_not_run_the_group_needs_no_script(
    good: Good, specs: Specs, tmp_path: Path
) -> None:
    cluster = good("[group.g1]\nstartup_servers = ['node2']\n" + _APP)
    assert _said(cluster, specs, tmp_path, "node1") == []
    assert len(_said(cluster, specs, tmp_path, "node2")) == 1
