"""Which device this server uses: a note in /run, gone at reboot.

A path such as /dev/disk/by-id/... may vanish, or lead elsewhere, while the device is in use. What
was noted stays ours until it is released.
"""

from __future__ import annotations

from clpcore import api
from clpcore_disk.block import Block


def read(ports: api.Ports) -> Block | None:
    """Give the device that was noted, None if none was.

    Raises:
        Failed: the note is damaged.

    """
    text = ports.read(_path(ports))
    if text is None:
        return None
    number, _, path = text.rstrip("\n").partition(" ")
    if not number.replace(":", "", 1).isdecimal() or not path.startswith("/"):
        raise api.Failed(
            f"{_path(ports)} is damaged: nobody knows which device this server uses; look with"
            " findmnt, unmount it by hand, then remove the file"
        )
    return Block(path=path, number=number)


def write(ports: api.Ports, used: Block) -> None:
    """Note that *used* is about to be used; the intent is written down before the deed."""
    ports.write(_path(ports), f"{used.number} {used.path}\n")


def remove(ports: api.Ports) -> None:
    """Forget it: nothing here uses it any more."""
    ports.remove(_path(ports))


def _path(ports: api.Ports) -> str:
    return f"{ports.places.run}/device"
