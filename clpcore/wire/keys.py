"""The cluster key file: a ring of keys, and the keys derived from them for each purpose.

Text, one key a line, the same file on every server, mode 0600::

    # comment
    3f9a1c2e q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=

The first key seals, every key opens. To rotate without a gap: add the new key as the last line on
every server, then make it the first line everywhere, then remove the old line everywhere; restart
the agents after each of the three (their resources run on).
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import re
from typing import Final

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_SIZE: Final = 32
MAX_ID: Final = 16
_ID: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_ID}}}", re.ASCII)
_SHAPE: Final = (
    "a line is 'id base64-of-32-bytes'; copy the file of a server that works, "
    "or make a new one with `clp keygen`"
)


class Purpose(enum.Enum):
    """What a derived key is for: no key serves two purposes."""

    HEARTBEAT = "heartbeat"
    SESSION = "session"


class KeyFileError(ValueError):
    """The key file cannot be used. The text names file, line and remedy, never a key."""


@attrs.frozen(repr=False)
class Key:
    """A secret that only makes ciphers and other keys; it is never shown."""

    id: str
    _secret: bytes

    def __attrs_post_init__(self) -> None:
        """Refuse a weak key."""
        if len(self._secret) != KEY_SIZE:
            raise ValueError(f"key {self.id!r} has {len(self._secret)} bytes instead of {KEY_SIZE}")

    def __repr__(self) -> str:
        """Show the id and stars."""
        return f"Key({self.id!r}, ***)"

    def derive(self, label: str, *context: bytes) -> Key:
        """Give the key for *label* in *context* (HKDF-SHA256, every part with its length)."""
        parts = (b"clpcore", label.encode(), *context)
        info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        secret = HKDF(hashes.SHA256(), KEY_SIZE, salt=None, info=info).derive(self._secret)
        return Key(self.id, secret)

    def cipher(self) -> ChaCha20Poly1305:
        """Give the AEAD under this key; its nonces are the caller's and must never repeat."""
        return ChaCha20Poly1305(self._secret)


@attrs.frozen
class KeyRing:
    """The keys of one file, in its order."""

    keys: tuple[Key, ...]

    @property
    def sealing(self) -> Key:
        """Give the key to seal with."""
        return self.keys[0]

    def find(self, key_id: str) -> Key | None:
        """Give the key of this id, or None."""
        return next((key for key in self.keys if key.id == key_id), None)

    def derive(self, purpose: Purpose, cluster: str) -> KeyRing:
        """Give the ring for one purpose in the cluster of this name, under the same ids.

        A cluster of another name does not understand it, even if the file was copied.
        """
        return KeyRing(tuple(key.derive(purpose.value, cluster.encode()) for key in self.keys))


def parse(data: bytes, path: str) -> KeyRing:
    """Read a key file. *path* is for the words of KeyFileError only."""
    # Not strict: a decoding error would carry the whole file, keys included.
    lines = data.decode("ascii", errors="replace").splitlines()
    keys: dict[str, Key] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = _key(words, f"{path}: line {number}")
        if key.id in keys:
            raise KeyFileError(
                f"{path}: line {number}: key id {key.id!r} is used twice: give each key its own"
            )
        keys[key.id] = key
    if not keys:
        raise KeyFileError(f"{path}: no key in it: {_SHAPE}")
    return KeyRing(tuple(keys.values()))


def _key(words: list[str], where: str) -> Key:
    """Make the key of one line. A wrong id is not shown: id and key may have changed places."""
    if len(words) != 2:  # noqa: PLR2004 - id and key
        raise KeyFileError(f"{where}: {len(words)} words instead of two: {_SHAPE}")
    key_id, text = words
    if not _ID.fullmatch(key_id):
        raise KeyFileError(
            f"{where}: the id is not 1 to {MAX_ID} letters, digits, '.', '_', '-': {_SHAPE}"
        )
    try:
        return Key(key_id, base64.b64decode(text, validate=True))
    except binascii.Error:
        raise KeyFileError(f"{where}: the key {key_id!r} is not base64: {_SHAPE}") from None
    except ValueError as error:
        raise KeyFileError(f"{where}: {error}: {_SHAPE}") from None


def generate(randomness: bytes) -> str:
    """Give the text of a new key file with one key, made of 32 random bytes.

    The id is a fingerprint of the key, so that two keys hardly ever share one.
    """
    key_id = hashlib.sha256(b"clpcore key id" + randomness).hexdigest()[:8]
    Key(key_id, randomness)
    return (
        "# clpcore cluster key: the same file on every server, mode 0600.\n"
        "# The first key seals, every key opens.\n"
        f"{key_id} {base64.b64encode(randomness).decode()}\n"
    )
