"""clpcfctrl: what is pushed becomes the working copy and is applied, or nothing has changed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]
Run = Callable[[str], tuple[str, str, int]]

_CONFIG = """
[cluster]
name = "{name}"
platform = "onpremises"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[server_group.zone1]
servers = ["node1"]
"""


def _write(folder: Path, name: str) -> Path:
    """Make a folder with a configuration and a script."""
    script = folder / "scripts/failover1/exec1/start.sh"
    for path in (folder / "conf.d", script.parent):
        path.mkdir(parents=True, exist_ok=True)
    (folder / "conf.d/cluster.toml").write_text(_CONFIG.format(name=name))
    script.write_text(f"#!/bin/sh\n# {name}\n")
    script.chmod(0o750)
    return folder


def _name(folder: Path) -> str:
    return (folder / "conf.d/cluster.toml").read_text().split('"')[1]


@pytest.fixture
def here(root: Path) -> Path:
    """The working copy of this server."""
    return _write(root / "etc/clpcore", "Old")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return _write(tmp_path / "new", "New")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("used", ["Committed", "Old"])
def test_pull_gives_what_the_servers_use(
    used: str, root: Path, tmp_path: Path, product: Run
) -> None:
    if used == "Committed":
        _write(root / "var/lib/clpcore/revisions/current", used)
    assert product(f"clpcfctrl --pull -l -x {tmp_path}/now") == ("Command succeeded.\n", "", 0)
    assert _name(tmp_path / "now") == used
    script = tmp_path / "now/scripts/failover1/exec1/start.sh"
    assert stat.S_IMODE(script.stat().st_mode) == 0o750


@pytest.mark.usefixtures("here")
def test_pull_overwrites_nothing(new: Path, product: Run) -> None:
    out, err, code = product(f"clpcfctrl --pull -x {new}")
    assert (out, code) == ("", 1)
    assert "nothing is overwritten" in err
    assert _name(new) == "New"


@pytest.mark.usefixtures("root")
def test_pull_of_nothing_says_so(tmp_path: Path, product: Run) -> None:
    assert "there is no configuration in" in product(f"clpcfctrl --pull -x {tmp_path}/now")[1]
    assert not (tmp_path / "now").exists()


@pytest.mark.usefixtures("cluster")
def test_push_makes_it_the_working_copy_and_applies_it(
    here: Path,
    new: Path,
    product: Run,
    answers: Document,
    asked: list[Document],
    status: Document,
) -> None:
    (here / "conf.d/more.toml").write_text("")
    applied = {"same": False, "dry": False, "revision": "4-abcd", "changes": [], "restarted": []}
    progress = {"step": "check", "servers": ["node1"]}
    answers["apply"] = [
        {"ok": True, "progress": progress},
        {"ok": True, "applied": {**applied, "servers": ["node1"]}},
    ]
    status["revisions"] = {"node1": "4-abcd"}
    out, err, code = product(f"clpcfctrl --push -x {new} --force")
    assert out.splitlines()[-1] == "Command succeeded."
    assert (err, code) == ("", 0)
    assert _name(here) == "New"
    assert not (here / "conf.d/more.toml").exists()
    assert (asked[0]["do"], asked[0]["force"]) == ("apply", True)


def test_a_push_that_is_refused_changes_nothing(
    here: Path, new: Path, product: Run, answers: Document
) -> None:
    answers["apply"] = [{"ok": False, "error": "node2 is not heard", "remedy": "see to it"}]
    out, err, code = product(f"clpcfctrl --push -x {new}")
    assert (out, err, code) == ("", "Error: node2 is not heard\n       see to it\n", 1)
    assert _name(here) == "Old"
    assert "Old" in (here / "scripts/failover1/exec1/start.sh").read_text()


def test_a_push_of_errors_is_not_even_asked(
    here: Path, new: Path, product: Run, asked: list[Document]
) -> None:
    with (new / "conf.d/cluster.toml").open("a") as file:
        file.write("priority = 0\n")
    out, _, code = product(f"clpcfctrl --push -x {new}")
    assert code == 78
    assert "cluster.toml:13" in out
    assert (asked, _name(here)) == ([], "Old")


def test_a_push_without_a_check_is_the_agents_affair(
    here: Path, new: Path, product: Run, answers: Document
) -> None:
    (new / "conf.d/cluster.toml").write_text("[cluster")
    answers["apply"] = [{"ok": False, "error": "no"}]
    assert product(f"clpcfctrl --push --nocheck -x {new}")[2] == 1
    assert _name(here) == "Old"


@pytest.mark.usefixtures("here")
def test_a_folder_without_a_configuration_is_refused(tmp_path: Path, product: Run) -> None:
    assert "-x names the folder" in product(f"clpcfctrl --push -x {tmp_path}/absent")[1]


@pytest.mark.usefixtures("here")
def test_the_pages_of_the_configuration(root: Path, product: Run) -> None:
    out, err, code = product("clpstat --sv node2 --cl")
    assert (err, code) == ("", 0)
    assert out.splitlines()[1:-1] == [
        " [Cluster Name : Old]",
        "   Platform                         : onpremises",
        " [Server1 : node2]",
        "   Priority                         : 2",
        "   Interconnect                     : 10.5.0.111",
    ]
    _write(root / "var/lib/clpcore/revisions/current", "Committed")
    assert "[Cluster Name : Committed]" in product("clpstat -i --detail")[0]
    assert (
        "[ServerGroup0 : zone1]\n   Servers                          : node1"
        in (product("clpstat --svg")[0])
    )
    assert "there is no server 'node3'" in product("clpstat --sv node3")[1]


def test_a_push_whose_end_is_unknown_is_not_undone(
    here: Path, new: Path, product: Run, answers: Document
) -> None:
    answers["apply"] = [{"leave": True}]
    assert product(f"clpcfctrl --push -x {new}")[2] == 4
    assert _name(here) == "New"
