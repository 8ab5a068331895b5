"""The way of one worker to Azure: one connection pool, one credential, a client of each kind.

It imports the SDK: only workers and services import it, when they start.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import ssl
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from azure.identity.aio import CertificateCredential, ManagedIdentityCredential

from clpcore import api
from clpcore_lib_azure import answers, certificate, transport
from clpcore_lib_azure.account import Account
from clpcore_lib_azure.errors import Silent
from clpcore_lib_azure.transport import Transport

_T = TypeVar("_T")
_C = TypeVar("_C")

_PARTING: Final = 0.1
_BUDGET: Final = "x-ms-ratelimit-remaining-"
_LATE: Final = (
    "azure.core.rest._aiohttp",
    "azure.identity.aio._credentials.imds",
    "cryptography.hazmat.backends.openssl.backend",
    "encodings.utf_8_sig",
)
_DIGITS: Final = 12  # of a number that is one

# Every request would be told at INFO; what fails is told by us, in words.
logging.getLogger("azure").setLevel(logging.CRITICAL)

_Sessions: TypeAlias = dict[Account, tuple[tuple[int, ...], "Session"]]
_open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Sessions] = weakref.WeakKeyDictionary()


def warm_up() -> None:
    """Import what the SDK would import at its first question; what has moved is left to it."""
    for module in _LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def session(account: Account) -> Session:
    """Give the running loop's session for *account*; a new one when one of its files has changed.

    Call it for each question, it is cheap: who keeps one would keep an old certificate.

    Raises:
        Misconfigured: the certificate cannot sign in.
        Failed: it is not valid yet.

    """
    account = account.whose
    mine = _open.setdefault(asyncio.get_running_loop(), {})
    stamp = certificate.stamp(account)
    before = mine.get(account)
    if before is not None and before[0] == stamp:
        return before[1]
    new = Session(account)
    mine[account] = (stamp, new)
    if before is not None:
        before[1].retire()
    return new


async def close() -> None:
    """Close all sessions of the running loop."""
    for _, each in _open.pop(asyncio.get_running_loop(), {}).values():
        await each.close()


class Session:
    """One account's; get it from ``session``."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.budget: Mapping[str, int] = {}  # what Azure last said that may still be asked, by name
        self.certificate = None if account.managed_identity else _certificate(account)
        trust = _trust(account)
        self._connections = transport.pool(trust)
        # The metadata service, which gives an identity's tokens, is beyond no proxy.
        self._metadata = transport.pool(trust, through_proxy=False)
        self._credential = self._signer()
        self._clients: dict[type, Any] = {}
        self._closing: asyncio.Task[None] | None = None
        self._cut_short = False
        self._was_taken = False  # the resource manager has taken a token of this session

    def client(self, kind: Callable[..., _C]) -> _C:
        """Give the session's client of this class of the SDK, made when first asked for."""
        found = self._clients.get(kind)  # type: ignore[call-overload]
        if found is None:
            found = self._clients[kind] = kind(  # type: ignore[index]
                self._credential,
                self.account.subscription_id,
                base_url=self.account.resource_manager,
                credential_scopes=[self._scope],
                transport=Transport(self._connections, self.account.resource_manager),
                retry_total=0,  # drivers ask again themselves: they know their deadline
                permit_redirects=False,  # nobody answers in the place of who was asked
                raw_response_hook=self._note,
                user_agent="clpcore",
            )
        return found  # type: ignore[no-any-return]

    async def sign_in(self, timeout: int) -> None:  # noqa: ASYNC109 - milliseconds
        """Get a token, or see that there is one; raises as ``ask``."""
        await self.ask("signing in", self._credential.get_token(self._scope), timeout)

    async def ask(
        self,
        what: str,
        question: Awaitable[_T],
        timeout: int,  # noqa: ASYNC109 - milliseconds
    ) -> _T:
        """Await *question*, a call of one of the clients, for *timeout* milliseconds at most.

        Args:
            what: what is asked, as errors name it: "the A record www of example.org".
            question: a coroutine of the SDK.
            timeout: for all of it: signing in, connecting, the answer.

        Raises:
            DriverError: what came of it: see ``clpcore_lib_azure.errors``.

        """
        try:
            async with asyncio.timeout(max(0, timeout) / 1_000):
                return await question
        except asyncio.CancelledError:
            self._cut_short = True
            raise
        except Exception as error:  # the SDK raises what its libraries do
            self._cut_short |= isinstance(error, TimeoutError)
            raise self._told(error, what) from error
        finally:
            if asyncio.iscoroutine(question):
                question.close()  # one that never began would be told as forgotten

    def _told(self, error: Exception, what: str) -> api.DriverError:
        """Give the error for the operator; after a token that has ended, a new session signs in.

        The SDK goes by this server's clock: one that was set back believes in it for longer.
        """
        if not (self._was_taken and answers.refuses_token(error)):
            return answers.told(error, what, self.account)
        _forget(self)
        return Silent(
            f"{what}: Azure answers 401 to a token that it took before; this server signs in anew."
            " Look at its clock (timedatectl)"
        )

    def retire(self) -> None:
        """Close it when what it was asked is answered, or could have been."""

        async def later() -> None:
            try:
                await asyncio.sleep(transport.READ + transport.CONNECT)
            finally:
                await self.close()

        self._closing = asyncio.ensure_future(later())

    async def close(self) -> None:
        """Close it; asked twice ends as if asked once."""
        for each in (*self._clients.values(), self._credential):
            with contextlib.suppress(Exception):
                await each.close()
        self._clients.clear()
        await self._connections.close()
        await self._metadata.close()
        # Its connections are closed in the loop's next rounds; TLS still says good-bye on those
        # whose answer was not waited for.
        await asyncio.sleep(_PARTING if self._cut_short else 0)

    # -- parts

    @property
    def _scope(self) -> str:
        return f"{self.account.audience}/.default"

    def _signer(self) -> CertificateCredential | ManagedIdentityCredential:
        account = self.account
        if self.certificate is None:
            return ManagedIdentityCredential(
                client_id=account.application_id or None,
                transport=Transport(self._metadata, ""),
            )
        return CertificateCredential(
            account.tenant_id,
            account.application_id,
            certificate_data=self.certificate.pem,
            authority=account.authority,
            disable_instance_discovery=account.private,
            transport=Transport(self._connections, account.authority),
            retry_total=1,
            retry_backoff_factor=0.5,
        )

    def _note(self, response: Any) -> None:  # noqa: ANN401 - the SDK's PipelineResponse
        answer = response.http_response
        self.budget = {**self.budget, **_left(answer.headers)}
        self._was_taken |= answer.status_code != answers.UNAUTHORIZED


