"""The page about alerts: its configuration is one, its commands work, its tables tell the truth."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from clpcore.ctl import log
from clpcore.ctl.main import main
from clpcore.model.alerts import TYPES

_PAGE = (Path(__file__).parents[2] / "docs/howto/alerts.md").read_text()
_CLUSTER = """
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


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's alerts, in a cluster."""
    monkeypatch.setenv("CLP_ROOT", str(tmp_path))
    monkeypatch.setenv("CLP_SERVER", "node1")
    conf = tmp_path / "etc/clpcore/conf.d"
    conf.mkdir(parents=True)
    (conf / "cluster.toml").write_text(_CLUSTER)
    (conf / "alerts.toml").write_text(_blocks("toml")[0])
    return tmp_path


def test_the_commands_work_one_after_the_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in _blocks("sh")[-1].splitlines():
        assert main(shlex.split(line)[1:]) == 0, line
        assert capsys.readouterr().out
    assert "pm525" in (root / "var/log/clpcore/alert.log").read_text()


def test_the_looks_are_looks() -> None:
    for line in _blocks("sh")[0].splitlines():
        words = shlex.split(line)
        assert words[:2] == ["clp", "log"]
        log.parser().parse_args(words[2:])


def test_every_type_is_shown() -> None:
    assert set(re.findall(r'^type = "(\w+)"', _blocks("toml")[0], re.MULTILINE)) == set(TYPES)


def test_the_message_has_the_keys_that_are_shown(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = root / "told.json"
    program = json.dumps(["/bin/sh", "-c", f"cat > {told}"])
    conf = root / "etc/clpcore/conf.d/alerts.toml"
    conf.write_text(f'[alert.page1]\ntype = "command"\ncommand = {program}\n')
    assert main(["alert", "test", "page1"]) == 0, capsys.readouterr().err
    assert list(json.loads(told.read_text())) == list(json.loads(_blocks("json")[0]))
