"""What of a folder of configuration a lab's servers get."""

from __future__ import annotations

from pathlib import Path

import pytest

from clp_lab.conf import plan_of
from clp_lab.demo import demo_conf
from clp_lab.errors import LabError

_SERVER = '[server.node1]\ninterconnect = ["10.5.0.110"]\n'


def test_tables_and_scripts_are_copied_once() -> None:
    conf = demo_conf()
    files = plan_of(conf, Path("/key")).files
    assert files == {
        "etc/clpcore/conf.d/cluster.toml": str(conf / "cluster.toml"),
        "etc/clpcore/scripts": str(conf / "scripts"),
        "etc/clpcore/cluster.key": "/key",
    }


def test_a_folder_without_scripts_will_do(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text(_SERVER)
    assert "etc/clpcore/scripts" not in plan_of(tmp_path, Path("/key")).files


def test_a_folder_without_servers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"has no \*\.toml with \[server\.NAME\] tables"):
        plan_of(tmp_path, Path("/key"))


@pytest.mark.parametrize("given", [".", "conf.d"])
def test_a_folder_as_clp_config_new_writes_it_will_do(tmp_path: Path, given: str) -> None:
    for folder in ("conf.d", "scripts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "conf.d/cluster.toml").write_text(_SERVER)
    plan = plan_of(tmp_path / given, Path("/key"))
    assert [server.name for server in plan.servers] == ["node1"]
    assert plan.files == {
        "etc/clpcore/conf.d/cluster.toml": str(tmp_path / "conf.d/cluster.toml"),
        "etc/clpcore/scripts": str(tmp_path / "scripts"),
        "etc/clpcore/cluster.key": "/key",
    }