def _forget(old: Session) -> None:
    """Have the next question go to a new session."""
    mine = _open.get(asyncio.get_running_loop(), {})
    if mine.get(old.account, ((), None))[1] is old:
        del mine[old.account]
        old.retire()


def _left(headers: Mapping[str, str]) -> dict[str, int]:
    """Read what may still be asked: NAME: 7, or ...resource: GROUP/NAME;7,GROUP/OTHER;8."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if name.lower().startswith(_BUDGET):
            found[name.lower().removeprefix(_BUDGET)] = value
            parts = (each.rpartition(";") for each in value.split(","))
            found |= {part.strip(): left for part, _, left in parts if part}
    short = {name: value.strip() for name, value in found.items() if len(value) < _DIGITS}
    return {name: int(value) for name, value in short.items() if value.isdecimal()}


def _certificate(account: Account) -> certificate.Certificate:
    found = certificate.read(account)
    certificate.check_time(account, found, time.time())
    return found


def _trust(account: Account) -> ssl.SSLContext:
    """Make the TLS settings, once: the SDK would make them anew for each request."""
    try:
        return ssl.create_default_context(cafile=account.ca_bundle or None)
    except (OSError, ssl.SSLError) as error:
        raise api.Misconfigured(
            f"ca_bundle {account.ca_bundle} cannot be used ({error.strerror or error}). Correct"
            " the path on this server, or leave it out"
        ) from error
