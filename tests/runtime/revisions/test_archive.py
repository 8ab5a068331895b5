"""Kept revisions: one link commits, whatever a crash leaves behind is not taken for committed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from clpcore.model.revisions import About, Revision
from clpcore.runtime.revisions import archive as archives
from clpcore.runtime.revisions.archive import Archive, BrokenArchive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "revisions")


def _stage(archive: Archive, number: int, text: str, **about: str) -> Revision:
    data = text.encode()
    revision = Revision(number, hashlib.sha256(data).hexdigest())
    archive.stage(revision, About(at=number, **about), data)
    return revision


def _commit(archive: Archive, number: int, text: str = "") -> Revision:
    revision = _stage(archive, number, text or f"text {number}")
    archive.commit(revision)
    return revision


def test_nothing_is_kept_at_first(archive: Archive) -> None:
    assert archive.current() is None
    assert archive.all() == ()
    assert archive.find("1") is None
    archive.prune()


def test_what_is_committed_is_current(archive: Archive) -> None:
    first = _commit(archive, 1)
    second = _stage(archive, 2, "two", by="root", server="node1", comment="why")
    current = archive.current()
    assert current is not None
    assert current.revision == first
    archive.commit(second)
    current = archive.current()
    assert current is not None
    assert (current.revision, current.about.comment) == (second, "why")
    assert archive.bundle(current) == b"two"
    assert [kept.revision for kept in archive.all()] == [first, second]
    assert not archive.staged.exists()


def test_only_what_is_staged_is_committed(archive: Archive) -> None:
    first = _commit(archive, 1)
    with pytest.raises(BrokenArchive, match="is not staged"):
        archive.commit(Revision(2, "0" * 64))
    _stage(archive, 2, "two")
    with pytest.raises(BrokenArchive, match="is not staged"):
        archive.commit(Revision(2, "0" * 64))
    current = archive.current()
    assert current is not None
    assert current.revision == first


def test_a_commit_that_was_cut_short_did_not_happen(archive: Archive) -> None:
    """The folder has its name, the link does not name it yet."""
    first, second = _commit(archive, 1), _stage(archive, 2, "two")
    shutil.copytree(archive.staged, archive.folder / second.name)
    current = archive.current()
    assert current is not None
    assert current.revision == first
    again = _stage(archive, 2, "two")
    archive.commit(again)
    _stage(archive, 3, "three").name  # noqa: B018 - only staged
    (archive.folder / "000003-000000000000").mkdir()
    shutil.copytree(archive.staged, archive.folder / "000003-0123456789ab")
    archive.prune()
    assert not (archive.folder / "000003-0123456789ab").exists()


def test_revisions_are_found_by_number_name_and_digest(archive: Archive) -> None:
    first, second = _commit(archive, 1), _commit(archive, 2)
    for wanted, revision in [
        ("1", first),
        (first.name, first),
        (first.digest[:8], first),
        ("2", second),
    ]:
        found = archive.find(wanted)
        assert found is not None, wanted
        assert found.revision == revision
    assert archive.find("abc") is None


def test_of_one_number_the_committed_one_is_meant(archive: Archive) -> None:
    _commit(archive, 1, "mine")
    theirs = _commit(archive, 1, "theirs")
    found = archive.find("1")
    assert found is not None
    assert found.revision == theirs


def test_the_oldest_go(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_KEPT", 3)
    for number in range(1, 6):
        _commit(archive, number)
    archive.prune()
    assert [kept.revision.number for kept in archive.all()] == [3, 4, 5]


def test_damage_is_told(archive: Archive) -> None:
    revision = _commit(archive, 1)
    current = archive.current()
    assert current is not None
    (current.folder / "bundle").write_bytes(b"other")
    with pytest.raises(BrokenArchive, match="is damaged"):
        archive.bundle(current)
    (current.folder / "about.json").write_text("{")
    with pytest.raises(BrokenArchive, match="not there or not readable: take another"):
        archive.current()
    assert archive.held(revision.name) is None


def test_the_staged_one_is_given_to_others_by_its_name_alone(archive: Archive) -> None:
    staged = _stage(archive, 1, "one")
    held = archive.held(staged.name)
    assert held is not None
    assert held[2] == b"one"
    assert archive.held("../../etc") is None
    assert archive.held("000001-ffffffffffff") is None
