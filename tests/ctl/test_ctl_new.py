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


@pytest.mark.parametrize("name", ["class", "none", "true", "async", "config", "world"])
def test_a_name_that_would_break_the_code(clp: Clp, here: Path, name: str) -> None:
    _, complaint, code = clp(f"new resource {name}")
    assert (code, "a word of the code" in complaint) == (Exit.USAGE, True)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("resource fipw", ""),  # only a monitor has it
        ("monitor fipw", "monitor 'fipw' already comes from plugin fip of clpcore-fip"),
        ("monitor lbpp", "a plugin lbpp is installed here already"),
        ("resource lab", "the distribution clp-lab is installed here already"),
        ("monitor example", "the distribution clp-example is installed here already"),
        ("resource beacon", "the package clp_beacon is installed here already"),
    ],
)
def test_a_name_that_is_taken(
    clp: Clp, here: Path, monkeypatch: pytest.MonkeyPatch, line: str, taken: str
) -> None:
    site = here / "site"
    site.mkdir()
    (site / "clp_beacon.py").write_text("raise AssertionError('it is not imported')")
    monkeypatch.syspath_prepend(site)
    _, complaint, code = clp(f"new {line}")
    assert taken in complaint
    assert code == (Exit.REFUSED if taken else Exit.DONE)
    assert (here / "clp-fipw").exists() is not bool(taken)


def test_nothing_is_overwritten(clp: Clp, here: Path) -> None:
    (here / "clp-beacon").mkdir()
    (here / "clp-beacon" / "mine").write_text("precious")
    _, complaint, code = clp("new resource beacon")
    assert (code, "nothing is overwritten" in complaint) == (Exit.REFUSED, True)
    assert [path.name for path in here.rglob("*") if path.is_file()] == ["mine"]
