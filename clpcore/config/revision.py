"""A revision's files as one canonical bundle of bytes, and back; a bundle may be hostile.

A bundle is a first line and, sorted by path, for each file a line ``MODE SIZE PATH``, its bytes and
a newline. There is one bundle for the same files, so that its digest is theirs; it is not
compressed, so that it is no larger than what it says.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import attrs

from clpcore.model.revisions import MOST_BYTES

FORMAT: Final = b"clpcore revision 1\n"
MOST_FILES: Final = 2_000
CONF, SCRIPTS = "conf.d", "scripts"
PLAIN: Final = 0o644

_LONGEST_PATH: Final = 400  # bytes
_DEEPEST: Final = 8
_LEAST_DEPTH: Final = 2
_HEAD: Final = re.compile(rb"([0-7]{3}) (0|[1-9][0-9]{0,7}) ([^\n]+)\n")
_TOO_LARGE: Final = (
    "{count} files with {size} bytes; a revision holds at most "
    f"{MOST_FILES} files and {MOST_BYTES} bytes: keep data and programs elsewhere"
)


class BadBundle(ValueError):
    """These files, or these bytes, are no revision; says why."""


@attrs.frozen
class File:
    """The permission bits and the content of a file."""

    mode: int
    data: bytes = attrs.field(repr=lambda data: f"{len(data)} bytes")


Files: TypeAlias = Mapping[str, File]  # by path below the revision's folder


def pack(files: Files) -> bytes:
    """Give the bundle of *files*.

    Raises:
        BadBundle: a path that no revision may have, or too much.

    """
    _check(files)
    parts = [FORMAT]
    for path, file in sorted(files.items()):
        parts += [b"%03o %d %s\n" % (file.mode, len(file.data), path.encode()), file.data, b"\n"]
    bundle = b"".join(parts)
    if len(bundle) > MOST_BYTES:
        raise BadBundle(_TOO_LARGE.format(count=len(files), size=len(bundle)))
    return bundle


def unpack(bundle: bytes) -> dict[str, File]:
    """Give the files of a bundle.

    Raises:
        BadBundle: it is none, or not the canonical one of its files.

    """
    if len(bundle) > MOST_BYTES:
        raise BadBundle(f"{len(bundle)} bytes; a revision has at most {MOST_BYTES}")
    if not bundle.startswith(FORMAT):
        raise BadBundle(f"its first line is not {FORMAT.decode().strip()!r}")
    files = dict(_entries(bundle))
    if pack(files) != bundle:
        raise BadBundle("its files are not in their order, or one is there twice")
    return files


def digest(bundle: bytes) -> str:
    """Give what tells the bundle from every other one."""
    return hashlib.sha256(bundle).hexdigest()


def _entries(bundle: bytes) -> Iterator[tuple[str, File]]:
    at = len(FORMAT)
    for count in itertools.count():
        if at == len(bundle):
            return
        head = _HEAD.match(bundle, at)
        if head is None or count == MOST_FILES:
            raise BadBundle(f"no file begins at byte {at}, or there are more than {MOST_FILES}")
        end = head.end() + int(head[2])
        if bundle[end : end + 1] != b"\n":
            raise BadBundle(f"the file that begins at byte {at} has no end")
        try:
            path = head[3].decode()
        except UnicodeDecodeError:
            raise BadBundle(f"the path at byte {at} is not UTF-8") from None
        yield path, File(int(head[1], 8), bundle[head.end() : end])
        at = end + 1


def _check(files: Files) -> None:
    if len(files) > MOST_FILES:
        size = sum(len(file.data) for file in files.values())
        raise BadBundle(_TOO_LARGE.format(count=len(files), size=size))
    for path, file in files.items():
        if wrong := _wrong_path(path):
            raise BadBundle(f"{path!a} {wrong}")
        if not 0 <= file.mode <= 0o777:  # noqa: PLR2004 - the permission bits
            raise BadBundle(f"{path!a} has the mode {file.mode:o}; only permissions are kept")
    folders = {parent for path in files for parent in _parents(path)}
    if both := sorted(folders & files.keys()):
        raise BadBundle(f"{both[0]!a} is a file and a folder")


def _wrong_path(path: str) -> str:
    """Say why *path* must not be written to; an empty text if it may."""
    parts = path.split("/")
    if len(path.encode(errors="replace")) > _LONGEST_PATH or len(parts) > _DEEPEST:
        return f"is longer than {_LONGEST_PATH} bytes, or deeper than {_DEEPEST} folders"
    if not all(part.isprintable() and part and not part.startswith(".") for part in parts):
        return "has a part that is empty, begins with a dot, or cannot be printed"
    if parts[0] == CONF and len(parts) == _LEAST_DEPTH and path.endswith(".toml"):
        return ""
    if parts[0] == SCRIPTS and len(parts) >= _LEAST_DEPTH:
        return ""
    return f"is neither {CONF}/NAME.toml nor in {SCRIPTS}"


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))
