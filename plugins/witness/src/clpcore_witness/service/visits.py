"""Who is asking: hellos, tokens, and the proof of every request (``clpcore_witness.proof``).

A hello costs one HMAC and no memory, known cluster or not: the token that answers it holds all that
we need, under a secret of this start of the service. A visit takes memory when its first request
has proven the cluster's key. A token begins a visit only within 30 s, and a visit is forgotten only
when it was silent for longer than that: so no number of it is ever taken twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from clpcore_witness import keyfile, proof

_TO_BEGIN: Final = 30_000  # ms from the token to the first request
_SILENT: Final = 180_000  # ms after which a visit is forgotten
_MOST: Final = 1_024  # visits of a cluster
_TOKEN: Final = 8 + proof.NONCE + proof.NONCE  # issued, the server's nonce, ours
_SEAL: Final = 16
_LONGEST: Final = 200  # characters of a token


class Unproven(Exception):
    """Nobody we know; the text is for our log, not for who asks."""


@attrs.define
class Visit:
    """One server's process that talks to us."""

    key: keyfile.Key
    keys: proof.Keys
    window: proof.Window
    last: int

    @property
    def cluster(self) -> str:
        """Give whose it is."""
        return self.key.cluster


class Visits:
    """All visits, and the keys that may begin one."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """Nobody is known yet: see ``accept``."""
        self._clock = clock
        self._secret = os.urandom(32)
        self._keys: dict[tuple[str, str], keyfile.Key] = {}
        self._visits: dict[str, Visit] = {}
        self._count: dict[str, int] = {}

    def accept(self, keys: Iterable[keyfile.Key]) -> None:
        """Know these keys from now on, and no others: visits under others end."""
        self._keys = {(key.cluster, key.id): key for key in keys}
        for token, visit in list(self._visits.items()):
            if self._keys.get((visit.key.cluster, visit.key.id)) != visit.key:
                self._forget(token)

    def hello(self, words: list[str]) -> str:
        """Give a token for *cluster key-id nonce proof*.

        Raises:
            Unproven: it is not under a key of that cluster.

        """
        if len(words) != 4:  # noqa: PLR2004 - as the docstring says
            raise Unproven("a hello of another shape")
        cluster, key_id, nonce_word, proof_word = words
        key = self._keys.get((cluster, key_id))
        try:
            nonce, given = proof.raw(nonce_word), proof.raw(proof_word)
        except ValueError as error:
            raise Unproven(f"a hello of another shape: {error}") from error
        secret = key.secret if key else self._secret  # the same work for who is not known
        right = proof.same(proof.of_hello(secret, cluster, nonce), given)
        if key is None or not right or len(nonce) != proof.NONCE:
            known = "with another key" if key else "that has no such key here"
            raise Unproven(f"a hello of a cluster {known}: {cluster!r:.40}, key id {key_id!r:.20}")
        issued = self._clock().to_bytes(8, "big")
        inside = issued + nonce + os.urandom(proof.NONCE)
        return f"{cluster}.{key_id}.{proof.text(inside + self._seal(cluster, key_id, inside))}"

    def check(self, words: list[str], method: str, target: str, body: bytes) -> tuple[Visit, bytes]:
        """Give the visit of a request with *token sequence proof*, and that proof.

        Raises:
            Unproven: it is none, or was taken before.

        """
        if len(words) != 3 or not words[1].isdecimal() or len(words[1]) > 19:  # noqa: PLR2004 - see above
            raise Unproven("a request of another shape")
        token, number_word, proof_word = words
        visit = self._visits.get(token) or self._opened(token)
        number = int(number_word)
        expected = visit.keys.of_request(method, target, number, body)
        try:
            right = proof.same(expected, proof.raw(proof_word))
        except ValueError as error:
            raise Unproven(f"a request of another shape: {error}") from error
        if not right:
            raise Unproven(f"a request with a wrong proof, as of cluster {visit.cluster}")
        if token not in self._visits:
            self._begin(token, visit)
        if not visit.window.take(number):
            raise Unproven(f"a request that was taken before, of cluster {visit.cluster}")
        visit.last = self._clock()
        return visit, expected

    def sweep(self) -> None:
        """Forget visits that were silent for long."""
        oldest = self._clock() - _SILENT
        for token in [token for token, visit in self._visits.items() if visit.last < oldest]:
            self._forget(token)

    def _opened(self, token: str) -> Visit:
        """Read a token of ours that has begun no visit yet."""
        cluster, _, rest = token.partition(".")
        key_id, _, word = rest.partition(".")
        key = self._keys.get((cluster, key_id))
        try:
            inside = proof.raw(word) if len(token) <= _LONGEST else b""
        except ValueError:
            inside = b""
        inside, seal = inside[:_TOKEN], inside[_TOKEN:]
        if key is None or not proof.same(self._seal(cluster, key_id, inside), seal):
            raise Unproven("a token that is not of this start of the witness")
        age = self._clock() - int.from_bytes(inside[:8], "big")
        if not 0 <= age <= _TO_BEGIN:
            raise Unproven("a token that is too old")
        keys = proof.Keys.of(key.secret, token, inside[8 : 8 + proof.NONCE])
        return Visit(key, keys, proof.Window(), self._clock())

    def _begin(self, token: str, visit: Visit) -> None:
        if self._count.get(visit.cluster, 0) >= _MOST:
            raise Unproven(f"more than {_MOST} visits of cluster {visit.cluster}")
        self._visits[token] = visit
        self._count[visit.cluster] = self._count.get(visit.cluster, 0) + 1

    def _forget(self, token: str) -> None:
        self._count[self._visits.pop(token).cluster] -= 1

    def _seal(self, cluster: str, key_id: str, inside: bytes) -> bytes:
        parts = (cluster.encode(), key_id.encode(), inside)
        return proof.digest(self._secret, *parts)[:_SEAL]
