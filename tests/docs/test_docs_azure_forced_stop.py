"""docs/howto/azure-forced-stop.md: its configuration passes the check, and names its machines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.api import Kind
from clpcore.ctl.main import main

_PAGE = Path(__file__).parents[2] / "docs/howto/azure-forced-stop.md"
_TEXT = _PAGE.read_text()
_CONF = re.findall(r"```toml\n(.*?)```", _TEXT, re.DOTALL)[0]


def test_its_configuration_passes_the_check(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text(_CONF)
    registry = host.load()
    loaded = config.load(tmp_path, registry.specs)
    assert loaded.config, config.render(loaded.problems, None)
    assert [each for each in loaded.problems if each.key.startswith("fencing")] == []
    (way,) = loaded.config.fencings
    spec = registry.specs[Kind.FENCE, "azure"]
    names = {s: config.structure(spec, way.settings_for(s)).vm_name for s in ("node1", "node2")}
    assert names == {"node1": "node1", "node2": "node2"}
    assert way.timeout == 120_000


def test_its_role_is_the_one_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "etc/clpcore/conf.d"
    conf.mkdir(parents=True)
    (conf / "cluster.toml").write_text(_CONF)
    monkeypatch.setenv("CLP_ROOT", str(tmp_path))
    assert main(["azure", "role"]) == 0
    role = json.loads(capfd.readouterr().out)
    assert role["Actions"] == re.findall(r"^\| `(Microsoft\.[\w./]+)` \|", _TEXT, re.MULTILINE)
    assert f'--role "{role["Name"]}"' in _TEXT
    assert main(["azure", "scopes"]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+\.md)", _TEXT))))
def test_what_it_points_to_is_there(target: str) -> None:
    assert (_PAGE.parent / target).exists()
