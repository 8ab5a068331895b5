"""What the tests that read the tree share: its root, its files, its members."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return _ROOT


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """The root's pyproject.toml."""
    return tomllib.loads((_ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def files() -> tuple[Path, ...]:
    """Every file that belongs to the repository; relative to the root, sorted.

    Our .gitignore holds plain names only, so that no git is needed here.
    """
    lines = (_ROOT / ".gitignore").read_text().splitlines()
    ignored = {".git", *(line.strip("/") for line in lines if not line.startswith("#"))}
    return tuple(sorted(_walk(_ROOT, ignored)))


def _walk(folder: Path, ignored: set[str]) -> list[Path]:
    found: list[Path] = []
    for path in folder.iterdir():
        if path.name in ignored:
            continue
        found += _walk(path, ignored) if path.is_dir() else [path.relative_to(_ROOT)]
    return found


@pytest.fixture(scope="session")
def members(settings: dict[str, Any]) -> dict[Path, dict[str, Any]]:
    """The pyproject.toml of every member of the workspace, by its folder relative to the root."""
    globs = settings["tool"]["uv"]["workspace"]["members"]
    folders = sorted(path for glob in globs for path in _ROOT.glob(glob) if path.is_dir())
    return {
        folder.relative_to(_ROOT): tomllib.loads((folder / "pyproject.toml").read_text())
        for folder in folders
    }
