"""How the files of two revisions differ, as people read it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from clpcore.config.revision import File, Files


def lines(old: Files, new: Files, names: tuple[str, str]) -> Iterator[str]:
    """Give a unified diff, line by line; *names* are those of the two revisions."""
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        if before and after and before.mode != after.mode:
            yield f"{path}: mode {before.mode:o} -> {after.mode:o}"
        yield from _texts(path, before, after, names)


def _texts(path: str, old: File | None, new: File | None, names: tuple[str, str]) -> Iterator[str]:
    before, after = _text(old), _text(new)
    if before is None or after is None:
        if (old and old.data) != (new and new.data):
            yield f"{path}: differs, and is no text"
        return
    old_title, new_title = (f"{name}/{path}" for name in names)
    yield from difflib.unified_diff(
        before,
        after,
        old_title if old else "/dev/null",
        new_title if new else "/dev/null",
        lineterm="",
    )


def _text(file: File | None) -> list[str] | None:
    """Give the lines of a file, None if it holds no text."""
    if file is None:
        return []
    try:
        text = file.data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.splitlines()
