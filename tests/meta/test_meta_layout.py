"""The tree has the shape a stranger expects: rooms with a purpose, distributions of one form."""

from __future__ import annotations

import ast
import importlib.metadata
import re
from pathlib import Path
from typing import Any

import pytest

Members = dict[Path, dict[str, Any]]

_SEEDS = {"pip", "setuptools"}  # `python -m venv` brings them


def _packages(files: tuple[Path, ...]) -> list[Path]:
    """Folders with Python code that is imported by name."""
    code = (path for path in files if path.suffix == ".py")
    return sorted({path.parent for path in code if {"clpcore", "src"} & set(path.parts)})


def test_every_package_says_its_purpose_in_one_sentence(
    root: Path, files: tuple[Path, ...]
) -> None:
    wrong = {}
    for package in _packages(files):
        init = root / package / "__init__.py"
        docstring = (ast.get_docstring(ast.parse(init.read_text())) if init.exists() else "") or ""
        if not docstring.endswith(".") or re.search(r"[.!?]\s", docstring):
            wrong[str(package)] = docstring
    assert not wrong


def test_every_distribution_is_typed(root: Path, members: Members) -> None:
    markers = ["clpcore/py.typed"]
    markers += [f"{folder}/src/{_package(folder)}/py.typed" for folder in members]
    assert [marker for marker in markers if not (root / marker).exists()] == []


def _package(folder: Path) -> str:
    prefix = "clpcore_" if folder.parts[0] == "plugins" else ""
    return prefix + folder.name.replace("-", "_")


def _plugin_problems(root: Path, folder: Path, project: dict[str, Any]) -> list[str]:
    """What keeps a plugin from being one distribution like the others."""
    name, package = f"clpcore-{folder.name.replace('_', '-')}", _package(folder)
    groups = project["project"].get("entry-points", {})
    named = groups.get("clpcore.plugins", {}), groups.get("clpcore.checks", {})
    serves = {point.partition(".")[0] for group in named for point in group.values()}
    readme = root / folder / "README.md"
    said = readme.read_text().splitlines() if readme.exists() else []
    rules = {
        f"[project] name is {name}": project["project"]["name"] == name,
        "it says nothing of the workspace": set(project) == {"build-system", "project"},
        f"an entry point is in the package {package}; a library has none": (
            (package in serves) != folder.name.startswith("lib_")
        ),
        "its README has its name and then what it is **not for**": (
            said[:1] == [f"# {name}"] and said[2:3] != [] and said[2].startswith("**Not for**")
        ),
        f"its code is in src/{package}": (root / folder / "src" / package / "__init__.py").exists(),
        "it has tests of its own": any((root / folder / "tests").glob(f"test_{folder.name}_*.py")),
    }
    return [f"{folder}: not so: {rule}" for rule, holds in rules.items() if not holds]


def test_every_plugin_is_one_distribution(root: Path, members: Members) -> None:
    plugins = {folder: p for folder, p in members.items() if folder.parts[0] == "plugins"}
    assert plugins
    found = (_plugin_problems(root, folder, project) for folder, project in plugins.items())
    assert [problem for problems in found for problem in problems] == []


def test_a_misshapen_plugin_is_seen(tmp_path: Path) -> None:
    project = {"project": {"name": "other"}, "build-system": {}, "tool": {"uv": {}}}
    assert len(_plugin_problems(tmp_path, Path("plugins/exec"), project)) == 6


def test_every_contributed_distribution_is_named_after_its_folder(members: Members) -> None:
    contributed = {folder.name: p for folder, p in members.items() if folder.parts[0] == "contrib"}
    assert {name: project["project"]["name"] for name, project in contributed.items()} == {
        name: name for name in contributed
    }


def test_mypy_knows_where_every_member_begins(members: Members, settings: dict[str, Any]) -> None:
    # A folder with a dash is no package name to mypy: its tests begin at the member itself.
    bases = {f"{folder}/src" for folder in members}
    bases |= {str(folder) for folder in members if not folder.name.isidentifier()}
    bases |= {"contrib/azure-smoke", "contrib/dev"}  # scripts, which import what lies beside them
    assert settings["tool"]["mypy"]["mypy_path"] == sorted(bases)


def test_whatever_is_installed_is_pinned(members: Members, settings: dict[str, Any]) -> None:
    pinned = dict(pin.split("==") for pin in settings["tool"]["uv"]["constraint-dependencies"])
    ours = {"clpcore", *(project["project"]["name"] for project in members.values())}
    installed = {
        re.sub(r"[-_.]+", "-", found.name).lower(): found.version
        for found in importlib.metadata.distributions()
    }
    others = {name: installed[name] for name in installed if name not in ours | _SEEDS}
    assert others == {name: pinned.get(name) for name in others}


@pytest.mark.parametrize("target", ["setup", "demo", "check", "test", "bench"])
def test_the_makefile_has_what_the_readme_promises(root: Path, target: str) -> None:
    assert re.search(rf"^{target}:.*## ", (root / "Makefile").read_text(), re.MULTILINE)
