"""How a request proves whose it is, and an answer which request it answers.

A visit begins with a hello: the server's nonce under the cluster's key, answered by a *token* that
binds a nonce of the witness's to it. Keys for this visit alone come from both nonces. Each request
then carries the token, a sequence number that is taken once, and an HMAC-SHA256 over method,
target, number and body; each answer an HMAC over the request's, the status and its body. So nothing
that was recorded counts again on either side, and no clock of anybody is compared with another.

    Authorization: CLP1-HELLO cluster key-id nonce proof
    Authorization: CLP1 token sequence proof
    Clp-Proof: proof
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

import attrs

NONCE: Final = 16  # bytes
VISIT: Final = "CLP1"
HELLO: Final = "CLP1-HELLO"
ANSWERED: Final = "Clp-Proof"
WINDOW: Final = 1_024  # sequence numbers that may overtake each other

_MASK: Final = (1 << WINDOW) - 1
_HIGHEST: Final = 1 << 62


def text(raw: bytes) -> str:
    """Give bytes as a word of a header."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw(word: str) -> bytes:
    """Give the bytes of such a word.

    Raises:
        ValueError: it is none.

    """
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(f"no base64: {error}") from error


def digest(key: bytes, *parts: bytes) -> bytes:
    """Give the HMAC over the parts, each with its length."""
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, message, "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Compare two proofs in constant time."""
    return hmac.compare_digest(one, other)


def of_hello(secret: bytes, cluster: str, nonce: bytes) -> bytes:
    """Give the proof of a hello."""
    return digest(secret, b"clp-witness hello", cluster.encode(), nonce)


@attrs.frozen(repr=False)
class Keys:
    """The keys of one visit: one for its requests, one for their answers."""

    asking: bytes
    answering: bytes

    @classmethod
    def of(cls, secret: bytes, token: str, nonce: bytes) -> Keys:
        """Derive them from the cluster's key, what the witness said, and what the server said."""
        parts = (token.encode(), nonce)
        return cls(
            digest(secret, b"clp-witness asking", *parts),
            digest(secret, b"clp-witness answering", *parts),
        )

    def of_request(self, method: str, target: str, sequence: int, body: bytes) -> bytes:
        """Give the proof of a request."""
        head = f"{method} {target} {sequence}\n".encode()
        return hmac.digest(self.asking, head + hashlib.sha256(body).digest(), "sha256")

    def of_answer(self, asked: bytes, status: int, body: bytes) -> bytes:
        """Give the proof of the answer to the request whose proof is *asked*."""
        return hmac.digest(self.answering, asked + b"%d\n" % status + body, "sha256")


class Window:
    """Takes each sequence number once; those far below the highest are late, and refused."""

    def __init__(self) -> None:
        self._highest = 0
        self._taken = 1  # bit n: highest - n was taken; 0 is nobody's

    def take(self, sequence: int) -> bool:
        """Tell whether it is new, and remember it."""
        ahead = sequence - self._highest
        if ahead > 0:
            if sequence >= _HIGHEST:
                return False
            self._taken = ((self._taken << ahead) & _MASK if ahead < WINDOW else 0) | 1
            self._highest = sequence
            return True
        bit = 1 << -ahead
        if sequence < 1 or -ahead >= WINDOW or self._taken & bit:
            return False
        self._taken |= bit
        return True
