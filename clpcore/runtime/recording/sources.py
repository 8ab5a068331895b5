"""Finds segments in folders, files and support bundles, which may have been packed by anybody."""

from __future__ import annotations

import functools
import gzip
import io
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, cast

import attrs

from clpcore.runtime.recording import ring
from clpcore.runtime.recording.reading import UnplayableError

_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 1024 * 1024  # bytes that are unpacked at a time
_PACKED: Final = 64 * 1024 * 1024  # bytes of segments in a bundle, which are held in memory
_UNPACKED: Final = 1024 * 1024 * 1024  # bytes of a bundle
_FILES: Final = 10_000  # in a bundle
# Long names and their like take some headers more. What reads them takes a time that grows with
# the square of their size, so that these are bounds of time, too.
_DESCRIPTION: Final = 8 * 1024  # bytes of one member
_DESCRIPTIONS: Final = 64 * 1024  # bytes of all that take more than a header
_HOLES: Final = "a file with holes"
_KINDS: Final = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@attrs.frozen
class Source:
    """A place with a segment."""

    name: str
    open: Callable[[], BinaryIO]


def sources(place: Path) -> list[Source]:
    """Give the segments of a folder, of a support bundle packed or unpacked, or the one of a file.

    Raises:
        UnplayableError: there is none, or the bundle is none.
        OSError: it cannot be read.

    """
    if place.is_dir():
        inside = place / "recording"
        found = [
            Source(path.name, functools.partial(_opened, path))
            for path in ring.segments(inside if inside.is_dir() else place)
        ]
    elif place.suffix == ring.SUFFIX:
        found = [Source(place.name, functools.partial(_opened, place))]
    else:
        with _opened(place) as file:
            found = _packed(place, file)
    if not found:
        raise UnplayableError(f"{place} holds no segment of a recording (*{ring.SUFFIX})")
    return found


def _opened(path: Path) -> BinaryIO:
    """Open a file; a pipe or a device might never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnplayableError(f"{path} is no file")
    return os.fdopen(descriptor, "rb")


# -- bundles


def _packed(bundle: Path, file: BinaryIO) -> list[Source]:
    """Give the segments of a bundle, which are read from memory: nothing is ever written."""
    zipped = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    archive = _Forward(cast("BinaryIO", gzip.GzipFile(fileobj=file)) if zipped else file)
    try:
        found = dict(_segments(archive))
    except UnplayableError as why:
        raise UnplayableError(f"{bundle}: {why}") from None
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise UnplayableError(f"{bundle} is no support bundle: {error}") from None
    return [Source(name, functools.partial(io.BytesIO, found[name])) for name in sorted(found)]


def _segments(archive: _Forward) -> Iterator[tuple[str, bytes]]:
    """Give name and content of each segment, having looked at every member."""
    size, names = 0, set()
    for member in _members(archive):
        if member.isreg() and PurePosixPath(member.name).suffix == ring.SUFFIX:
            if member.name in names:
                raise UnplayableError(f"{member.name} is in it twice")
            names.add(member.name)
            size += member.size
            if size > _PACKED:
                raise UnplayableError(f"up to {member.name} more than {_PACKED} bytes of segments")
            archive.seek(member.offset_data)
            data = archive.take(member.size)
            if len(data) < member.size:
                raise UnplayableError(f"it is cut off in {member.name}")
            yield member.name, data


def _members(archive: _Forward) -> Iterator[tarfile.TarInfo]:
    """Give the files and folders in it; refuse what no bundle holds."""
    with tarfile.TarFile(fileobj=cast("IO[bytes]", archive)) as tar:
        for count, member in enumerate(iter(tar.next, None)):
            _check(member)
            if count == _FILES:
                raise UnplayableError(f"{member.name} is the member after {_FILES} others")
            archive.comes_after(member.name)
            yield member
    archive.end()


def _check(member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir()) or member.issparse():
        kind = _HOLES if member.issparse() else _KINDS.get(member.type, "of an unknown kind")
        raise UnplayableError(f"{member.name} is {kind}: a bundle holds files and folders alone")
    if path.is_absolute() or ".." in path.parts:
        raise UnplayableError(f"the name {member.name} leads out of it")
    if member.size < 0:
        raise UnplayableError(f"{member.name} has {member.size} bytes")


class _Forward:
    """The archive, unpacked: read once, forward, and no more of it than any bundle holds.

    tarfile reads how a member is described in one piece, of whatever size that claims to be.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0
        self._after = "the beginning"
        self._left = _DESCRIPTION
        self._described = 0
        self._last = b""

    def comes_after(self, name: str) -> None:
        """Let the next member be described."""
        self._after = name
        self._left = _DESCRIPTION

    def tell(self) -> int:
        """Give the place, as tarfile asks for it."""
        return self._at

    def seek(self, to: int) -> int:
        """Go on to a place, as tarfile does."""
        if to < self._at:
            raise UnplayableError(f"what follows {self._after} leads back")
        while self._at < to and self.take(min(_PIECE, to - self._at)):
            pass
        return self._at

    def read(self, size: int) -> bytes:
        """Give a part of a description, as tarfile asks for it."""
        self._left -= size
        self._described += size if size > tarfile.BLOCKSIZE else 0
        if size < 0 or self._left < 0 or self._described > _DESCRIPTIONS:
            what = f"the member after {self._after} is described with more than any bundle needs"
            raise UnplayableError(what)
        self._last = self.take(size)
        return self._last

    def take(self, size: int) -> bytes:
        """Give what is there next."""
        piece = self._file.read(size)
        self._at += len(piece)
        if self._at > _UNPACKED:
            raise UnplayableError(f"{self._after} or what follows it unpacks to more than a bundle")
        return piece

    def end(self) -> None:
        """Look at the end, where tarfile finds nothing more; raises as ``take`` does."""
        if not self._last or self._last.strip(b"\0"):
            raise UnplayableError(f"it is damaged, or cut off, after {self._after}")
        while self.take(_PIECE):  # the check sum is behind it
            pass
