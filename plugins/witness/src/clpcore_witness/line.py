"""What both drivers share: where the witness is, and one proven question through the ports."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_witness import keyfile, transport
from clpcore_witness.caller import OK, Asked, Caller, Unbelievable
from clpcore_witness.transport import Answered, Question, Where

_MARGIN: Final = 50  # ms before the deadline: the answer must be told in time
_TRIES: Final = 5  # a kept connection that had ended, a visit that was forgotten, a hello


@attrs.frozen(kw_only=True)
class Connection:
    """Where the witness is; ``[heartbeat.NAME]`` and ``[arbiter.NAME]`` have the same keys."""

    url: str = api.setting(
        "Where the witness service is, http or https.", example='"https://witness.example:443"'
    )
    key_file: str = api.setting(
        "The cluster's key for this witness, made by clp-witness keygen; mode 0600.",
        default="/etc/clpcore/witness.key",
        example='"/etc/clpcore/witness.key"',
    )
    ca_file: str = api.setting(
        "PEM file of the authorities to trust; empty: those of the system.",
        default="",
        example='"/etc/clpcore/ca.pem"',
    )
    proxy: str = api.setting(
        "The URL of an HTTP proxy; empty: none.", default="", example='"http://10.5.0.9:3128"'
    )
    request_timeout: int = api.setting(
        "How long one request may take.", default=10_000, unit="ms", example="10", low=100
    )


def validate(config: Connection) -> Iterable[api.Problem]:
    """Find URLs that cannot be asked."""
    for key, url in (("url", config.url), ("proxy", config.proxy)):
        if (url or key == "url") and not _is_good(url):
            yield api.Problem(key, f"{url} is no URL to ask.", "Write https://HOST:PORT.")
    if "@" in config.url:
        yield api.Problem("url", "url names a user: nobody logs in there.", "Write https://HOST.")
    if not config.key_file.startswith("/"):
        what = f"{config.key_file} is no absolute path."
        yield api.Problem("key_file", what, "Write /etc/clpcore/witness.key.")


def _is_good(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        its = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return its and parts.path in ("", "/") and not parts.query and not parts.fragment


class Line:
    """One process's talk with the witness of a configuration."""

    def __init__(self, config: Connection, purpose: str) -> None:
        """*purpose* has connections of its own."""
        self._config = config
        self.where = Where(config.url, config.ca_file, config.proxy, purpose)
        self._caller: Caller | None = None

    async def ask(
        self, ports: api.Ports, method: str, target: str, body: bytes = b"", deadline: int = 0
    ) -> bytes:
        """Give what the witness says.

        Args:
            ports: those of the call.
            method: GET or POST.
            target: path and query.
            body: of the request.
            deadline: ms of ``ports.now()``; 0: none but the request timeout.

        Raises:
            Failed: no answer, or none that says what is so.
            Misconfigured: URL, key file or authorities cannot be used.

        """
        caller = self._known(ports)
        until = ports.now() + self._config.request_timeout
        until = min(until, deadline - _MARGIN) if deadline else until
        for _ in range(_TRIES):
            asked = caller.ask(method, target, body, self._left(ports, until))
            if asked is None:
                await self._hello(ports, caller, until)
                continue
            answered = await self._send(ports, asked.question)
            if answered is not None and not caller.is_unknown(asked, answered):
                return self._told(asked, answered)
        raise self._failed("it takes no request of ours; its log says why")

    async def _hello(self, ports: api.Ports, caller: Caller, until: int) -> None:
        question = caller.hello(self._left(ports, until))
        nonce = caller.nonce
        if (answered := await self._send(ports, question)) is not None:
            try:
                caller.welcome(nonce, answered)
            except Unbelievable as error:
                raise self._failed(str(error)) from error

    async def _send(self, ports: api.Ports, question: Question) -> Answered | None:
        """Give the answer; None: the kept connection had ended, ask again."""
        try:
            return await ports.outside(transport.ask, self.where, question)
        except transport.Stale:
            return None
        except transport.Unusable as error:
            raise api.Misconfigured(str(error)) from error
        except TimeoutError as error:
            text = f"no answer within {question.timeout / 1_000:.1f} s"
            raise self._failed(text) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: no name can be like this
            raise self._failed(str(error) or type(error).__name__) from error

    def _told(self, asked: Asked, answered: Answered) -> bytes:
        try:
            Caller.believe(asked, answered)
        except Unbelievable as error:
            raise self._failed(str(error)) from error
        if answered.status != OK:
            raise self._failed(answered.body.decode("utf-8", "replace")[:500])
        return answered.body

    def _known(self, ports: api.Ports) -> Caller:
        """Give the caller under the key that is in the file now."""
        path = self._config.key_file
        text = ports.read(path)
        if text is None:
            raise api.Misconfigured(
                f"{path} is not there: copy CLUSTER.server.key of `clp-witness keygen CLUSTER`"
            )
        try:
            key = keyfile.parse(text, path)[0]
        except keyfile.BadKeyFile as error:
            raise api.Misconfigured(str(error)) from error
        if self._caller is None or self._caller.key != key:
            self._caller = Caller(key)
        return self._caller

    def _left(self, ports: api.Ports, until: int) -> int:
        if (left := until - ports.now()) <= 0:
            raise self._failed("no answer in time")
        return left

    def _failed(self, what: str) -> api.Failed:
        return api.Failed(f"witness {self._config.url}: {what}")
