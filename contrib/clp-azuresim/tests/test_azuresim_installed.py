"""What its distribution asks for: with the extra `lab`, every rehearsal finds its drivers."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[3]
_LAB = tomllib.loads((_ROOT / "contrib/clp-azuresim/pyproject.toml").read_text())["project"][
    "optional-dependencies"
]["lab"]
_WANTED = {each.partition(">")[0] for each in _LAB}


def _types(table: Any) -> Iterator[str]:  # noqa: ANN401 - TOML
    if isinstance(table, dict):
        if isinstance(table.get("type"), str):
            yield table["type"]
        for each in table.values():
            yield from _types(each)


def _configured() -> set[str]:
    """Give the types of drivers in the guide's clusters; alerts are the core's own."""
    found = set()
    for file in sorted((_ROOT / "conf.d").glob("azure-*/**/*.toml")):
        tables = tomllib.loads(file.read_text())
        tables.pop("alert", None)
        found |= set(_types(tables))
    return found


def test_the_lab_brings_every_driver_of_the_guides_clusters() -> None:
    bring: dict[str, set[str]] = {}
    for project in sorted(_ROOT.glob("plugins/*/pyproject.toml")):
        name = tomllib.loads(project.read_text())["project"]["name"]
        sources = "".join(each.read_text() for each in project.parent.glob("src/**/*.py"))
        for type_ in _configured():
            if f'name="{type_}"' in sources:
                bring.setdefault(type_, set()).add(name)
    assert bring.keys() == _configured()
    assert {type_ for type_, names in bring.items() if not names & _WANTED} == set()


def test_the_lab_brings_the_service_that_rehearsals_start() -> None:
    folder = _ROOT / "contrib/clp-azuresim/src/clp_azuresim/rehearsals"
    started = "".join(each.read_text() for each in folder.glob("*.py"))
    assert "clpcore_azureevents.main" in started
    assert "clpcore-azureevents" in _WANTED
