"""What the service must know again after a restart, or after the reboot that an event brought."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Known:
    """What was done for events that are not over.

    Attributes:
        ours: this service has drained the server, and takes it back into service.
        drained: the events for which that was seen to be done: an operator who undrains it during
            one of them has the last word.
        freeze_until: until when others were asked to tolerate a longer silence, in seconds since
            1970; 0: they were not.

    """

    ours: bool = False
    drained: tuple[str, ...] = ()
    freeze_until: int = 0


def load(path: Path) -> Known:
    """Read the file; without one, or with one that nobody can read, nothing is known.

    What is lost then is only who has drained the server: it stays drained, and says so.
    """
    try:
        data = json.loads(path.read_text())
        return Known(
            ours=bool(data["ours"]),
            drained=tuple(str(each) for each in data["drained"]),
            freeze_until=int(data["freeze_until"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def save(path: Path, known: Known) -> None:
    """Write the file whole, so that a power cut leaves the old or the new one.

    Raises:
        OSError: it cannot be written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("w") as file:
        json.dump(attrs.asdict(known), file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    with contextlib.closing(_Folder(path.parent)) as folder:
        os.fsync(folder.descriptor)


class _Folder:
    """An open folder: a file's new name is only kept when the folder is."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)
