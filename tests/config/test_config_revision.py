"""A bundle is the same for the same files; one that is not ours, or hostile, is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.config import difference, revision, working
from clpcore.config.revision import FORMAT, BadBundle, File
from clpcore.config.working import Folders
from clpcore.model.revisions import MOST_BYTES

_NAMES = st.text("abcé_-1", min_size=1, max_size=5)
_PATHS = st.one_of(
    st.builds("conf.d/{}.toml".format, _NAMES),
    st.builds("scripts/{}g/{}r/{}".format, _NAMES, _NAMES, _NAMES),
)
_FILES = st.dictionaries(
    _PATHS, st.builds(File, st.integers(0, 0o777), st.binary(max_size=40)), max_size=6
)


@given(_FILES)
def test_what_was_packed_is_unpacked(files: dict[str, File]) -> None:
    bundle = revision.pack(files)
    assert revision.unpack(bundle) == files
    assert revision.pack(dict(reversed(files.items()))) == bundle


@given(_FILES, st.data())
def test_a_damaged_bundle_never_passes_for_the_same(
    files: dict[str, File], data: st.DataObject
) -> None:
    bundle = bytearray(revision.pack(files))
    at = data.draw(st.integers(0, len(bundle) - 1))
    bundle[at] ^= data.draw(st.integers(1, 255))
    try:
        found = revision.unpack(bytes(bundle))
    except BadBundle:
        return
    assert revision.pack(found) == bundle
    assert revision.digest(bytes(bundle)) != revision.digest(revision.pack(files))


def _entry(path: str, data: bytes = b"x", mode: str = "644") -> bytes:
    return f"{mode} {len(data)} {path}\n".encode() + data + b"\n"


@pytest.mark.parametrize(
    "path",
    [
        "conf.d/../../../etc/passwd.toml",
        "/etc/clpcore/conf.d/a.toml",
        "conf.d/a.sh",
        "conf.d/sub/a.toml",
        "conf.d/.a.toml",
        "scripts/../cluster.key",
        "scripts/g/./start.sh",
        "scripts//start.sh",
        "scripts",
        "cluster.key",
        "scripts/g/r/a\x07b",
        "scripts/g/r/" + "n" * 500,
        "scripts/" + "d/" * 10 + "x",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(BadBundle, match=r"conf\.d|scripts|longer|part"):
        revision.unpack(FORMAT + _entry(path))
    with pytest.raises(BadBundle):
        revision.pack({path: File(0o644, b"")})


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (b"", "first line"),
        (b"clpcore revision 2\n", "first line"),
        (FORMAT + b"644 99 conf.d/a.toml\nx\n", "no end"),
        (FORMAT + b"644 99999999 conf.d/a.toml\nx\n", "no end"),
        (FORMAT + b"644 -1 conf.d/a.toml\nx\n", "no file begins"),
        (FORMAT + b"4755 1 scripts/g/r/x\nx\n", "no file begins"),
        (FORMAT + _entry("conf.d/a.toml") + b"rest", "no file begins"),
        (FORMAT + _entry("conf.d/b.toml") + _entry("conf.d/a.toml"), "order"),
        (FORMAT + _entry("conf.d/a.toml") + _entry("conf.d/a.toml"), "order"),
        (FORMAT + _entry("scripts/g") + _entry("scripts/g/r"), "a file and a folder"),
        (FORMAT + b"644 1 conf.d/\xff.toml\nx\n", "UTF-8"),
        (FORMAT + b"x" * MOST_BYTES, "at most"),
        (FORMAT + b"".join(_entry(f"scripts/g/r/{n:05}") for n in range(2_001)), "more than 2000"),
    ],
)
def test_what_is_no_bundle_is_refused(bundle: bytes, why: str) -> None:
    with pytest.raises(BadBundle, match=why):
        revision.unpack(bundle)


# -- folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders.below(tmp_path / "work")
    working.write(
        {
            "conf.d/a.toml": File(0o644, b"a"),
            "scripts/g/r/start.sh": File(0o750, b"start"),
            "scripts/common.sh": File(0o644, b"common"),
        },
        made,
    )
    return made


def test_folders_are_read_as_they_were_written(folders: Folders, tmp_path: Path) -> None:
    files = working.read(folders)
    assert {path: oct(file.mode) for path, file in files.items()} == {
        "conf.d/a.toml": "0o644",
        "scripts/common.sh": "0o644",
        "scripts/g/r/start.sh": "0o750",
    }
    other = Folders.below(tmp_path / "other")
    working.write(files, other)
    assert working.read(other) == files


def test_what_is_no_part_of_a_revision_is_passed_over(folders: Folders) -> None:
    files = working.read(folders)
    for name in ("a.toml~", ".b.toml", "notes.txt"):
        (folders.conf / name).write_text("x")
    (folders.scripts / "g/r/.start.sh.swp").write_text("x")
    (folders.conf / "a.toml").chmod(0o600)  # who may read it is this server's affair
    os.mkfifo(folders.scripts / "g/r/pipe")
    assert working.read(folders) == files


def test_a_file_that_cannot_be_read_is_named(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BadBundle, match=r"a\.toml cannot be read: Permission.*mend or remove"):
        working.read(folders)


@pytest.mark.parametrize(
    "place",
    ["conf.d", "conf.d/b.toml", "scripts", "scripts/g", "scripts/g/r", "scripts/g/r/start.sh"],
)
@pytest.mark.parametrize("to", ["cluster.key", "folder", "nowhere"])
def test_a_link_carries_nothing_and_is_refused_by_name(
    folders: Folders, tmp_path: Path, place: str, to: str
) -> None:
    (tmp_path / "cluster.key").write_text("secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/more.toml").write_text("x")
    link = folders.conf.parent / place
    if link.exists():
        link.rename(tmp_path / "away")
    link.symlink_to(tmp_path / to)
    with pytest.raises(BadBundle, match=f"^{link} is a symbolic link, and a revision holds none"):
        working.read(folders)


def test_links_that_belong_to_no_revision_are_passed_over(folders: Folders) -> None:
    files = working.read(folders)
    for link in (folders.conf / "notes.txt", folders.scripts / "g/.current"):
        link.symlink_to(folders.scripts)
    assert working.read(folders) == files


def test_what_becomes_a_link_while_it_is_read_is_not_followed(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cluster.key").write_text("secret")
    opens = os.open

    def swap(place: Path, flags: int) -> int:
        place.unlink()
        place.symlink_to(tmp_path / "cluster.key")
        return opens(place, flags)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(BadBundle, match=r"a\.toml cannot be read: Too many levels"):
        working.read(folders)


def test_a_working_copy_follows_only_if_it_is_the_former(folders: Folders) -> None:
    former = working.read(folders)
    new = {
        "conf.d/a.toml": File(0o644, b"A"),
        "conf.d/b.toml": File(0o644, b"B"),
        "scripts/g/r/start.sh": File(0o755, b"start"),
    }
    (folders.conf / "a.toml").write_bytes(b"edited")
    assert not working.follow(folders, former, new)
    assert (folders.conf / "a.toml").read_bytes() == b"edited"
    assert not (folders.conf / "b.toml").exists()
    (folders.conf / "a.toml").write_bytes(b"A")  # as if interrupted half-way
    (folders.conf / "a.toml").chmod(0o600)
    assert working.follow(folders, former, new)
    assert working.read(folders) == new
    assert (folders.conf / "a.toml").stat().st_mode & 0o777 == 0o600


def test_unpacked_files_are_made_whole(folders: Folders) -> None:
    files = working.read(folders)
    (folders.conf / "a.toml").write_bytes(b"edited")
    (folders.conf / "more.toml").write_bytes(b"more")
    (folders.scripts / "g/r/start.sh").unlink()
    (folders.scripts / "g/r/lock").write_bytes(b"a script's own")
    working.restore(folders, files)
    assert working.read(folders) == {**files, "scripts/g/r/lock": File(0o644, b"a script's own")}


@pytest.mark.parametrize("place", ["conf.d/a.toml", "scripts/g/r/start.sh", "scripts/g", "conf.d"])
def test_a_link_in_the_place_of_an_unpacked_file_is_replaced(
    folders: Folders, tmp_path: Path, place: str
) -> None:
    files = working.read(folders)
    link = folders.conf.parent / place
    link.rename(tmp_path / "foreign")
    link.symlink_to(tmp_path / "foreign")
    working.restore(folders, files)
    assert working.read(folders) == files
    assert not link.is_symlink()


def test_a_link_of_a_script_beside_unpacked_files_stays_and_no_table_comes_through_one(
    folders: Folders, tmp_path: Path
) -> None:
    files = working.read(folders)
    own, foreign = folders.scripts / "g/r/last", folders.conf / "more.toml"
    (tmp_path / "more.toml").write_text("foreign")
    own.symlink_to("start.sh")
    foreign.symlink_to(tmp_path / "more.toml")
    working.restore(folders, files)
    assert own.is_symlink()
    assert not foreign.is_symlink()
    assert (tmp_path / "more.toml").exists()


def test_a_difference_is_a_unified_diff() -> None:
    old = {"conf.d/a.toml": File(0o644, b"x = 1\ny = 2\n"), "scripts/g/r/s": File(0o644, b"s\n")}
    new = {"conf.d/a.toml": File(0o644, b"x = 1\ny = 3\n"), "scripts/g/r/b": File(0o755, b"\0")}
    new["scripts/g/r/s"] = File(0o755, b"s\n")
    assert list(difference.lines(old, new, ("1", "2"))) == [
        "--- 1/conf.d/a.toml",
        "+++ 2/conf.d/a.toml",
        "@@ -1,2 +1,2 @@",
        " x = 1",
        "-y = 2",
        "+y = 3",
        "scripts/g/r/b: differs, and is no text",
        "scripts/g/r/s: mode 644 -> 755",
    ]
