"""``httpnp``: one request to a web server."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import ssl
import urllib.parse
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api

_MARGIN: Final = 100  # ms before the deadline: the answer must be told in time
_KNOCK: Final = 2_000  # ms to find out whether a silent server is there at all
_METHODS: Final = ("HEAD", "GET")
_PORTS: Final = {"http": 80, "https": 443}
# What ``Ports.http`` asks with, and what that would load at its first question.
_LATE: Final = (
    "concurrent.futures.thread",
    "encodings.idna",
    "httpcore._backends.anyio",
    "httpx",
    "anyio._backends._asyncio",
)
_OF_A_GATEWAY: Final = frozenset({502, 503, 504})


@attrs.frozen(kw_only=True)
class Config:
    """``[np.NAME]`` of type ``httpnp``."""

    url: str = api.setting(
        "What is asked for, http or https.", example='"https://witness.example:443/"'
    )
    method: str = api.setting("HEAD or GET.", default="HEAD", example='"GET"')
    accepted_codes: tuple[int, ...] = api.setting(
        "Status codes that count as an answer; empty: any, but through a proxy not 502 to 504.",
        default=(),
        example="[200]",
        low=100,
        high=599,
    )
    request_timeout: int = api.setting(
        "How long one request may take; less than timeout.",
        default=10_000,
        unit="ms",
        example="10",
        low=100,
    )
    ca_file: str = api.setting(
        "PEM file of the authorities to trust; empty: those of the system.",
        default="",
        example='"/etc/clpcore/ca.pem"',
    )
    proxy: str = api.setting(
        "The URL of a proxy; empty: none.", default="", example='"http://10.5.0.9:3128"'
    )


@attrs.frozen
class Httpnp:
    """Asks the web server itself; what it says matters less than that it speaks."""

    config: Config

    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        """Ask once.

        Raises:
            Failed: the machine behind the address is there, but gives no answer: its web server
                is ill, or not trusted; or it could not be asked at all. That says nothing about
                this server's network.

        """
        if not await self._has_address(ports, (call.deadline - ports.now()) // 2):
            return api.Answer.SILENT
        left = call.deadline - ports.now() - _KNOCK - _MARGIN
        try:
            answer = await ports.http(
                self.config.method,
                self.config.url,
                timeout=max(1, min(self.config.request_timeout, left)),
                ca_file=self.config.ca_file,
                proxy=self.config.proxy,
            )
        except api.Misconfigured:
            raise
        except api.Failed as failed:
            ports.tell(str(failed))
            if await ports.connect(*self._first_hop, timeout=_KNOCK) is api.Reach.SILENT:
                return api.Answer.SILENT
            raise
        return self._means(answer, ports)

    @property
    def _first_hop(self) -> tuple[str, int]:
        """Give host and port of whom we connect to: the proxy, or the web server."""
        parts = urllib.parse.urlsplit(self.config.proxy or self.config.url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)

    async def _has_address(self, ports: api.Ports, patience: int) -> bool:
        """Tell whether the name can be looked up within *patience* ms.

        No name server answers a server that is cut off; the resolver's own patience with each of
        them, 10 s by default, is longer than ours.

        Raises:
            Failed: the name servers answer that there is no such name.

        """
        host, port = self._first_hop
        try:
            async with asyncio.timeout(patience / 1_000):
                await ports.outside(socket.getaddrinfo, host, port)
        except TimeoutError:
            ports.tell(f"no name server answers for {host}")
            return False
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                ports.tell(f"no name server answers for {host}: {error.strerror}")
                return False
            raise api.Failed(
                f"{host} cannot be looked up: {error.strerror}; correct url or proxy, best with an"
                " IP address, which needs no name server"
            ) from error
        except (OSError, UnicodeError) as error:  # UnicodeError: no name can be like this
            text = f"{host} cannot be looked up: {error}; correct url or proxy"
            raise api.Failed(text) from error
        return True

    def _means(self, answer: api.HttpAnswer, ports: api.Ports) -> api.Answer:
        accepted = self.config.accepted_codes
        if accepted and answer.status not in accepted:
            ports.tell(f"{self.config.url} said {answer.status}, which is not accepted")
            return api.Answer.SILENT
        if not accepted and self.config.proxy and answer.status in _OF_A_GATEWAY:
            ports.tell(f"the proxy said {answer.status}: it may have reached nobody")
            return api.Answer.UNKNOWN
        return api.Answer.ANSWERED


def validate(config: Config) -> Iterable[api.Problem]:
    """Find URLs that cannot be asked."""
    for key, url in (("url", config.url), ("proxy", config.proxy)):
        if (url or key == "url") and not _is_good(url):
            yield api.Problem(
                key, f"{url} is no URL to ask.", "Write http://HOST or https://HOST:PORT/PATH."
            )
    if config.method not in _METHODS:
        yield api.Problem("method", f"{config.method} is neither HEAD nor GET.", "Write HEAD.")


def _is_good(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def warm_up() -> None:
    """Load what a question needs: the first one may decide whether this server stops itself."""
    for module in _LATE:
        with contextlib.suppress(ImportError):  # another version of it asks with something else
            importlib.import_module(module)
    ssl.create_default_context()


SPEC: Final = api.DriverSpec(
    kind=api.Kind.PARTITION,
    name="httpnp",
    api=api.ApiVersion(0, 1),
    summary="Asks a web server whether this server is cut off.",
    config=Config,
    make=Httpnp,
    validate=validate,
    warm_up=warm_up,
    defaults={"interval": 5_000, "timeout": 20_000, "tries": 1},
)
