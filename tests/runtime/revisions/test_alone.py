"""A server whose committed revision cannot be used gets another one without an agent."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from clpcore.model.ids import Boot
from clpcore.model.kept import BootKept
from clpcore.model.revisions import About
from clpcore.runtime import clock, startup
from clpcore.runtime.places import Root, Whereabouts
from clpcore.runtime.revisions import alone, beginning
from clpcore.runtime.revisions.alone import CannotApply
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.store import boots
from clpcore.wire import values

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
"""
_LOST = '[group.g.resource.r]\ntype = "uninstalled"\n'


@pytest.fixture
def where(tmp_path: Path) -> Whereabouts:
    """Where revision 1 can be used, and 2, the committed one, cannot any more."""
    root = Root(tmp_path)
    root.conf.mkdir(parents=True)
    (root.conf / "a.toml").write_text(_CONFIG)
    kept, begun = Archive(root.revisions), beginning.first(root)
    kept.commit(begun.revision)
    (root.conf / "b.toml").write_text(_LOST)
    second = attrs.evolve(beginning.first(root).revision, number=2)
    staged = (kept.staged / "bundle").read_bytes()
    kept.stage(second, About(), staged)
    kept.commit(second)
    return Whereabouts(root=root, server="node1", lab=True)


def test_a_former_revision_becomes_the_newest(where: Whereabouts) -> None:
    """With a new number, so that servers that have the broken one adopt it."""
    kept = Archive(where.root.revisions)
    first = kept.find("1")
    with alone.taken(where) as here:
        checked = here.check("1", "")
        assert checked.findings == ()
        here.commit(checked)
    now = kept.current()
    assert now is not None
    assert first is not None
    assert (now.revision.number, now.revision.digest) == (3, first.revision.digest)
    assert now.about.comment == f"as {first.revision.name}"


def test_the_working_copy_is_checked_as_by_an_agent(where: Whereabouts) -> None:
    with alone.taken(where) as here:
        (finding,) = here.check("", "").findings  # the same is no better than what is committed
        assert finding.key == "group.g.resource.r.type"
        (where.root.conf / "b.toml").write_text("[monitor.m]\n")
        assert here.check("", "").findings
        (where.root.conf / "b.toml").write_text("")
        here.commit(here.check("", "mended"))
    now = Archive(where.root.revisions).current()
    assert now is not None
    assert (now.revision.number, now.about.comment) == (3, "mended")
    assert not (where.root.revisions / "staged").exists()


def test_also_when_the_committed_one_is_damaged(where: Whereabouts) -> None:
    kept = Archive(where.root.revisions)
    now = kept.current()
    assert now is not None
    (now.folder / "about.json").unlink()
    with alone.taken(where) as here:
        here.commit(here.check("1", ""))
    now = kept.current()
    assert now is not None
    assert now.revision.number == 3


def test_not_beside_an_agent(where: Whereabouts) -> None:
    lock = startup.take_lock(where.root.lock)
    try:
        with pytest.raises(CannotApply, match="another agent"), alone.taken(where):
            pass
    finally:
        os.close(lock)


def test_not_while_a_group_may_run_here(where: Whereabouts) -> None:
    boot = Boot(1, clock.boot_id(where.root.boot_id))
    held = BootKept(held={"g": 3})
    memory = boots.Memory(life=boots.Life(boot, 1), run=held)
    boots.write(where.root.boot, values.to_json(memory))
    with alone.taken(where) as here:
        with pytest.raises(CannotApply, match="g may still run here"):
            here.must_have_left()
        other = attrs.evolve(memory, life=boots.Life(Boot(1, "another"), 1))
        boots.write(where.root.boot, values.to_json(other))
        here.must_have_left()


def test_what_is_not_there_is_refused(where: Whereabouts) -> None:
    with alone.taken(where) as here, pytest.raises(CannotApply, match="no revision 9"):
        here.check("9", "")
    empty = attrs.evolve(where, root=Root(where.root.path / "empty"))
    with alone.taken(empty) as here, pytest.raises(CannotApply, match="no revision is kept"):
        here.check("", "")
