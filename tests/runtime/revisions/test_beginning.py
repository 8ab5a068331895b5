"""An agent starts with the committed revision; the working copy follows it, or is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from clpcore.config import revision, working
from clpcore.config.working import Folders
from clpcore.model.revisions import About, Revision
from clpcore.runtime.places import Root
from clpcore.runtime.revisions import beginning
from clpcore.runtime.revisions.archive import Archive


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = Root(tmp_path)
    made.conf.mkdir(parents=True)
    (made.conf / "a.toml").write_text("first")
    script = made.scripts / "g/r/start.sh"
    script.parent.mkdir(parents=True)
    script.write_text("start")
    script.chmod(0o755)
    return made


def _begin_first(root: Root) -> Revision:
    begun = beginning.first(root)
    assert begun.first
    archive = Archive(root.revisions)
    archive.commit(begun.revision)
    archive.follow(begun.revision)
    return begun.revision


def _commit(root: Root, number: int, **files: str) -> Revision:
    """Commit as an apply of another server does: the working copy here is as it was."""
    content = {
        f"conf.d/{name}.toml": revision.File(0o644, text.encode()) for name, text in files.items()
    }
    bundle = revision.pack(content)
    made = Revision(number, revision.digest(bundle))
    archive = Archive(root.revisions)
    working.write(content, Folders.below(archive.stage(made, About(), bundle)))
    archive.commit(made)
    return made


def test_the_working_copy_becomes_the_first_revision(root: Root) -> None:
    assert beginning.begin(root) is None
    first = _begin_first(root)
    begun = beginning.begin(root)
    assert begun is not None
    assert (begun.revision, begun.edited, begun.first) == (first, "", False)
    assert (begun.conf / "a.toml").read_text() == "first"
    assert (root.committed / "scripts/g/r/start.sh").stat().st_mode & 0o777 == 0o755


def test_what_is_only_staged_is_not_begun_with(root: Root) -> None:
    beginning.first(root)
    assert beginning.begin(root) is None


def test_an_edit_is_told_and_stays(root: Root) -> None:
    first = _begin_first(root)
    (root.conf / "a.toml").write_text("edited")
    (root.conf / "b.toml").write_text("new")
    begun = beginning.begin(root)
    assert begun is not None
    assert (begun.revision, begun.edited) == (first, "2 files differ")
    assert (begun.conf / "a.toml").read_text() == "first"
    assert (root.conf / "a.toml").read_text() == "edited"


def test_the_working_copy_follows_once(root: Root) -> None:
    _begin_first(root)
    second = _commit(root, 2, a="second", b="more")
    begun = beginning.begin(root)
    assert begun is not None
    assert (begun.revision, begun.edited) == (second, "")
    assert (root.conf / "a.toml").read_text() == "second"
    assert (root.conf / "b.toml").read_text() == "more"
    assert not (root.scripts / "g/r/start.sh").exists()
    (root.conf / "b.toml").unlink()  # an edit towards what was before is an edit all the same
    (root.conf / "a.toml").write_text("first")
    begun = beginning.begin(root)
    assert begun is not None
    assert begun.edited == "2 files differ"
    assert (root.conf / "a.toml").read_text() == "first"


def test_an_unfinished_edit_is_never_overwritten(root: Root) -> None:
    _begin_first(root)
    (root.conf / "a.toml").write_text("unfinished")
    _commit(root, 2, a="second")
    for _ in range(2):
        begun = beginning.begin(root)
        assert begun is not None
        assert begun.edited
        assert (root.conf / "a.toml").read_text() == "unfinished"


def test_a_damaged_folder_is_made_whole_from_the_bundle(root: Root) -> None:
    _begin_first(root)
    (root.committed / "conf.d/a.toml").write_text("damaged")
    (root.committed / "conf.d/extra.toml").write_text("foreign")
    begun = beginning.begin(root)
    assert begun is not None
    assert (begun.conf / "a.toml").read_text() == "first"
    assert not (begun.conf / "extra.toml").exists()


def test_a_damaged_bundle_is_told(root: Root) -> None:
    _begin_first(root)
    (root.committed / "bundle").write_bytes(b"x")
    with pytest.raises(beginning.Unusable, match="is damaged"):
        beginning.begin(root)
