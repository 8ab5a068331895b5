"""Rules for every file: what must not be written in any, and how long one may be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# Put together here, so that this file passes its own test.
_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("crates", "io"),
    )
)
_PATHS = r"(?<![\w.})>$-])/(?:work/(?:main|shared|\.)|root/\.|opt/(?:pypi|wheels))"
_FORBIDDEN = re.compile("|".join([_PATHS, *map(re.escape, _HOSTS)]), re.IGNORECASE)

_LONGEST = 400  # lines; past it ask whether two ideas share the file
_LONGER_BECAUSE: dict[str, str] = {  # path: why it is one idea all the same
    "plugins/exec/tests/test_exec_scripts.py": "what may become of one pair of scripts",
    "tests/ctl/test_ctl_dialogues.py": "every situation that operators read of, in a few lines",
    "tests/runtime/test_agent.py": "the life of one real agent, from start to end",
    "tests/runtime/test_main.py": "`clp agent` as a process: every way to start and to end",
}


def _forbidden(text: str) -> list[str]:
    return [found.group() for found in _FORBIDDEN.finditer(text)]


def test_no_registry_host_and_no_path_of_a_machine(root: Path, files: tuple[Path, ...]) -> None:
    found = {
        str(path): words
        for path in files
        if (words := _forbidden((root / path).read_bytes().decode(errors="replace")))
    }
    assert not found


@pytest.mark.parametrize("host", _HOSTS)
def test_a_registry_host_is_seen(host: str) -> None:
    assert _forbidden(f"get it from https://files.{host.upper()}/simple")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("cd /work" + "/main", True),
        ('"/root' + '/.venv"', True),
        ("network/work" + "/main", False),
        ("{base}/work" + "/main", False),
    ],
)
def test_a_path_of_a_machine_is_seen(*, text: str, seen: bool) -> None:
    assert bool(_forbidden(text)) is seen


def test_no_lock_file_is_committed(root: Path) -> None:
    assert "uv.lock" in (root / ".gitignore").read_text().splitlines()


def test_long_files_have_a_reason(root: Path, files: tuple[Path, ...]) -> None:
    lengths = {
        str(path): len((root / path).read_text().splitlines())
        for path in files
        if path.suffix == ".py"
    }
    long = {path: lines for path, lines in lengths.items() if lines > _LONGEST}
    assert {path: long[path] for path in long if path not in _LONGER_BECAUSE} == {}
    assert set(_LONGER_BECAUSE) <= set(long), "no longer too long: take it off the list"
