"""contrib/clp-example as a third party ships it: a wheel, in an environment without this tree."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parents[2] / "contrib" / "clp-example" / "tests"


@pytest.fixture
def example(environment: Any) -> Any:  # noqa: ANN401 - conftest's Environment
    environment.install("clp-example")
    return environment


def test_its_drivers_are_there_and_nothing_of_ours(example: Any) -> None:  # noqa: ANN401
    shown = json.loads(example.run("clp", "plugins", "--json").stdout)
    assert shown["refused"] == []
    assert [(one["kind"], one["name"], one["distribution"]) for one in shown["drivers"]] == [
        ("resource", "echo", "clp-example"),
        ("monitor", "echow", "clp-example"),
    ]


def test_its_kit_is_green_there(example: Any, tmp_path: Path) -> None:  # noqa: ANN401
    shutil.copytree(_TESTS, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    done = example.run("python", "-m", "pytest", "-q", "-W", "error", cwd=str(tmp_path / "tests"))
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d\d passed in ", done.stdout, re.MULTILINE), done.stdout
