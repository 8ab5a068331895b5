"""The key that a witness and the servers of one cluster share, as a file on both sides.

Text, one key a line, mode 0600::

    # comment
    Cluster1 3f9a1c2e q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=

The first word is the cluster's name at the witness; all lines of a file have the same. A server
signs with its first key, the witness takes any. To rotate: add the new key as a second line on the
witness and reload it, replace the file on every server, then remove the old line on the witness.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

import attrs

SIZE: Final = 32
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,30}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}", re.ASCII)
_WORDS: Final = 3
_SHAPE: Final = (
    "a line is 'CLUSTER ID base64-of-32-bytes'; copy the file of a server that works, or make a"
    " new pair with `clp-witness keygen CLUSTER`"
)


class BadKeyFile(ValueError):
    """It cannot be used. The text names line and remedy, never a key."""


@attrs.frozen
class Key:
    """One shared secret; it is never shown."""

    cluster: str
    id: str
    secret: bytes = attrs.field(repr=False)


def parse(text: str, path: str) -> tuple[Key, ...]:
    """Read a key file. *path* is for the words of BadKeyFile only."""
    keys: dict[str, Key] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = _key(words, f"{path}, line {number}")
        if key.id in keys or key.cluster != next(iter(keys.values()), key).cluster:
            raise BadKeyFile(
                f"{path}, line {number}: the key ids of a file must differ, and its cluster be one"
            )
        keys[key.id] = key
    if not keys:
        raise BadKeyFile(f"{path}: no key in it: {_SHAPE}")
    return tuple(keys.values())


def _key(words: list[str], where: str) -> Key:
    """Make the key of one line; no word of it is shown, they may have changed places."""
    if len(words) != _WORDS or not NAME.fullmatch(words[0]) or not _ID.fullmatch(words[1]):
        raise BadKeyFile(f"{where}: {_SHAPE}")
    try:
        secret = base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        raise BadKeyFile(f"{where}: the key is not base64: {_SHAPE}") from None
    if len(secret) != SIZE:
        raise BadKeyFile(f"{where}: the key has {len(secret)} bytes instead of {SIZE}: {_SHAPE}")
    return Key(words[0], words[1], secret)


def generate(cluster: str, randomness: bytes, about: str) -> str:
    """Give the text of a file with one key made of 32 random bytes; *about*: its first line.

    The id is a fingerprint of the key, so that two keys hardly ever share one.
    """
    key_id = hashlib.sha256(b"clp-witness key id" + randomness).hexdigest()[:8]
    return f"# {about}\n{cluster} {key_id} {base64.b64encode(randomness).decode()}\n"
