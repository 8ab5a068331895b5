"""Where segments come from: a support bundle may have been packed by anybody, for any purpose."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from clpcore.runtime.recording import sources as module
from clpcore.runtime.recording.reading import UnplayableError
from clpcore.runtime.recording.sources import sources

Member = tuple[tarfile.TarInfo, bytes]

_NAME = "node2-log/recording/00000001.clprec"
_DATA = b"a segment, or not"
_END = bytes(20 * 512)


def _file(name: str = _NAME, data: bytes = _DATA, **more: object) -> Member:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in more.items():
        setattr(member, key, value)
    return member, data


def _tar(members: Iterable[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.TarFile(fileobj=out, mode="w", format=form) as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _header(member: tarfile.TarInfo) -> bytes:
    """Give the header alone: what it claims is not there."""
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "node2-log.tar.gz"


@pytest.fixture
def why(bundle: Path) -> Callable[[bytes], str]:
    """Pack an archive; give why it is refused."""

    def give(archive: bytes) -> str:
        bundle.write_bytes(gzip.compress(archive, 1))
        with pytest.raises(UnplayableError) as caught:
            sources(bundle)
        assert str(bundle) in str(caught.value)
        return str(caught.value)

    return give


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_a_bundle_gives_its_segments_in_order(
    bundle: Path, form: int, pack: Callable[[bytes], bytes]
) -> None:
    folder = "a-server-with-a-long-name-" + "x" * 60 + "-log/recording/"
    folders = [(tarfile.TarInfo(folder), b"")]
    folders[0][0].type = tarfile.DIRTYPE
    names = [f"{folder}0000000{n}.{end}" for n in (2, 1) for end in ("clprec", "txt")]
    files = [_file(name, name.encode() * 100) for name in names]
    bundle.write_bytes(pack(_tar([*folders, *files], form)))
    found = sources(bundle)
    assert [each.name for each in found] == [names[2], names[0]]
    with found[0].open() as file:
        assert file.read() == names[2].encode() * 100


def test_a_name_that_needs_a_description_of_its_own_is_read(bundle: Path) -> None:
    names = ["ノード/" + "長い名前/" * 100 + "00000001.clprec", "x/" * 1_000 + "00000002.clprec"]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        bundle.write_bytes(_tar(map(_file, names), form))
        assert {each.name for each in sources(bundle)} == set(names)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (b"V", "of an unknown kind"),
    ],
)
def test_what_is_neither_file_nor_folder_is_refused(
    why: Callable[[bytes], str], kind: bytes, told: str
) -> None:
    other = _file("node2-log/passwd", b"", type=kind, linkname="/etc/passwd")
    assert f"node2-log/passwd is {told}: a bundle holds files and folders alone" in why(
        _tar([_file(), other], tarfile.GNU_FORMAT)
    )


@pytest.mark.parametrize("name", ["/etc/00000001.clprec", "a/../../00000001.clprec", "../x"])
def test_a_name_that_leads_out_is_refused(why: Callable[[bytes], str], name: str) -> None:
    assert f"the name {name} leads out of it" in why(_tar([_file(name)]))


def test_a_segment_is_in_it_once(why: Callable[[bytes], str]) -> None:
    assert f"{_NAME} is in it twice" in why(_tar([_file(), _file("else"), _file()]))


def test_a_description_is_not_read_however_large_it_claims_to_be(
    why: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 MiB of a name, of pax headers or of their global ones would be held as one text."""
    asked: list[int] = []
    take = module._Forward.take

    def counted(archive: module._Forward, size: int) -> bytes:
        asked.append(size)
        return take(archive, size)

    monkeypatch.setattr(module._Forward, "take", counted)
    size = 64 * 2**20
    for kind in (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    ):
        claims = tarfile.TarInfo("node2-log/huge")
        claims.type, claims.size = kind, size
        told = why(_tar([_file()])[:1024] + _header(claims) + bytes(size) + _END)
        assert f"the member after {_NAME} is described with more than any bundle needs" in told
    assert max(asked) <= module._PIECE


def test_descriptions_that_take_long_to_read_are_few(why: Callable[[bytes], str]) -> None:
    """What reads them searches digits in a time that grows with the square of their number."""
    slow = tarfile.TarInfo("slow")
    slow.type, slow.size = tarfile.XHDTYPE, 7_168
    each = _header(slow) + b"1" * slow.size + _tar([_file("a", b"")])[:512]
    told = why(each * 1_000 + _END)  # some versions of tarfile do not get that far
    assert "the member after a is described with more" in told or "no support bundle" in told


def test_a_chain_of_descriptions_ends(why: Callable[[bytes], str]) -> None:
    chain = tarfile.TarInfo("chain")
    chain.type, chain.size = tarfile.XHDTYPE, 0
    assert "described with more" in why(_header(chain) * 5_000 + _END)


