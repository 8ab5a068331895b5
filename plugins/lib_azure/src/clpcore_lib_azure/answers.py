"""What the SDK raises, as our errors: each names what Azure answered, and the next step."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from azure.core import exceptions as sdk
from azure.identity import CredentialUnavailableError

from clpcore import api
from clpcore_lib_azure import metadata
from clpcore_lib_azure.account import Account
from clpcore_lib_azure.errors import (
    Absent,
    Changed,
    Conflict,
    Denied,
    NotSignedIn,
    Silent,
    Throttled,
)

_LONGEST: Final = 400  # characters of what Azure says
_LOOKED_AT: Final = 10_000  # of which it is made
_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}(\.[\w-]+)*")  # what begins like this may open doors
_AADSTS: Final = re.compile(r"AADSTS(\d+)")
_TRACE: Final = re.compile(r"(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_ACTION: Final = re.compile(r"perform action '([^']{1,200})'")
_SCOPE: Final = re.compile(r"over scope '([^']{1,500})'")
UNAUTHORIZED: Final = 401
_REFUSED, _FORBIDDEN, _SLOW, _ITS_FAULT = 400, 403, 408, 500  # HTTP's
_BUSY_SERVICE: Final = {410, 429}  # the metadata service when it is updated, or asked too often
_GONE: Final = ("expired", "key used is expired")

# By the number of Entra's answer; {a} is the account.
_SIGN_IN: Final = {
    "90002": "There is no tenant {a.tenant_id}: correct tenant_id.",
    "900023": "There is no tenant {a.tenant_id}: correct tenant_id.",
    "700016": "Correct application_id, or tenant_id: the application {a.application_id} is not"
    " known in the tenant {a.tenant_id}.",
    "7000229": "Make a service principal of {a.application_id} in the tenant {a.tenant_id}"
    " (`az ad sp create`), or correct tenant_id.",
    "700027": "Register the certificate of certificate_file {a.certificate_file} with the"
    " application {a.application_id} (`az ad app credential reset --cert`), or name another file.",
    "7000215": "Register the certificate of certificate_file {a.certificate_file} with the"
    " application {a.application_id}.",
    "7000222": "Make a new certificate, and register it: docs/howto/azure-dns.md.",  # expired
    "50105": "Assign the application {a.application_id} to a role.",
    "7000112": "The application {a.application_id} is disabled: enable it.",
    "53003": "Exempt the service principal from the tenant's conditional access, or sign in from a"
    " permitted address.",
    "500011": "Correct audience: {a.audience} is not known in the tenant {a.tenant_id}.",
}
_CLOCK: Final = {"700024", "50013", "700030"}  # outside its time, says Entra
_PERSONAL: Final = {"50020", "500200", "9002346"}
_BUSY: Final = {"90033", "50196"}  # transient, or asked too often


def told(error: Exception, what: str, account: Account) -> api.DriverError:
    """Give the error for the operator; *what* was asked, as in "zone cluster1.zone"."""
    match error:
        case api.DriverError():
            return error
        case CredentialUnavailableError():
            return _of_identity(error, account)
        case sdk.HttpResponseError() if _is_of_metadata(error):
            return _of_identity(error, account)
        case sdk.HttpResponseError() if error.status_code is not None:
            return _of_status(error, what, account)
        case sdk.ClientAuthenticationError():
            return NotSignedIn(f"{_cannot(account)}: {clean(error.message)}")
        case TimeoutError():
            return _late(what, account)
        case sdk.ServiceRequestError() | sdk.ServiceResponseError():
            return _of_transport(error, what, account)
        case aiohttp.ClientError() | OSError():
            return _of_transport(error, what, account)
    return _nonsense(error, what, account)


def refuses_token(error: Exception) -> bool:
    """Tell whether the resource manager does not take our token; what Entra refuses is another."""
    if not isinstance(error, sdk.HttpResponseError) or _is_of_metadata(error):
        return False
    return error.status_code == UNAUTHORIZED and not _aadsts(error)


def clean(text: object) -> str:
    """Give text of a stranger on one line, without what is only for Microsoft's support."""
    line = _TRACE.sub("", str(text)[:_LOOKED_AT].partition("\n")[0])
    line = _TOKEN.sub("***", "".join(char if char.isprintable() else " " for char in line))
    return line[:_LONGEST].strip().rstrip(".")


_REACH: Final = "Can this server reach it (firewall, proxy, name servers)?"


def _host(account: Account) -> str:
    return account.resource_manager.partition("://")[2]


def _cannot(account: Account) -> str:
    if account.managed_identity:
        who = f"the managed identity {account.application_id or 'of this machine'}"
        return f"{who} cannot sign in: asked was the metadata service at {_service()}"
    return f"{account.application_id} cannot sign in at {account.authority.partition('://')[2]}"


def _service() -> str:
    return metadata.address().partition("://")[2]


# -- answers


