"""Scripts that a configuration names are there, on the servers that may need them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind
from clpcore.config import Loaded
from clpcore.model.reasons import Severity

Load = Callable[[str], Loaded]
Specs = dict[tuple[Kind, str], DriverSpec]

_APP = "[group.g1.resource.app1]\ntype = 'app'\n"


def _script(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def _said(loaded: Loaded, specs: Specs, scripts: Path, server: str = "node1") -> list[str]:
    assert loaded.config
    found = config.check_here(loaded, specs, scripts=scripts, server=server).problems
    new = (problem for problem in found if problem not in loaded.problems)
    return [f"{each.key} = {each.value}: {each.what} {each.remedy}" for each in new]


def test_a_script_that_is_there_and_executable_is_fine(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    _script(tmp_path / "g1" / "app1" / "start.sh")
    assert _said(load(_APP), specs, tmp_path) == []


def test_one_that_is_missing_is_told_with_its_place(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    path = tmp_path / "g1" / "app1" / "start.sh"
    said = f"There is no file {path}. Put the script there."
    assert _said(load(_APP), specs, tmp_path) == [
        f'group.g1.resource.app1.start = "start.sh": {said}'
    ]
    path.mkdir(parents=True)
    assert said in _said(load(_APP), specs, tmp_path)[0]


def test_one_that_cannot_be_executed_is_told(load: Load, specs: Specs, tmp_path: Path) -> None:
    path = _script(tmp_path / "g1" / "app1" / "start.sh", mode=0o644)
    assert f"{path} is not executable. chmod +x {path}" in _said(load(_APP), specs, tmp_path)[0]


@pytest.mark.parametrize("place", ["g1", "g1/app1", "g1/app1/start.sh"])
def test_a_link_on_the_way_to_one_is_told_and_an_absolute_path_may_have_some(
    load: Load, specs: Specs, tmp_path: Path, place: str
) -> None:
    scripts, link = tmp_path / "scripts", tmp_path / "scripts" / place
    _script(scripts / "g1" / "app1" / "start.sh")
    link.rename(tmp_path / "away")
    link.symlink_to(tmp_path / "away")
    (said,) = _said(load(_APP), specs, scripts)
    assert f"{link} is a symbolic link, and a revision holds none. Put the file itself" in said
    absolute = _APP + f"start = '{scripts / 'g1/app1/start.sh'}'"
    assert _said(load(absolute), specs, scripts) == []


@pytest.mark.parametrize("server", ["node1", "node2"])
def test_each_server_looks_for_its_own(
    load: Load, specs: Specs, tmp_path: Path, server: str
) -> None:
    elsewhere = _script(tmp_path / "elsewhere" / "run")
    loaded = load(_APP + f"start = ''\nserver.node2.start = '{elsewhere}'")
    assert _said(loaded, specs, tmp_path, server) == []
    elsewhere.unlink()
    assert len(_said(loaded, specs, tmp_path, server)) == (server == "node2")


def test_a_server_that_may_not_run_the_group_needs_no_script(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    loaded = load("[group.g1]\nstartup_servers = ['node2']\n" + _APP)
    assert _said(loaded, specs, tmp_path, "node1") == []
    assert len(_said(loaded, specs, tmp_path, "node2")) == 1


def test_a_draft_is_checked_for_all_servers_and_told_once(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    loaded = load(_APP + "server.node2.start = '/opt/app/start'\n")
    assert len(_said(loaded, specs, tmp_path, server="")) == 1
    _script(tmp_path / "g1" / "app1" / "start.sh")
    assert _said(loaded, specs, tmp_path, server="") == []


def test_each_is_told_at_its_line_between_the_others(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    empty = "[group.g0]\n[group.g2]\n"  # groups without resources are warnings
    loaded = load(empty.replace("[group.g2]", _APP + "start = 'run'\n[group.g2]"))
    found = config.check_here(loaded, specs, scripts=tmp_path, server="node1").problems
    places = [(each.place.file, each.place.line, each.key) for each in found if each.place]
    assert places == sorted(places)
    assert [key for _, _, key in places][-3:] == [
        "group.g0",
        "group.g1.resource.app1.start",
        "group.g2",
    ]
    assert [each.place.text for each in found if each.place][-2] == "start = 'run'"


def test_on_a_server_itself_it_is_an_error_and_in_a_draft_a_warning(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    loaded = load(_APP)
    for server, severity in (("node1", Severity.ERROR), ("", Severity.WARNING)):
        found = config.check_here(loaded, specs, scripts=tmp_path, server=server).problems
        assert [each.severity for each in found if each not in loaded.problems] == [severity]


def test_a_hook_that_cannot_be_executed_is_told(load: Load, specs: Specs, tmp_path: Path) -> None:
    _script(tmp_path / "g1" / "app1" / "start.sh")
    hook = _script(tmp_path / "g1" / "app1" / "after_activation.sh", mode=0o644)
    (said,) = _said(load(_APP), specs, tmp_path)
    assert f"{hook} is not executable. chmod +x {hook}" in said
    hook.chmod(0o755)
    assert _said(load(_APP), specs, tmp_path) == []


def test_the_script_of_a_monitor_is_looked_for(load: Load, specs: Specs, tmp_path: Path) -> None:
    _script(tmp_path / "g1" / "app1" / "start.sh")
    app, look = specs[Kind.RESOURCE, "app"], specs[Kind.MONITOR, "look"]
    specs = {**specs, (Kind.MONITOR, "look"): attrs.evolve(look, config=app.config)}
    loaded = load(_APP + "[monitor.look1]\ntype = 'look'\ntarget = 'app1'\n")
    (said,) = _said(loaded, specs, tmp_path)
    assert str(tmp_path / "monitor/look1/start.sh") in said


def test_of_a_copy_the_place_is_told_where_it_is_edited(
    load: Load, specs: Specs, tmp_path: Path
) -> None:
    loaded = load(_APP)
    found = config.check_here(
        loaded, specs, scripts=tmp_path, server="node1", edited=Path("/etc/clpcore/scripts")
    )
    (missing,) = (each for each in found.problems if each not in loaded.problems)
    assert missing.what == "There is no file /etc/clpcore/scripts/g1/app1/start.sh."


_STOP = "[fencing.stop1]\ntype = 'stop'\n"


@pytest.fixture
def proven(load_only: Load) -> Load:
    """Load two servers that take nothing over without proof."""
    servers = "".join(
        f"[server.node{n}]\npriority = {n}\ninterconnect = ['10.5.0.11{n}']\n" for n in (1, 2)
    )
    cluster = f"[cluster]\nname = 'C'\nplatform = 'lab'\n{servers}"
    return lambda text: load_only(cluster + text)


def test_the_script_of_a_forced_stop_is_looked_for(
    proven: Load, specs: Specs, tmp_path: Path
) -> None:
    path = tmp_path / "fencing" / "stop1" / "stop.sh"
    (said,) = _said(proven(_STOP), specs, tmp_path)
    assert (
        said == f'fencing.stop1.script = "stop.sh": There is no file {path}. Put the script there.'
    )
    _script(path)
    assert _said(proven(_STOP), specs, tmp_path) == []


def test_a_server_needs_the_scripts_that_stop_the_others(
    proven: Load, specs: Specs, tmp_path: Path
) -> None:
    _script(tmp_path / "fencing" / "stop1" / "stop.sh")
    loaded = proven(_STOP + "server.node2.script = 'second.sh'")
    (said,) = _said(loaded, specs, tmp_path, "node1")
    assert said.startswith('fencing.stop1.script = "second.sh": There is no file')
    assert _said(loaded, specs, tmp_path, "node2") == []
    only = proven(_STOP + "servers = ['node1']\nscript = 'third.sh'")
    assert _said(only, specs, tmp_path, "node1") == []
    assert len(_said(only, specs, tmp_path, "node2")) == 1
