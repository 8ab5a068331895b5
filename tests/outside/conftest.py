"""A third party's point of view: wheels in a fresh environment that knows nothing of this tree."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import attrs
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_UV = Path(sys.executable).with_name("uv")
_OURS = {"clpcore"}


@attrs.frozen
class Environment:
    """A virtual environment of its own, with what clpcore needs, and clpcore as a wheel."""

    folder: Path
    wheels: Path

    def install(self, *what: str | Path) -> None:
        """Install wheels or folders; every requirement must be met by what is there."""
        self._uv("install", "--no-index", "--no-deps", "--find-links", self.wheels, *what)
        self._uv("check")

    def run(self, program: str, *args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, in an empty folder."""
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return subprocess.run(
            [self.folder / "bin" / program, *args],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=env.pop("cwd", str(self.folder)),
            env=clean | {"CLP_ROOT": str(self.folder / "root"), **env},
        )

    def _uv(self, *args: str | Path) -> None:
        python = self.folder / "bin" / "python"
        argv = [_UV, "pip", args[0], "--quiet", "--offline", "--python", python, *args[1:]]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


Fresh: TypeAlias = Callable[[], Environment]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of clpcore and of the example."""
    out = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, ROOT / "contrib" / "clp-example"):
        argv: list[str | Path] = [
            _UV,
            "build",
            "--quiet",
            "--offline",
            "--wheel",
            "--out-dir",
            out,
            project,
        ]
        subprocess.run(argv, check=True, timeout=60)
    return out


@pytest.fixture
def environment(tmp_path: Path, wheels: Path) -> Environment:
    """Make one, with the third parties' distributions of ours: no index may be asked here."""
    folder = tmp_path / "venv"
    argv: list[str | Path] = [
        _UV,
        "venv",
        "--quiet",
        "--offline",
        "--python",
        sys.executable,
        folder,
    ]
    subprocess.run(argv, check=True, timeout=60)
    (site,) = folder.glob("lib/python*/site-packages")
    for path in _needed("clpcore", {"testing"}):
        if path.suffix == ".dist-info":
            shutil.copytree(path, site / path.name)  # uv does not look behind links
        elif not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    made = Environment(folder, wheels)
    made.install("clpcore")
    return made


def _needed(distribution: str, extras: set[str]) -> Iterator[Path]:
    """Give what stands in our site-packages for all that *distribution* requires."""
    wanted, seen = [(distribution, extras)], set[str]()
    while wanted:
        name, with_extras = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        found = importlib.metadata.distribution(name)
        for line in found.requires or ():
            requirement = Requirement(line)
            places = [{"extra": extra} for extra in (*with_extras, "")]
            if not requirement.marker or any(map(requirement.marker.evaluate, places)):
                wanted.append((canonicalize_name(requirement.name), set(requirement.extras)))
        if name not in _OURS:
            yield from _parts(found)


def _parts(found: importlib.metadata.Distribution) -> Iterator[Path]:
    """Give the top-level files and folders of a distribution."""
    site = Path(str(found.locate_file("")))
    tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
    yield from (site / top for top in sorted(tops))
