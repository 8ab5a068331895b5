"""A revision is staged and checked by a process of its own, as this server would use it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore.config import revision
from clpcore.config.revision import FORMAT, File
from clpcore.model.revisions import About
from clpcore.runtime.places import Root
from clpcore.runtime.revisions import beginning, checking
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.revisions.checking import Checked, Job

_CONFIG = """
[cluster]
name = "test"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[group.failover1.resource.exec1]
type = "exec"
activate_timeout = 20
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A server that has committed revision 1."""
    made = Root(tmp_path)
    made.conf.mkdir(parents=True)
    (made.conf / "a.toml").write_text(_CONFIG)
    for name in ("start.sh", "stop.sh"):
        script = made.scripts / "failover1/exec1" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    begun = beginning.first(made)
    archive = Archive(made.revisions)
    archive.commit(begun.revision)
    archive.follow(begun.revision)
    return made


def _check(root: Root, **changes: Any) -> Checked:  # noqa: ANN401 - fields of the job
    job = Job(root=str(root.path), server="node1", number=2, about=About(by="root"))
    return asyncio.run(checking.check(attrs.evolve(job, **changes)))


def test_the_working_copy_is_staged_and_its_changes_are_known(root: Root) -> None:
    (root.conf / "b.toml").write_text("[monitor.pidw1]\ninterval = 3\n")
    (root.scripts / "failover1/exec1/start.sh").write_text("#!/bin/sh\n# new\n")
    checked = _check(root)
    assert not checked.error
    assert checked.findings == ()
    assert checked.changes == (
        ("monitor pidw1: interval", "at run time", ""),
        ("scripts/failover1/exec1/start.sh", "restarts the group", "failover1"),
    )
    assert (checked.restart, checked.servers) == (("failover1",), ("node1", "node2"))
    held = Archive(root.revisions).held(checked.revision.name if checked.revision else "")
    assert held is not None
    assert held[1].by == "root"
    assert (root.revisions / "staged/conf.d/b.toml").read_text().startswith("[monitor.pidw1]")


def test_what_is_committed_already_is_the_same(root: Root) -> None:
    assert _check(root).same


def test_errors_have_their_place(root: Root) -> None:
    (root.conf / "b.toml").write_text("[monitor.pidw1]\nintervall = 3\n")
    (finding,) = _check(root).findings
    assert (finding.file, finding.line) == ("conf.d/b.toml", 2)
    assert finding.key == "monitor.pidw1.intervall"
    assert "interval" in finding.remedy


def test_a_missing_script_is_a_reason_here(root: Root) -> None:
    edited = root.scripts / "failover1/exec1/stop.sh"
    edited.unlink()
    (finding,) = _check(root).findings
    assert finding.what == f"There is no file {edited}."


def test_a_server_that_is_none_of_the_servers_refuses(root: Root) -> None:
    (root.conf / "b.toml").write_text("# edited\n")
    (finding,) = _check(root, server="node9").findings
    assert finding.what == "node9 itself is none of its servers."


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (FORMAT + b"644 1 conf.d/../../../escaped.toml\nx\n", "begins with a dot"),
        (FORMAT + b"644 1 scripts/../../cluster.key\nx\n", "begins with a dot"),
        (FORMAT + b"644 99999999 conf.d/a.toml\nx\n", "has no end"),
        (b"\x1f\x8b" + b"\0" * 100, "first line"),
    ],
)
def test_a_hostile_bundle_writes_nothing(root: Root, bundle: bytes, why: str) -> None:
    path = root.revisions / "received"
    path.write_bytes(bundle)
    before = sorted(root.path.rglob("*"))
    checked = _check(root, bundle=str(path))
    assert why in checked.error
    assert sorted(root.path.rglob("*")) == before


def test_another_digest_than_was_asked_for_is_refused(root: Root) -> None:
    path = root.revisions / "received"
    path.write_bytes(revision.pack({"conf.d/a.toml": File(0o644, _CONFIG.encode())}))
    assert "its digest is another one" in _check(root, bundle=str(path), digest="0" * 64).error
    assert not (root.revisions / "staged").exists()


def test_a_check_that_dies_is_an_error(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_MODULE", "clpcore.nothing")
    assert "gave no answer" in _check(root).error


@pytest.mark.parametrize(
    "source",
    [
        "import os; os._exit(3)",
        "import os, time\nif os.fork() == 0: time.sleep(600)",
        "import os; os.fork()",
        "import os; os.write(1, b'{}')",
    ],
)
def test_a_plugin_that_ends_or_forks_keeps_nobody_from_the_answer(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    site = tmp_path / "site"
    (site / "bad-1.0.dist-info").mkdir(parents=True)
    (site / "bad-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n"
    )
    (site / "bad-1.0.dist-info/entry_points.txt").write_text("[clpcore.plugins]\nbad = bad\n")
    (site / "bad.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(checking, "_PATIENCE", 15.0)
    (root.conf / "b.toml").write_text("[monitor.pidw1]\ninterval = 3\n")
    checked = _check(root)
    assert (checked.error, checked.findings) == ("", ())
    assert [change[0] for change in checked.changes] == ["monitor pidw1: interval"]
