"""The notices that wait for a message-receive monitor (mrw): a file that goes at reboot.

A line for each: category, keyword, since when; parted by tabs. The driver reads it at each look.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final

from clpcore.model.config import ClusterConfig
from clpcore.model.questions import TakeNotice
from clpcore.runtime import files
from clpcore.runtime.operators.control import Document, refusal
from clpcore.runtime.places import Root

_TYPE: Final = "mrw"
_WORD: Final = re.compile(r"[\w-]{1,100}", re.ASCII)
_MOST: Final = 1_000  # lines: nobody reads more, and each look does


def take(root: Root, config: ClusterConfig, notice: TakeNotice) -> Document:
    """Change the file as *notice* says; give the reply. It blocks, and one comes after the other.

    A notice that is there already stays as it is, with its time; none to clear is fine.
    """
    refused = _wrong(config, notice)
    if refused is not None:
        return refused
    path = _file(root, config, notice.monitor)
    try:
        before = (files.read(path) or "").splitlines()
        lines = _without(before, notice) if notice.clear else _with(before, notice)
        if len(lines) > _MOST:
            return refusal(f"{_MOST} notices wait already", f"clprexec --clear {notice.monitor}")
        if lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, "".join(f"{line}\n" for line in lines))
        else:
            files.remove(path)
    except OSError as error:
        return refusal(f"cannot write {path}: {error.strerror}", "see to the disk")
    return {"ok": True}


def _wrong(config: ClusterConfig, notice: TakeNotice) -> Document | None:
    """Give the refusal of what cannot be; it may come from another server."""
    monitor = config.monitor_by_name.get(notice.monitor)
    if monitor is None or monitor.type != _TYPE:
        text = f"{notice.monitor:.80} is no monitor of type {_TYPE}"
        return refusal(text, f"name a monitor of type {_TYPE}")
    words = [word for word in (notice.category, notice.keyword) if word]
    if not all(map(_WORD.fullmatch, words)) or not (notice.category or notice.clear):
        text = f"{notice.category!r:.80} is no category, or {notice.keyword!r:.80} no keyword"
        return refusal(text, "letters, digits, - and _")
    return None


def _file(root: Root, config: ClusterConfig, name: str) -> Path:
    """Give the file, below the folder of what the monitor watches."""
    monitor = config.monitor_by_name[name]
    about = f"{monitor.group}/{monitor.target}" if monitor.target else f"monitor/{name}"
    return root.run / "resources" / about / "notices" / name


def _with(lines: list[str], notice: TakeNotice) -> list[str]:
    what = [notice.category, notice.keyword]
    if any(line.split("\t")[:2] == what for line in lines):
        return lines
    return [*lines, "\t".join([*what, time.strftime("%Y-%m-%d %H:%M:%S")])]


def _without(lines: list[str], notice: TakeNotice) -> list[str]:
    """Leave out those of the category, and of the keyword if there is one; or all."""
    if not notice.category:
        return []
    what = [notice.category, notice.keyword] if notice.keyword else [notice.category]
    return [line for line in lines if line.split("\t")[: len(what)] != what]
