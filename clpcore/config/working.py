"""Folders of configuration files and scripts: read as a revision's files, and written from them.

The operator's working copy is two such folders; nothing in it but what belongs to a revision is
ever touched.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from clpcore.config.revision import (
    CONF,
    MOST_FILES,
    PLAIN,
    SCRIPTS,
    BadBundle,
    File,
    Files,
)
from clpcore.model.revisions import MOST_BYTES


@attrs.frozen
class Folders:
    """Where configuration files and scripts are."""

    conf: Path
    scripts: Path

    @classmethod
    def below(cls, folder: Path) -> Folders:
        """Give them as a revision's folder has them."""
        return cls(folder / CONF, folder / SCRIPTS)

    def place(self, path: str) -> Path:
        """Give where the file of a bundle's *path* is."""
        first, _, rest = path.partition("/")
        return (self.conf if first == CONF else self.scripts) / rest


def read(folders: Folders) -> dict[str, File]:
    """Give the files that belong to a revision; editors' own and data beside them do not.

    Raises:
        BadBundle: one cannot be read or is a link, or there are too many; names the next step.

    """
    return _read_all(folders, _refuse_link)


def _refuse_link(_path: str, place: Path) -> None:
    # Followed, it would carry to all servers what it leads to: the cluster key, or a whole disk.
    raise BadBundle(
        f"{place} is a symbolic link, and a revision holds none: remove it, or put the file "
        "itself there"
    )


def _read_all(folders: Folders, on_link: Callable[[str, Path], None]) -> dict[str, File]:
    """Read; what is a link is handed to *on_link*, and is none of the files."""
    found: dict[str, File] = {}
    size = 0
    for path, place in _paths(folders):
        if place.is_symlink():
            on_link(path, place)
            continue
        file = _read(place, conf=path.startswith(f"{CONF}/"))
        if file is None:
            continue
        found[path] = file
        size += len(file.data)
        if size > MOST_BYTES or len(found) > MOST_FILES:
            raise BadBundle(
                f"{folders.conf} and {folders.scripts} hold more than {MOST_FILES} files or "
                f"{MOST_BYTES} bytes: keep data and programs elsewhere"
            )
    return found


def _paths(folders: Folders) -> Iterator[tuple[str, Path]]:
    """Give the places of files, and of links to whatever; no link is gone through."""
    for path, folder in ((CONF, folders.conf), (SCRIPTS, folders.scripts)):
        if folder.is_symlink():
            yield path, folder
    try:
        for place in sorted(folders.conf.iterdir()) if _is_folder(folders.conf) else []:
            if place.suffix == ".toml" and not place.name.startswith("."):
                yield f"{CONF}/{place.name}", place
    except OSError as error:
        raise _unread(folders.conf, error) from error
    for parent, below, names in os.walk(folders.scripts, onerror=_stop):
        if not _is_folder(folders.scripts):
            return
        below[:] = sorted(name for name in below if not name.startswith("."))
        links = [name for name in below if Path(parent, name).is_symlink()]
        for name in sorted([*links, *(name for name in names if not name.startswith("."))]):
            place = Path(parent, name)
            yield f"{SCRIPTS}/{place.relative_to(folders.scripts).as_posix()}", place


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _stop(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise _unread(Path(str(error.filename)), error) from error


def _read(place: Path, *, conf: bool) -> File | None:
    """Give the file; None for what is none (a pipe would make us wait for ever)."""
    try:
        if not stat.S_ISREG(place.lstat().st_mode):
            return None
        # Whatever it has become since: no link is followed, no pipe waited for.
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor
            status = os.fstat(descriptor)
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unread(place, error) from error
    # Who may read the configuration is each server's own affair, and makes no other revision.
    return File(PLAIN if conf else stat.S_IMODE(status.st_mode) & 0o777, data)


def _unread(place: Path, error: OSError) -> BadBundle:
    return BadBundle(f"{place} cannot be read: {error.strerror}: mend or remove it")


def write(files: Files, folders: Folders) -> None:
    """Write *files* into new folders, on disk when it returns.

    Raises:
        OSError: it cannot be done.

    """
    made = {folders.conf, folders.scripts}
    for path, file in files.items():
        place = folders.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        made |= {parent for parent in place.parents if _is_below(parent, folders)}
        _write(place, file.data, file.mode)
    for folder in made:
        folder.mkdir(parents=True, exist_ok=True)
        sync(folder)


def _is_below(folder: Path, folders: Folders) -> bool:
    return folder.is_relative_to(folders.conf) or folder.is_relative_to(folders.scripts)


def _write(place: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as opened:  # noqa: PTH123 - the mode is in the descriptor
        opened.write(data)
        opened.flush()
        os.fchmod(descriptor, mode)  # whatever the umask is
        os.fsync(descriptor)


def sync(folder: Path) -> None:
    """Let what was made, renamed or removed in *folder* survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def follow(folders: Folders, former: Files, new: Files) -> bool:
    """Make a working copy that is *former* into *new*; False if the operator has changed it.

    It may be half-way between the two: then an earlier call was interrupted, and this one goes on.

    Raises:
        BadBundle: it cannot be read.
        OSError: it cannot be written.

    """
    there = read(folders)
    paths = {*there, *former, *new}
    if any(there.get(path) not in (former.get(path), new.get(path)) for path in paths):
        return False
    for path in sorted(path for path in paths if there.get(path) != new.get(path)):
        if path in new:
            _replace(folders.place(path), new[path])
        else:
            folders.place(path).unlink()
    return True


def restore(folders: Folders, files: Files) -> None:
    """Make unpacked *files* whole again: other configuration files go, other files stay.

    A link goes where a file or its folder must be, and in conf.d; a script may have made others.

    Raises:
        BadBundle: they cannot be read.
        OSError: they cannot be written.

    """
    links: list[tuple[str, Path]] = []
    there = _read_all(folders, lambda *link: links.append(link))
    for path, place in links:
        if path.startswith(f"{CONF}/") or any(f"{name}/".startswith(f"{path}/") for name in files):
            place.unlink()
    extra = {path for path in there if path not in files and path.startswith(f"{CONF}/")}
    wrong = {path for path, file in files.items() if there.get(path) != file}
    for path in extra:
        folders.place(path).unlink()
    for path in wrong:
        _replace(folders.place(path), files[path])


def _replace(place: Path, file: File) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.new")
    draft.unlink(missing_ok=True)
    _write(draft, file.data, _mode(place, file))
    draft.replace(place)


def _mode(place: Path, file: File) -> int:
    """Give the mode of a script, or, for a configuration file, the one that it has already."""
    if file.mode == PLAIN and place.suffix == ".toml" and place.exists():
        return stat.S_IMODE(place.stat().st_mode) & 0o777
    return file.mode
