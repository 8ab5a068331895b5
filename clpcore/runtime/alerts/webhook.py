"""To a web server: a POST of JSON for each message."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

import attrs

from clpcore.config.alerts import url_problem
from clpcore.model.alerts import Webhook
from clpcore.runtime.alerts import secrets
from clpcore.runtime.alerts.errors import Refused, Unsent
from clpcore.runtime.alerts.message import Message
from clpcore.runtime.alerts.patience import limited

# Answers about this message; every other one but 2xx is about the way to get there.
_ABOUT_THE_MESSAGE: Final = frozenset({400, 413, 415, 422})
_DONE: Final = range(200, 300)
_MOST: Final = 65_536  # bytes of an answer that are read


@attrs.frozen
class WebhookSender:
    """A connection for each message: what a proxy or a balancer forgets does no harm."""

    settings: Webhook
    at_once: int = 1
    gather: float = 0.0

    def send(self, messages: Sequence[Message]) -> None:
        """Post them.

        Raises:
            Unsent: the server cannot be reached, or wants us to come again.
            Refused: it does not want these.

        """
        url = self._url()
        for message in messages:
            self._post(url, message)

    def _url(self) -> SplitResult:
        text = self.settings.url
        if self.settings.url_file:
            text = secrets.read(self.settings.url_file)
        where = self.settings.url_file or "url"
        if url_problem(text):  # its words may hold a part of what is secret
            raise Unsent(f"{where} holds no URL of a web server, or one with a password in it")
        url = urlsplit(text)
        if url.port == 0:
            raise Unsent(f"{where} holds a URL of port 0")
        return url

    def _post(self, url: SplitResult, message: Message) -> None:
        seconds = self.settings.timeout / 1_000
        port = f":{url.port}" if url.port else ""
        where = f"{url.scheme}://{url.hostname}{port}"  # the rest of it may be a secret
        connection = self._connection(url, seconds)
        try:
            with limited(seconds, lambda: connection.sock):
                path = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
                body = json.dumps(message.document).encode()
                connection.request("POST", path, body, self._headers(message))
                status = connection.getresponse()
                status.read(_MOST)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unsent(f"{where}: {_why(error)}") from error
        finally:
            connection.close()
        if status.status in _ABOUT_THE_MESSAGE:
            raise Refused(f"{where} answered {status.status}")
        if status.status not in _DONE:
            raise Unsent(f"{where} answered {status.status}; redirects are not followed")

    def _connection(self, url: SplitResult, seconds: float) -> http.client.HTTPConnection:
        host = url.hostname or ""
        if url.scheme == "http":
            return http.client.HTTPConnection(host, url.port, timeout=seconds)
        context = trusting(self.settings.ca_file)
        return http.client.HTTPSConnection(host, url.port, timeout=seconds, context=context)

    def _headers(self, message: Message) -> dict[str, str]:
        made = {
            "Content-Type": "application/json",
            "User-Agent": "clpcore",
            "Idempotency-Key": message.id,  # sent at least once: who must know can tell
        }
        if self.settings.token_file:
            made["Authorization"] = f"Bearer {secrets.read(self.settings.token_file)}"
        return made


def trusting(ca_file: str) -> ssl.SSLContext:
    """Give a context that trusts the system's certificates, or those of a file alone.

    Raises:
        Unsent: the file cannot be used.

    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise Unsent(f"{ca_file}: {_why(error)}") from error


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
