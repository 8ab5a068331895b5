"""Who may import whom where import-linter does not look, and each module imports alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Rule = Callable[[str], bool]

# The editable root puts the repository on sys.path: importing these works here and nowhere else.
_NO_PACKAGES = {"contrib", "plugins", "tests"}


def _imported(source: str) -> Iterator[str]:
    """Give every module that the source imports by its full name, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from names if node.module == "clpcore" else [node.module]


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0].startswith(("clpcore", "clp_"))


def _plugin_may_import(package: str) -> Rule:
    def may(module: str) -> bool:
        top = module.split(".", maxsplit=1)[0]
        allowed = module == "clpcore.api" or top == package or top.startswith("clpcore_lib_")
        return allowed or not _is_ours(module)

    return may


def _core_may_import(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "clpcore" or not _is_ours(module)


def _anybody_may_import(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] not in _NO_PACKAGES


def _rules(path: Path) -> Iterator[Rule]:
    yield _anybody_may_import
    if path.parts[0] == "clpcore":
        yield _core_may_import
    if path.parts[0] == "plugins" and path.parts[2:3] == ("src",):
        yield _plugin_may_import(path.parts[3])


def _refused(path: Path, source: str) -> list[str]:
    rules = list(_rules(path))
    return [name for name in _imported(source) if not all(rule(name) for rule in rules)]


def test_nobody_imports_what_is_not_theirs(root: Path, files: tuple[Path, ...]) -> None:
    code = [path for path in files if path.suffix == ".py"]
    found = {str(path): _refused(path, (root / path).read_text()) for path in code}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("path", "source", "refused"),
    [
        ("plugins/exec/src/clpcore_exec/x.py", "from clpcore.api import Call", []),
        ("plugins/exec/src/clpcore_exec/x.py", "from clpcore import api", []),
        ("plugins/exec/src/clpcore_exec/x.py", "from clpcore_exec import y", []),
        ("plugins/exec/src/clpcore_exec/x.py", "import clpcore_lib_azure.arm, os", []),
        ("plugins/exec/src/clpcore_exec/x.py", "import clpcore", ["clpcore"]),
        ("plugins/exec/src/clpcore_exec/x.py", "from clpcore import model", ["clpcore.model"]),
        ("plugins/exec/src/clpcore_exec/x.py", "from clpcore.api.x import Y", ["clpcore.api.x"]),
        ("plugins/exec/src/clpcore_exec/x.py", "def f():\n import clpcore_lbpp", ["clpcore_lbpp"]),
        ("plugins/exec/src/clpcore_exec/x.py", "import clp_lab", ["clp_lab"]),
        ("clpcore/host/x.py", "from clpcore_exec import y", ["clpcore_exec"]),
        ("clpcore/host/x.py", "import clpcore.model", []),
        ("tests/host/test_x.py", "from tests.meta import conftest", ["tests.meta"]),
        ("contrib/clp-lab/src/clp_lab/x.py", "import plugins.exec", ["plugins.exec"]),
        ("contrib/clp-lab/src/clp_lab/x.py", "import clpcore.model", []),
    ],
)  # fmt: skip
def test_the_rule_refuses_what_it_should(path: str, source: str, refused: list[str]) -> None:
    assert _refused(Path(path), source) == refused


def _module(path: Path) -> str:
    """The name that ``import`` knows a file of a package by."""
    parts = path.with_suffix("").parts
    parts = parts[parts.index("src") + 1 :] if "src" in parts else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_IMPORT_EACH = """
import importlib, sys, threading
for name in sys.argv[1:]:
    for loaded in [m for m in sys.modules if m.split(".")[0].startswith(("clpcore", "clp_"))]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except Exception as problem:
        print(f"{name}: {problem!r}")
    if threading.active_count() > 1:
        print(f"{name}: starts a thread")
        break
"""


def _problems_of_importing(modules: list[str], folder: Path) -> str:
    command = [sys.executable, "-W", "error", "-c", _IMPORT_EACH, *modules]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


@pytest.mark.timeout(300)  # hundreds of modules, each with all that it imports
def test_every_module_imports_alone_without_a_warning(root: Path, files: tuple[Path, ...]) -> None:
    packaged = (path for path in files if path.parts[0] == "clpcore" or "src" in path.parts)
    code = (path for path in packaged if path.suffix == ".py" and path.stem != "__main__")
    assert _problems_of_importing(sorted(_module(path) for path in code), root) == ""


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import warnings; warnings.warn('old')", "UserWarning"),
        ("import clp_second", "partially initialized"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=[0.2]).start()",
            "thread",
        ),
    ],
)
def test_a_module_that_does_not_import_alone_is_seen(
    tmp_path: Path, source: str, complaint: str
) -> None:
    (tmp_path / "clp_first.py").write_text(f"{source}\nhere = 1\n")
    (tmp_path / "clp_second.py").write_text("from clp_first import here\n")
    assert complaint in _problems_of_importing(["clp_first"], tmp_path)