def test_holes_are_not_filled(why: Callable[[bytes], str]) -> None:
    holes = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1"}
    holes |= {"GNU.sparse.size": str(2**50), "GNU.sparse.name": _NAME}
    assert "is a file with holes" in why(_tar([_file(pax_headers=holes)]))
    old = tarfile.TarInfo(_NAME)
    old.type = tarfile.GNUTYPE_SPARSE
    told = why(_header(old) + _END)
    assert "is a file with holes" in told or "no support bundle" in told


@pytest.mark.parametrize("size", ["-512", "-100000", "9" * 30, str(2**62), "many"])
def test_a_size_that_is_none_is_refused(why: Callable[[bytes], str], size: str) -> None:
    """A negative one would lead back: to the same member, again and again."""
    claims = _file(pax_headers={"size": size})
    assert why(_tar([_file("first"), claims]))


def test_a_size_below_zero_in_the_header_is_refused(why: Callable[[bytes], str]) -> None:
    member = tarfile.TarInfo("node2-log/x")
    member.size = -1024
    assert "has -1024 bytes" in why(_header(member) + _END)


def test_an_archive_never_leads_back() -> None:
    archive = module._Forward(io.BytesIO(bytes(1_000)))
    assert archive.seek(500) == 500
    with pytest.raises(UnplayableError, match="what follows the beginning leads back"):
        archive.seek(499)


def test_a_bundle_that_unpacks_to_very_much_is_refused(
    why: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNPACKED", 4 * 2**20)
    told = why(_tar([_file("node2-log/logs/bomb", bytes(8 * 2**20)), _file()]))
    assert "node2-log/logs/bomb or what follows it unpacks to more than a bundle" in told


def test_segments_of_more_than_fits_in_memory_are_refused(
    why: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PACKED", 1_000)
    assert f"up to {_NAME} more than 1000 bytes" in why(_tar([_file(data=bytes(1_001))]))
    claims = tarfile.TarInfo(_NAME)
    claims.size = 2**50
    assert f"up to {_NAME} more than 1000 bytes" in why(_header(claims) + _END)


def test_a_bundle_of_too_many_files_is_refused_and_not_cut(
    why: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FILES", 3)
    told = why(_tar([*(_file(f"{n}.txt") for n in range(3)), _file()]))
    assert f"{_NAME} is the member after 3 others" in told


def test_a_bundle_that_is_cut_off_or_damaged_is_not_played_in_part(
    bundle: Path, why: Callable[[bytes], str]
) -> None:
    """Its other segments would not be missed, and "no decision differs" would be too much said."""
    whole = _tar([_file(), _file("node2-log/recording/00000002.clprec")])
    for size in range(0, 2_048, 128):
        assert why(whole[:size])
    damaged = bytearray(whole)
    damaged[1024 + 150] ^= 1  # in the check sum of the second header
    assert f"it is damaged, or cut off, after {_NAME}" in why(bytes(damaged))
    packed = bytearray(gzip.compress(whole))
    packed[-6] ^= 1  # in the check sum of all
    bundle.write_bytes(packed)
    with pytest.raises(UnplayableError, match="no support bundle: CRC"):
        sources(bundle)
    bundle.write_bytes(bytes(packed[:-20]))
    with pytest.raises(UnplayableError, match="no support bundle: "):
        sources(bundle)


def test_whatever_is_wrong_is_refused_with_the_name_of_the_bundle(bundle: Path) -> None:
    dice = random.Random(11)  # noqa: S311 - dice, no secret
    long = _file("長" * 60 + ".clprec")
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        whole = _tar([_file(), long, _file("x.txt")], form)
        for _ in range(400):
            wrong = bytearray(whole)
            for _ in range(dice.randrange(1, 6)):
                wrong[dice.randrange(len(whole) - 9_000)] = dice.randrange(256)
            _sign(wrong)
            bundle.write_bytes(wrong)
            with contextlib.suppress(UnplayableError):
                sources(bundle)


def _sign(archive: bytearray) -> None:
    """Correct the check sums of what are headers, so that wrong values are read as well."""
    for at in range(0, len(archive), 512):
        block = archive[at : at + 512]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            archive[at + 148 : at + 156] = b"%06o\0 " % sum(block)


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("00000001.clprec", "x.tar.gz"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(UnplayableError, match="is no file"):
            sources(tmp_path / name)[0].open()
    (inside,) = sources(tmp_path)
    with pytest.raises(UnplayableError, match=r"00000001\.clprec is no file"):
        inside.open()
    with pytest.raises(UnplayableError, match="/dev/zero is no file"):
        sources(Path("/dev/zero"))


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnplayableError, match="holds no segment"):
        sources(tmp_path)
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(UnplayableError, match="no support bundle"):
        sources(tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "x.tar.xz", "w:xz") as archive:
        archive.addfile(tarfile.TarInfo("a.clprec"))
    with pytest.raises(UnplayableError, match="no support bundle"):
        sources(tmp_path / "x.tar.xz")
    with pytest.raises(FileNotFoundError):
        sources(tmp_path / "none")