def _of_status(error: sdk.HttpResponseError, what: str, account: Account) -> api.DriverError:
    status, code, words = error.status_code or 0, _code(error), _words(error)
    if status < _REFUSED:  # and yet an error: it could not be read
        return _nonsense(error, what, account)
    said = f"{what}: Azure answers {status}" + (f" {code}" if code else "")
    if number := _aadsts(error):
        return _of_sign_in(number, error.message, account)
    if status == _FORBIDDEN:
        return _denied(said, words, account)
    said += f" ({words})" if words else ""
    match status:
        case 401:
            return NotSignedIn(
                f"{said}. Correct tenant_id ({account.tenant_id}) and audience"
                f" ({account.audience}): the token is for somebody else; or look at the clock"
            )
        case 404:
            remedy = "Correct subscription_id, resource_group and the name"
            return Absent(f"{said}. {remedy}", code)
        case 409:
            return Conflict(f"{said}. Look at it in the portal")
        case 412:
            return Changed(f"{said}. Somebody else has changed it")
        case 429:
            wait = _wait(error)
            when = f"after {wait / 1_000:g} s" if wait else "less often"
            return Throttled(f"{said}. It wants to be asked {when}", wait)
    if status == _SLOW or status >= _ITS_FAULT:
        return Silent(f"{said}. That is Azure's own trouble: status.azure.com")
    return api.Misconfigured(f"{said}. Correct the setting that it names")


def _denied(said: str, words: str, account: Account) -> Denied:
    action = next(iter(_ACTION.findall(words)), "")
    scope = next(iter(_SCOPE.findall(words)), "")
    who = account.application_id or "the managed identity"
    if not action:
        said += f" ({words})" if words else ""
        return Denied(f"{said}. Look at the roles of {who}, at locks and policies")
    said += f": {who} may not {action} on {scope or 'it'}"
    return Denied(f"{said}. Give it a role with this action there", action, scope)


def _code(error: sdk.HttpResponseError) -> str:
    code = getattr(error.error, "code", None) or ""
    return clean(code)[:80]


def _words(error: sdk.HttpResponseError) -> str:
    return clean(getattr(error.error, "message", None) or "")


def _wait(error: sdk.HttpResponseError) -> int:
    """Give Retry-After in milliseconds; 0 without one, or with one that is no number."""
    headers = getattr(error.response, "headers", {})
    text = str(headers.get("Retry-After", "")).strip()
    return int(text) * 1_000 if text.isdecimal() and len(text) < 7 else 0  # noqa: PLR2004 - 11 days


# -- signing in


def _aadsts(error: sdk.HttpResponseError) -> str:
    found = _AADSTS.search(error.message or "")
    return found[1] if found else ""


def _of_sign_in(number: str, words: str, account: Account) -> api.DriverError:
    words = clean(words[words.index("AADSTS") :]).rstrip("'").rstrip(".")
    said = f"{_cannot(account)}: {words}"
    if number in _CLOCK or "within its valid time range" in words:
        return api.Failed(f"{said}. Set the clock of this server (timedatectl): it is minutes off")
    if number in _BUSY:
        return Silent(f"{said}. Entra wants to be asked again later")
    if number in _PERSONAL:
        return NotSignedIn(f"{said}. Personal accounts cannot: use a service principal")
    if number == "700027" and any(word in words for word in _GONE):
        number = "7000222"
    remedy = _SIGN_IN.get(number, "Look at the application in the portal: Entra ID, Applications.")
    return NotSignedIn(f"{said}. {remedy.format(a=account)}")


def _of_identity(error: sdk.HttpResponseError, account: Account) -> api.DriverError:
    """Give the error of the metadata service, or of whoever answers in its place."""
    said = f"{_cannot(account)} ({clean(error.message)})"
    if "no response" in error.message or any(isinstance(e, OSError) for e in _causes(error)):
        return Silent(f"{said}. Does this machine run on Azure, and reach {_service()}?")
    statuses = [status for e in _causes(error) if (status := getattr(e, "status_code", None))]
    is_its_own = "content type" not in error.message  # it speaks JSON, whatever it says
    if is_its_own and _REFUSED in statuses:
        which = (
            f"the identity {account.application_id}" if account.application_id else "an identity"
        )
        return NotSignedIn(f"{said}. Assign {which} to this virtual machine")
    if is_its_own and any(each in _BUSY_SERVICE or each >= _ITS_FAULT for each in statuses):
        return Silent(f"{said}. It has trouble of its own, and is asked again")
    return Silent(
        f"{said}, and what answered is not Azure's. Does this machine run on Azure? Then let"
        f" nothing else, as a proxy, answer at {_service()}"
    )


def _is_of_metadata(error: sdk.HttpResponseError) -> bool:
    request = getattr(error.response, "request", None)
    return urlsplit(str(getattr(request, "url", ""))).path.startswith(metadata.IDENTITY)


# -- no answer


def _late(what: str, account: Account) -> Silent:
    where = _host(account)
    if account.managed_identity:  # one deadline for both: nobody knows which one was late
        where = f"{where}, or from the metadata service at {_service()},"
    return Silent(f"{what}: no answer from {where} in time. {_REACH}")


def _nonsense(error: Exception, what: str, account: Account) -> Silent:
    return Silent(
        f"{what}: what {_host(account)} answered is no answer of Azure's"
        f" ({type(error).__name__}). Is a proxy in the way?"
    )


def _of_transport(error: Exception, what: str, account: Account) -> api.DriverError:
    causes = list(_causes(error))
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        why = next((w for e in causes if (w := getattr(e, "verify_message", ""))), "")
        return api.Misconfigured(
            f"{what}: {_host(account)} is not trusted ({clean(why or error)})."
            " Name its authority in ca_bundle, or find out who answers in its place"
        )
    if any(isinstance(each, TimeoutError) for each in causes):
        return _late(what, account)
    return Silent(f"{what}: no answer from {_host(account)} ({clean(error)}). {_REACH}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give the error and what is behind it; a chain that bites its tail ends."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen:
        seen.append(at)
        yield at
        at = getattr(at, "inner_exception", None) or at.__cause__ or at.__context__
