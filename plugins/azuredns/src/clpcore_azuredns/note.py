"""What this boot has taken: a small file that is gone after a reboot.

It is written before the record is, so that whatever happened in between is looked at; without it
nothing of this boot's can stand in the record.
"""

from __future__ import annotations

import json

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Note:
    """What was taken.

    Attributes:
        epoch: of the group's ownership, then.
        etag: of the version that was written; empty: not known to have been written.
        written: milliseconds of ``Ports.now()``; 0: as above.

    """

    epoch: int = 0
    etag: str = ""
    written: int = 0


def read(ports: api.Ports) -> Note | None:
    """Give the note; None: this boot has taken nothing, or has given it back."""
    text = ports.read(_path(ports))
    if text is None:
        return None
    try:
        found = json.loads(text)
        return Note(epoch=int(found["epoch"]), etag=str(found["etag"]), written=int(found["at"]))
    except (ValueError, TypeError, KeyError):
        return Note()  # a damaged note says that something was taken


def write(ports: api.Ports, note: Note) -> None:
    """Note what is about to be taken, or has been."""
    ports.write(
        _path(ports), json.dumps({"epoch": note.epoch, "etag": note.etag, "at": note.written})
    )


def remove(ports: api.Ports) -> None:
    """Note that it was given back."""
    ports.remove(_path(ports))


def _path(ports: api.Ports) -> str:
    return f"{ports.places.run}/taken.json"
