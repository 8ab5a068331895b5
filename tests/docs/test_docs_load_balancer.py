"""docs/howto/load-balancer.md: its configuration passes the check, and its lab file is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clp_lab import file
from clpcore import config, host
from clpcore.model.config import ClusterConfig

_PAGE = Path(__file__).parents[2] / "docs/howto/load-balancer.md"
_CONF, _DIRECT, _LAB = re.findall(r"```toml\n(.*?)```", _PAGE.read_text(), re.DOTALL)


def _loaded(folder: Path, *texts: str) -> ClusterConfig:
    for number, text in enumerate(texts):
        (folder / f"{number}.toml").write_text(text)
    loaded = config.load(folder, host.load().specs)
    assert loaded.config, config.render(loaded.problems, None)
    assert [each.key for each in loaded.problems] == ["cluster.unproven_takeover"]
    return loaded.config


def test_the_probe_port_comes_last_and_resets_connections(tmp_path: Path) -> None:
    cluster = _loaded(tmp_path, _CONF)
    lbpp = cluster.group_by_name["failover1"].by_name["lbpp1"]
    assert lbpp.depends_on == ("exec1",)
    assert list(lbpp.settings["reset_ports"]) == [8080]


def test_with_direct_server_return_the_address_comes_first(tmp_path: Path) -> None:
    resources = _loaded(tmp_path, _CONF, _DIRECT).group_by_name["failover1"].by_name
    assert resources["exec1"].depends_on == ("loopback1",)
    assert resources["loopback1"].depends_on == ()


def test_its_lab_file_has_the_balancer_of_the_page(tmp_path: Path) -> None:
    for folder in ("conf/conf.d", "conf/scripts"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cluster.key").touch()
    (tmp_path / "internal.toml").write_text(_LAB)
    balancer = file.load(tmp_path / "internal.toml").balancer
    assert (balancer.frontend, balancer.direct) == ("10.5.0.200", True)


@pytest.mark.parametrize("target", re.findall(r"\]\((\.\./[^)#]+)", _PAGE.read_text()))
def test_what_it_points_to_is_there(target: str) -> None:
    assert (_PAGE.parent / target).exists()
