"""The reference pages say what the code does: made again in memory, they are the same."""

from __future__ import annotations

import difflib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from clpcore.ctl.main import COMMANDS
from clpcore.messages.catalogue import entries

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "docs/reference"
_BY_HAND = {"benchmark.md"}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", _ROOT / "contrib/dev/reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    for word in COMMANDS:
        assert f"\n## clp {word}\n" in pages["commands.md"]
    for key, entry in entries().items():
        assert f"| `{key}` | {entry.severity.value} |" in pages["messages.md"]


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
