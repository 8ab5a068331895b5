"""`clp keygen`: one new key, for root alone, never over another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore.ctl.ends import Exit
from clpcore.wire import keys

Clp = Callable[[str], tuple[str, str, int]]


@pytest.fixture
def key(root: Path) -> Path:
    return root / "etc/clpcore/cluster.key"


def test_the_key_can_be_used_and_only_root_reads_it(clp: Clp, key: Path) -> None:
    was = os.umask(0)
    try:
        out, _, code = clp("keygen")
    finally:
        os.umask(was)
    assert (code, str(key) in out) == (Exit.DONE, True)
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(keys.parse(key.read_bytes(), str(key)).keys) == 1
    assert [path.name for path in key.parent.iterdir()] == ["cluster.key"]


def test_two_keys_differ(clp: Clp, key: Path) -> None:
    clp("keygen")
    first = key.read_text()
    key.unlink()
    clp("keygen --json")
    assert key.read_text() != first


def test_a_key_is_never_overwritten(clp: Clp, key: Path) -> None:
    key.parent.mkdir(parents=True)
    key.write_text("precious")
    _, complaint, code = clp("keygen")
    assert (code, "exists and is not overwritten" in complaint) == (Exit.REFUSED, True)
    assert key.read_text() == "precious"
    assert [path.name for path in key.parent.iterdir()] == ["cluster.key"]


def test_a_place_that_cannot_be_written(clp: Clp, root: Path) -> None:
    (root / "etc").write_text("a file in the way")
    _, complaint, code = clp("keygen")
    assert (code, "cannot write" in complaint) == (Exit.REFUSED, True)


def test_the_key_is_never_printed(clp: Clp, key: Path) -> None:
    out, err, _ = clp("keygen")
    secret = key.read_text().split()[-1]
    assert secret not in out + err
