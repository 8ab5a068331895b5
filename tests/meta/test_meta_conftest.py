"""The root's conftest.py fails what leaks, and excuses `netns` tests only where they cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def _run(folder: Path, root: Path, tests: str) -> str:
    """Run the tests under the root's conftest.py and settings; give pytest's output."""
    conftest = (root / "conftest.py").read_text()
    (folder / "conftest.py").write_text(conftest.replace("_GRACE = 2.0", "_GRACE = 0.1"))
    (folder / "pyproject.toml").write_text((root / "pyproject.toml").read_text())
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return run.stdout.strip()


_LEAKS = """
import os, threading

def test_environment(): os.environ["LEFT"] = "1"
def test_thread(): threading.Thread(target=threading.Event().wait, daemon=True).start()
def test_process(): os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
def test_innocent(): pass
"""


def test_a_leak_fails_its_test_and_no_other(tmp_path: Path, root: Path) -> None:
    said = _run(tmp_path, root, _LEAKS)
    assert "4 passed, 3 errors" in said.splitlines()[-1]
    for complaint in ("use monkeypatch", "threads still run", "not ended and waited for"):
        assert complaint in said


_NETNS = """
import os, pytest

os.environ["PATH"] = ""
os.geteuid = lambda: {uid}
pytestmark = pytest.mark.netns
def test_one(): pass
def test_two(): pass
"""


@pytest.mark.parametrize(
    ("uid", "last"),
    [(0, "2 passed"), (1000, "2 skipped")],
    ids=["root", "a user without namespaces"],
)
def test_netns_is_excused_in_one_line(tmp_path: Path, root: Path, uid: int, last: str) -> None:
    said = _run(tmp_path, root, _NETNS.format(uid=uid))
    assert last in said.splitlines()[-1]
    assert said.count("SKIPPED [2]") == (uid != 0)
