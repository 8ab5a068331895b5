"""An imported configuration -> a new folder: conf.d and scripts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore.config.clpconf.convert import Imported
from clpcore.config.clpconf.findings import Finding, Sort
from clpcore.config.reading import NAME

_MOST_BYTES: Final = 1024 * 1024  # of one script
_MOST_FILES: Final = 100  # of one object
_FILE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_EXTENT: Final = "rscextent.sh"  # four scripts in one: before and after each change of a resource
_PARTS: Final = "its parts PRESTART, POSTSTART, PRESTOP and POSTSTOP are scripts of their own here."
_INTO: Final = (
    "Write them as before_activation.sh, after_activation.sh, before_deactivation.sh and "
    "after_deactivation.sh beside it."
)


def write(imported: Imported, folder: Path, scripts: Path | None) -> tuple[Finding, ...]:
    """Fill *folder*, which is empty, and tell which scripts did not come along.

    Args:
        imported: what ``convert`` gave.
        folder: gets conf.d and scripts.
        scripts: the product's folder of scripts; None: there is none.

    Raises:
        OSError: something cannot be read or written.

    """
    conf = folder / "conf.d"
    conf.mkdir()
    for name, text in imported.files.items():
        (conf / name).write_text(text, encoding="utf-8")
    (folder / "scripts").mkdir()
    target = folder / "scripts"
    left = [_copy(scripts, theirs, target, ours) for theirs, ours in imported.scripts]
    left += [_hook(scripts, theirs, target, ours) for theirs, ours in imported.hooks]
    return (
        *(Finding(sort=Sort.WRONG, what=what) for each in left for what in each),
        *(_extents(imported, scripts, target) if scripts else ()),
    )


def _copy(
    scripts: Path | None, theirs: tuple[str, ...], ours: Path, into: tuple[str, ...]
) -> Iterator[str]:
    """Copy one object's folder, and say what stays behind; the names come from the file."""
    place = "/".join(("scripts", *into))
    if not all(map(NAME.fullmatch, into)):
        yield f"{place!r} cannot be a folder's name: its scripts stay behind."
        return
    source = scripts.joinpath(*theirs) if scripts else None
    if source is None or not source.is_dir() or source.is_symlink():
        where = "/".join(("scripts", *theirs))
        yield f"There is no folder {where} beside it: put its scripts into {place}."
        return
    target = ours.joinpath(*into)
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir())[:_MOST_FILES]:
        yield from _copy_file(file, target / file.name, f"{place}/{file.name}")


def _hook(
    scripts: Path | None, theirs: tuple[str, ...], ours: Path, into: tuple[str, ...]
) -> Iterator[str]:
    """Copy one script under another name, and say why if it stays behind."""
    *folders, name = theirs
    place = "/".join(("scripts", *into))
    plain = all(map(NAME.fullmatch, into[:-1])) and _FILE.fullmatch(name)
    source = scripts.joinpath(*theirs) if scripts and plain else None
    if source is None or not source.is_file() or source.parent.is_symlink():
        where = "/".join(("scripts", *folders))
        yield f"There is no script {name!r} in {where}: put it into {place}."
        return
    target = ours.joinpath(*into)
    target.parent.mkdir(parents=True, exist_ok=True)
    yield from _copy_file(source, target, place)


def _copy_file(file: Path, copy: Path, place: str) -> Iterator[str]:
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_BYTES:
        yield f"{file} is no small regular file and stays behind."
        return
    shutil.copyfile(file, copy)
    copy.chmod(0o755)
    if b"\r\n" in copy.read_bytes():
        yield f"{place} has lines that end in CRLF: a shell fails there."


def _extents(imported: Imported, scripts: Path, ours: Path) -> Iterator[Finding]:
    """Tell of scripts around activation and deactivation: they must be cut in four by hand."""
    for names in imported.resources:
        if all(map(NAME.fullmatch, names)) and scripts.joinpath(*names, _EXTENT).is_file():
            place = "/".join(("scripts", *names, _EXTENT))
            for what in _hook(scripts, (*names, _EXTENT), ours, (*names, _EXTENT)):
                yield Finding(sort=Sort.WRONG, what=what)
            yield Finding(sort=Sort.NOT_LOADED, what=f"{place} is not run: {_PARTS}", remedy=_INTO)
