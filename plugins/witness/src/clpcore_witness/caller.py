"""A server's side of a visit: what it sends, and what it believes; no sockets, no clock."""

from __future__ import annotations

import os
from typing import Final

import attrs

from clpcore_witness import keyfile, proof
from clpcore_witness.proof import Keys
from clpcore_witness.transport import Answered, Question

OK: Final = 200
UNPROVEN: Final = 401
UNDECIDED: Final = 409
_TOKEN: Final = 200  # characters


class Unbelievable(Exception):
    """What came is no answer of a witness that has our key; the text says what to look at."""


@attrs.frozen
class Asked:
    """A question under way, and what its answer must prove."""

    question: Question
    proof: bytes
    keys: Keys


class Caller:
    """One process's visits to one witness; a new one begins when the old one is not known there."""

    def __init__(self, key: keyfile.Key) -> None:
        """*key*: the cluster's."""
        self.key = key
        self._nonce = b""
        self._token = ""
        self._keys: Keys | None = None
        self._sequence = 0

    def hello(self, timeout: int) -> Question:
        """Give the question that begins a visit."""
        self._nonce = os.urandom(proof.NONCE)
        right = proof.of_hello(self.key.secret, self.key.cluster, self._nonce)
        words = (self.key.cluster, self.key.id, proof.text(self._nonce), proof.text(right))
        return Question(
            method="POST",
            target="/v1/hello",
            authorization=f"{proof.HELLO} {' '.join(words)}",
            timeout=timeout,
        )

    def welcome(self, nonce: bytes, answered: Answered) -> None:
        """Take the token that answers the hello with *nonce*.

        Raises:
            Unbelievable: it is none.

        """
        if answered.status == UNPROVEN:
            raise Unbelievable(
                f"it does not know cluster {self.key.cluster} by this key: is the key file there,"
                " the same as here, and was the witness told (SIGHUP)?"
            )
        token = answered.body.decode("latin-1")
        is_one = token.isascii() and token.isprintable() and " " not in token
        if answered.status != OK or not 0 < len(token) <= _TOKEN or not is_one:
            raise Unbelievable(f"status {answered.status} is no welcome: is it a witness?")
        self._token, self._sequence = token, 0
        self._keys = Keys.of(self.key.secret, token, nonce)

    @property
    def nonce(self) -> bytes:
        """Give the nonce of the last hello."""
        return self._nonce

    def ask(self, method: str, target: str, body: bytes, timeout: int) -> Asked | None:
        """Give the question with its proof; None: say hello first."""
        if self._keys is None:
            return None
        self._sequence += 1
        right = self._keys.of_request(method, target, self._sequence, body)
        question = Question(
            method=method,
            target=target,
            authorization=f"{proof.VISIT} {self._token} {self._sequence} {proof.text(right)}",
            body=body,
            timeout=timeout,
        )
        return Asked(question, right, self._keys)

    def is_unknown(self, asked: Asked, answered: Answered) -> bool:
        """Tell whether the witness wants a hello; the visit is over then."""
        if answered.status != UNPROVEN or answered.proof:
            return False
        if asked.keys is self._keys:
            self._keys = None
        return True

    @staticmethod
    def believe(asked: Asked, answered: Answered) -> None:
        """Check that the witness itself gave this answer to this question.

        Raises:
            Unbelievable: nobody knows who did.

        """
        try:
            given = proof.raw(answered.proof)
        except ValueError:
            given = b""
        right = asked.keys.of_answer(asked.proof, answered.status, answered.body)
        if not proof.same(right, given):
            raise Unbelievable(
                f"an answer (status {answered.status}) that is not the witness's own: is there"
                " another server, or a proxy, at this URL?"
            )
