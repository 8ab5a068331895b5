"""`clp new`: a plugin to fill in, whole or not at all; tests/outside installs and fills it."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore.ctl.ends import Exit

Clp = Callable[[str], tuple[str, str, int]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["resource", "monitor"])
def test_it_writes_a_distribution(clp: Clp, here: Path, kind: str) -> None:
    out, _, code = clp(f"new {kind} beacon")
    assert (code, "Wrote clp-beacon" in out) == (Exit.DONE, True)
    made = here / "clp-beacon"
    project = tomllib.loads((made / "pyproject.toml").read_text())
    assert project["project"]["name"] == "clp-beacon"
    assert project["project"]["entry-points"]["clpcore.plugins"] == {"beacon": "clp_beacon"}
    for file in made.rglob("*.py"):
        ast.parse(file.read_text())
    texts = [path.read_text() for path in made.rglob("*") if path.is_file()]
    assert [text for text in texts if "@NAME@" in text or "@CLASS@" in text] == []


def test_the_folder_can_be_named(clp: Clp, here: Path) -> None:
    out, _, _ = clp("new monitor beacon --folder deep/down --json")
    told = json.loads(out)
    assert (told["ok"], told["folder"]) == (True, "deep/down")
    assert all((here / "deep/down" / name).is_file() for name in told["files"])


@pytest.mark.parametrize("name", ["Beacon", "be-acon", "2beacon", "../beacon", "b" * 40, "''"])
def test_a_name_that_is_none(clp: Clp, here: Path, name: str) -> None:
    _, complaint, code = clp(f"new resource {name}")
    assert (code, "is no name of a driver" in complaint) == (Exit.USAGE, True)
    assert list(here.iterdir()) == []


def test_a_name_that_is_taken(clp: Clp, here: Path) -> None:
    _, complaint, code = clp("new resource lbpp")
    assert code == Exit.REFUSED
    assert "resource 'lbpp' already comes from plugin lbpp of clpcore-lbpp" in complaint
    assert list(here.iterdir()) == []


def test_nothing_is_overwritten(clp: Clp, here: Path) -> None:
    (here / "clp-beacon").mkdir()
    (here / "clp-beacon" / "mine").write_text("precious")
    _, complaint, code = clp("new resource beacon")
    assert (code, "nothing is overwritten" in complaint) == (Exit.REFUSED, True)
    assert [path.name for path in here.rglob("*") if path.is_file()] == ["mine"]
