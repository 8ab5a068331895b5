"""An imported configuration -> a new folder: conf.d and scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore.config.clpconf.convert import Imported
from clpcore.config.clpconf.findings import Finding, Sort
from clpcore.config.reading import NAME

_MOST_BYTES: Final = 1024 * 1024  # of one script
_MOST_FILES: Final = 100  # of one object


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
    return tuple(
        Finding(sort=Sort.WRONG, what=what)
        for theirs, ours in imported.scripts
        for what in _copy(scripts, theirs, folder / "scripts", ours)
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
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_BYTES:
            yield f"{file} is no small regular file and stays behind."
            continue
        copy = target / file.name
        shutil.copyfile(file, copy)
        copy.chmod(0o755)
        if b"\r\n" in copy.read_bytes():
            yield f"{place}/{file.name} has lines that end in CRLF: a shell fails there."
