"""The reference pages say what the code does: made again in memory, they are the same."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from clpcore import api
from clpcore.ctl.main import COMMANDS, externals
from clpcore.messages.catalogue import entries

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "docs/reference"
_BY_HAND = {"benchmark.md", "mutations.md"}


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    folder = str(_ROOT / "contrib/dev")
    sys.path.insert(0, folder)  # as for the script
    spec = importlib.util.spec_from_file_location("reference", _ROOT / "contrib/dev/reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def pages(generator: ModuleType) -> dict[str, str]:
    made: dict[str, str] = generator.pages()
    return made


def test_every_page_is_what_the_code_says(pages: dict[str, str]) -> None:
    there = {
        str(path.relative_to(_FOLDER)): path.read_text("utf-8") for path in _FOLDER.rglob("*.md")
    }
    for name in _BY_HAND:
        there.pop(name, None)
    wrong = [
        line
        for name in sorted(there.keys() | pages.keys())
        for line in difflib.unified_diff(
            there.get(name, "").splitlines(), pages.get(name, "").splitlines(), name, "made", n=0
        )
    ]
    assert wrong == [], "run `make docs`, and commit what it has written"


def test_every_command_and_message_is_there(pages: dict[str, str]) -> None:
    for word in (*COMMANDS, *externals()):
        assert f"\n## clp {word}\n" in pages["commands.md"]
    assert "usage: clp azure role" in pages["commands.md"]
    assert "\n### clp lab rehearse\n" in pages["commands.md"]
    for key, entry in entries().items():
        assert f"| `{key}` | {entry.severity.value} |" in pages["messages.md"]


def test_every_name_of_the_api_is_there(pages: dict[str, str]) -> None:
    public = {
        name
        for name, thing in vars(api).items()
        if not name.startswith("_") and not isinstance(thing, ModuleType) and name != "annotations"
    }
    there = re.findall(r"^### (\w+)$", pages["api.md"], re.MULTILINE)
    assert sorted(there) == sorted(public)
    for port in (name for name in vars(api.Ports) if not name.startswith("_")):
        assert f"| [{port}](#ports{port}) |" in pages["api.md"]


def test_every_parameter_of_the_api_is_told() -> None:
    mute = [
        f"{cls.__name__}.{name}: {parameter}"
        for cls in (api.Ports, api.Register)
        for name, method in vars(cls).items()
        if inspect.isfunction(method) and name[0] != "_"
        for parameter in list(inspect.signature(method).parameters)[1:]
        if not re.search(rf"\b{parameter}\b", method.__doc__ or "")
    ]
    assert mute == []


def test_every_anchor_leads_to_a_heading(pages: dict[str, str]) -> None:
    text = pages["api.md"]
    headings = {
        title.lower().replace(".", "").replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_every_link_leads_somewhere(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            target = (_FOLDER / name).parent / link
            assert target.resolve().exists(), f"{name}: {link}"


def test_no_table_has_a_line_that_breaks_it(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        width = 0
        for line in text.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert not cells or not width or cells == width, f"{name}: {line}"
            width = cells
