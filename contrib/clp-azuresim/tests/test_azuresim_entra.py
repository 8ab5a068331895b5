"""Signing in with the real azure-identity: what Entra takes, and the words of its refusals."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity import CertificateCredential
from azure.identity.aio import CertificateCredential as AioCertificateCredential
from azure.mgmt.dns import DnsManagementClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from clp_azuresim.azure import Azure
from clp_azuresim.tokens import is_audience

SignIn = Callable[..., CertificateCredential]
_OTHER = "99999999-9999-9999-9999-999999999999"


@pytest.fixture
def scope(azure: Azure) -> str:
    return f"{azure.url}/.default"


@pytest.fixture
def web(azure: Azure) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    with httpx.Client(verify=context) as client:
        yield client


def test_the_synchronous_client_signs_in(azure_sign_in: SignIn, scope: str) -> None:
    assert azure_sign_in().get_token(scope).expires_on > time.time() + 3000


async def _signed_in(azure: Azure, tenant: str = "") -> str:
    """Sign in with the asynchronous client over a session with a context of its own."""
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    connector = aiohttp.TCPConnector(ssl=context)
    async with (
        aiohttp.ClientSession(connector=connector, auto_decompress=False) as session,
        AioCertificateCredential(
            tenant or azure.tenant,
            azure.application,
            str(azure.certificate()),
            authority=azure.url,
            disable_instance_discovery=True,
            transport=AioHttpTransport(session=session, session_owner=False),
        ) as credential,
    ):
        return (await credential.get_token(f"{azure.url}/.default")).token


def test_the_asynchronous_client_signs_in(azure: Azure) -> None:
    assert asyncio.run(_signed_in(azure))
    with pytest.raises(ClientAuthenticationError, match="AADSTS90002: Tenant"):
        asyncio.run(_signed_in(azure, tenant=_OTHER))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"sort": "expired"}, "AADSTS700027: Client assertion failed signature validation."),
        ({"sort": "early"}, "AADSTS700027"),
        ({"sort": "unregistered"}, "AADSTS700027: The certificate with identifier used"),
        ({"tenant": _OTHER}, "double check your tenant name or GUID"),  # the client's own words
        ({"application": _OTHER}, "AADSTS700016: Application with identifier"),
    ],
)
def test_entra_refuses(azure_sign_in: SignIn, scope: str, wrong: dict[str, str], code: str) -> None:
    with pytest.raises(ClientAuthenticationError, match=code):
        azure_sign_in(**wrong).get_token(scope)


def test_an_elliptic_key_never_gets_as_far(azure: Azure, azure_sign_in: SignIn) -> None:
    with pytest.raises(ValueError, match="RSA"):
        azure_sign_in("elliptic")
    assert azure.journal() == []


def test_an_expired_certificate_is_told_with_its_times(azure_sign_in: SignIn, scope: str) -> None:
    with pytest.raises(ClientAuthenticationError, match=r"The key used is expired.*Start=.*End="):
        azure_sign_in("expired").get_token(scope)


def test_a_clock_that_is_wrong_is_told(azure: Azure, azure_sign_in: SignIn, scope: str) -> None:
    azure.set_tokens(skew=7200)
    with pytest.raises(ClientAuthenticationError, match="AADSTS700024"):
        azure_sign_in().get_token(scope)


def test_addresses_may_have_the_port_of_https_in_them() -> None:
    assert is_audience("https://10.5.0.62:443/", "https://10.5.0.62")
    assert is_audience("https://10.5.0.62", "https://10.5.0.62:443")
    assert not is_audience("https://10.5.0.62:8443", "https://10.5.0.62")


def test_a_scope_of_another_api_is_refused(azure_sign_in: SignIn) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        azure_sign_in().get_token("https://graph.example/.default")


def test_certificates_taken_away_sign_in_no_more(
    azure: Azure, azure_sign_in: SignIn, scope: str
) -> None:
    azure.unregister()
    with pytest.raises(ClientAuthenticationError, match="The key was not found"):
        azure_sign_in().get_token(scope)


def _signed(azure: Azure, *, header: str, algorithm: str, **claims: object) -> dict[str, str]:
    """Give the form of a sign-in whose assertion has these claims."""
    pem = azure.certificate().read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    digest = hashes.SHA1() if header == "x5t" else hashes.SHA256()  # noqa: S303
    thumb = base64.urlsafe_b64encode(certificate.fingerprint(digest)).rstrip(b"=").decode()
    now = int(time.time())
    told = {
        "aud": f"{azure.url}/{azure.tenant}/oauth2/v2.0/token",
        "iss": azure.application,
        "sub": azure.application,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    key = serialization.load_pem_private_key(pem, None)
    return {
        "grant_type": "client_credentials",
        "client_id": azure.application,
        "scope": f"{azure.url}/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(told, key, algorithm, {header: thumb}),  # type: ignore[arg-type]
    }


def _asked(azure: Azure, web: httpx.Client, form: dict[str, str]) -> httpx.Response:
    return web.post(f"{azure.url}/{azure.tenant}/oauth2/v2.0/token", data=form)


@pytest.mark.parametrize(("header", "algorithm"), [("x5t", "RS256"), ("x5t#S256", "PS256")])
def test_both_ways_to_sign(azure: Azure, web: httpx.Client, header: str, algorithm: str) -> None:
    answer = _asked(azure, web, _signed(azure, header=header, algorithm=algorithm))
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://login.microsoftonline.com/x"}, 700023),
        ({"iss": _OTHER}, 700021),
        ({"sub": _OTHER}, 700021),
        ({"exp": 1_700_000_000, "iat": 1_699_999_000}, 700024),
        ({"jti": None}, 50027),
    ],
)
def test_claims_are_judged(
    azure: Azure, web: httpx.Client, claims: dict[str, Any], code: int
) -> None:
    answer = _asked(azure, web, _signed(azure, header="x5t", algorithm="RS256", **claims))
    assert answer.json()["error_codes"] == [code]


def test_a_signature_of_another_key_is_refused(azure: Azure, web: httpx.Client) -> None:
    form = _signed(azure, header="x5t", algorithm="RS256")
    head, body, signature = form["client_assertion"].split(".")
    forged = "A" + signature[1:] if signature[0] != "A" else "B" + signature[1:]
    answer = _asked(azure, web, {**form, "client_assertion": f"{head}.{body}.{forged}"})
    assert answer.status_code == 401
    assert answer.json()["error_codes"] == [700027]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"client_assertion": ""}, 7000218),
        ({"client_assertion": "no token"}, 50027),
        ({"grant_type": "password"}, 70003),
        ({"scope": "openid"}, 1002012),
    ],
)
def test_forms_are_judged(azure: Azure, web: httpx.Client, form: dict[str, str], code: int) -> None:
    good = _signed(azure, header="x5t", algorithm="RS256")
    assert _asked(azure, web, {**good, **form}).json()["error_codes"] == [code]


def test_a_token_is_used_again_until_it_expires(
    azure: Azure, azure_dns: DnsManagementClient
) -> None:
    for _ in range(3):
        azure_dns.zones.get("TestGroup1", "cluster1.zone")
    assert len(azure.journal("oauth2")) == 1


def test_no_secret_is_in_the_journal(azure: Azure, azure_sign_in: SignIn, scope: str) -> None:
    token = azure_sign_in().get_token(scope).token
    told = repr(azure.journal())
    assert {entry.service for entry in azure.journal()} == {"entra"}
    assert token not in told
    assert "eyJ" not in told
    assert "PRIVATE" not in repr(Path(azure.certificate())) + told
