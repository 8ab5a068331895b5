"""Checks of files: who may touch ours, how much room there is, and what they lie on."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from clpcore.ctl.doctor.case import Case
from clpcore.ctl.doctor.findings import Blind, Finding, error, ok, unknown, warning
from clpcore.ctl.words import said

_MIB: Final = 1024 * 1024
_LEAST: Final = 64 * _MIB  # below it the journal soon cannot be written
_LITTLE: Final = 512 * _MIB
_FEW: Final = 1_000  # inodes
_SECRET: Final = 0o077  # nobody but the owner
_FOREIGN: Final = 0o022  # others may read, not write
_OF_NETWORKS: Final = ("nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.", "9p", "afs")
_OF_CLUSTERS: Final = ("ocfs2", "gfs2")
_VOLATILE: Final = ("tmpfs", "ramfs")


class _Rule(NamedTuple):
    """What is asked of one path: *forbidden* mode bits, and whether the cluster needs it now."""

    path: Path
    forbidden: int
    needed: bool
    missing: str = ""


def paths(case: Case) -> Iterator[Finding]:
    """Look at owner and mode of the places of this server."""
    root = case.where.root
    keygen = said("on one server: `clp keygen`; then copy it to the others: scp -p")
    make = said("docs: how to make a configuration; `clp config new` writes one to begin with")
    rules = (
        _Rule(root.conf, _FOREIGN, needed=True, missing=make),
        _Rule(root.scripts, _FOREIGN, needed=False),
        _Rule(root.key, _SECRET, needed=True, missing=keygen),
        _Rule(root.store.parent, _FOREIGN, needed=False),
        _Rule(root.store, _SECRET, needed=False),
        _Rule(root.logs, _FOREIGN, needed=False),
        _Rule(root.run, _FOREIGN, needed=False),
    )
    for rule in rules:
        yield from _place(case, rule)


def _place(case: Case, rule: _Rule) -> Iterator[Finding]:
    try:
        found = case.machine.stat(rule.path)
    except FileNotFoundError:
        if rule.needed:
            yield error(said("{path} is missing", path=rule.path), "", rule.missing)
        return
    except Blind as why:
        yield unknown(str(rule.path), str(why), why.remedy)
        return
    mode = stat.S_IMODE(found.st_mode)
    value = f"uid {found.st_uid}, {mode:04o}"
    if found.st_uid != case.owner:
        what = said("{path} belongs to another user", path=rule.path)
        yield error(what, value, f"chown {case.owner} {rule.path}")
    elif mode & rule.forbidden:
        what = said("{path} is open to other users", path=rule.path)
        remedy = f"chmod {mode & ~rule.forbidden & 0o7777:04o} {rule.path}"
        yield error(what, value, remedy)
    else:
        yield ok(str(rule.path), value)


def space(case: Case) -> Iterator[Finding]:
    """Look at what is free where the agent writes."""
    root = case.where.root
    seen = set()
    for path in (root.store.parent, root.logs, root.run):
        try:
            place = _there(case, path)
            free, device = case.machine.space(place), case.machine.stat(place).st_dev
        except Blind as why:
            yield unknown(said("free space of {path}", path=path), str(why), why.remedy)
            continue
        if device not in seen:
            seen.add(device)
            yield _room(place, free.f_bavail * free.f_frsize, free.f_favail, free.f_files)


def _there(case: Case, path: Path) -> Path:
    """Give *path*, or of its folders the nearest that exists."""
    for each in (path, *path.parents):
        try:
            case.machine.stat(each)
        except FileNotFoundError:
            continue
        return each
    raise Blind(said("{path} is missing", path=path))


def _room(path: Path, free: int, names: int, most_names: int) -> Finding:
    value = f"{free // _MIB} MiB"
    what = said("free space of {path}", path=path)
    remedy = said("make room on its file system: what cannot be journaled is not begun")
    if most_names and names < _FEW:  # some file systems count none
        return error(said("free inodes of {path}", path=path), str(names), remedy)
    if free < _LEAST:
        return error(what, value, remedy)
    return warning(what, value, remedy) if free < _LITTLE else ok(what, value)


# -- what they lie on


class Mount(NamedTuple):
    """One line of /proc/self/mounts."""

    source: str
    point: str
    type: str
    options: tuple[str, ...]


def mounts(text: str) -> list[Mount]:
    """Read the kernel's list of mounts, or fstab."""
    rows = (line.split() for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [
        Mount(_plain(row[0]), _plain(row[1]), row[2], tuple(row[3].split(",")))
        for row in rows
        if len(row) > 3  # noqa: PLR2004 - device, point, type, options
    ]


def _plain(word: str) -> str:
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\134", "\\")):
        word = word.replace(code, letter)
    return word


def file_systems(case: Case) -> Iterator[Finding]:
    """Look at the file systems of the machine's root and of the store."""
    known = mounts(case.machine.read(Path("/proc/self/mounts")))
    root = case.where.root
    store = _under(known, root.store)
    for mount in dict.fromkeys((_under(known, Path("/")), _under(known, root.conf), store)):
        value = f"{mount.type} {','.join(mount.options)}"
        wrong = list(_doubts(mount, value, keeps=mount is store))
        yield from wrong or [ok(said("file system of {path}", path=mount.point), value)]


def _under(known: list[Mount], path: Path) -> Mount:
    """Give the mount that *path* is on: the last one made of the longest; raises Blind."""
    found = [each for each in known if path.is_relative_to(each.point)]
    if not found:
        raise Blind(said("no mount of {path} is known", path=path))
    return max(enumerate(found), key=lambda it: (len(it[1].point), it[0]))[1]


def _doubts(mount: Mount, value: str, *, keeps: bool) -> Iterator[Finding]:
    """Say what speaks against *mount*; *keeps*: the store is there."""
    path = mount.point
    if mount.type.startswith((*_OF_NETWORKS, *_OF_CLUSTERS)):
        yield error(
            said("{path} is on a network file system: when it hangs, the agent hangs", path=path),
            value,
            said("put it on a disk of this machine alone"),
        )
    if "ro" in mount.options:
        yield error(
            said("{path} is mounted read-only", path=path),
            value,
            said("see why (dmesg: a disk error?), repair it, then: mount -o remount,rw"),
        )
    if keeps and mount.type in _VOLATILE:
        yield error(
            said("{path} is in memory: a reboot forgets who owned what", path=path),
            value,
            said("put it on a disk of this machine alone"),
        )
    if "errors=continue" in mount.options:
        yield warning(
            said("{path} goes on after an error of its disk", path=path),
            value,
            said("mount it with errors=panic, so that a server with a broken disk gives way"),
        )
    if "discard" in mount.options:
        yield warning(
            said("{path} discards while it writes, which stalls the journal", path=path),
            value,
            said("take `discard` out of /etc/fstab; systemctl enable --now fstrim.timer"),
        )


def fstab(case: Case) -> Iterator[Finding]:
    """Look whether the machine would mount a disk of the cluster by itself."""
    disks = [
        (resource.name, resource.settings_for(case.where.server))
        for group in case.config.groups
        for resource in group.resources
        if resource.type == "disk"
    ]
    if not disks:
        return
    path = case.where.root.path / "etc/fstab"
    try:
        rows = mounts(case.machine.read(path))
    except FileNotFoundError:
        rows = []
    for name, settings in disks:
        yield _entry(name, settings, rows, path)


def _entry(name: str, settings: dict[str, object], rows: list[Mount], path: Path) -> Finding:
    device, point = (str(settings.get(key) or "") for key in ("device", "mount_point"))
    mine = [row for row in rows if row.point == point or _same(row.source, device)]
    bad = [row for row in mine if "noauto" not in row.options]
    if bad:
        return error(
            said("{path} mounts the disk of {name} at every boot", path=path, name=name),
            f"{bad[0].source} {bad[0].point}",
            said("take the line out: mounted on two servers at once, its data is destroyed"),
        )
    return ok(said("{path} leaves {name} alone", path=path, name=name), device)


def _same(source: str, device: str) -> bool:
    """Tell whether fstab's *source* is *device*: by path, or by a tag that udev has a link for."""
    tag, sign, value = source.partition("=")
    if sign:
        source = f"/dev/disk/by-{tag.lower()}/{value.strip(chr(34))}"
    return bool(device) and Path(source).resolve() == Path(device).resolve()
