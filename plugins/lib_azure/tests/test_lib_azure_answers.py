"""What Entra and IMDS say when they let nobody in, in our words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clpcore import api
from clpcore_lib_azure import Account, NotSignedIn, Silent, session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure


class Make(Protocol):
    def __call__(self, **changes: Any) -> Account: ...  # noqa: ANN401


def refusal(account: Account) -> api.DriverError:
    async def sign_in() -> None:
        try:
            await session.session(account).sign_in(3_000)
        finally:
            await session.close()

    with pytest.raises(api.DriverError) as raised:
        asyncio.run(sign_in())
    return raised.value


@pytest.mark.parametrize(
    ("said", "error", "remedy"),
    [
        ("AADSTS90002: Tenant 'x' not found.", NotSignedIn, "correct tenant_id"),
        ("AADSTS7000229: The client application is missing.", NotSignedIn, "az ad sp create"),
        (
            "AADSTS700027: [Reason - The key used is expired.]",
            NotSignedIn,
            "Make a new certificate",
        ),
        ("AADSTS7000112: Application is disabled.", NotSignedIn, "enable it"),
        ("AADSTS50020: User account from identity provider.", NotSignedIn, "Personal accounts"),
        ("AADSTS53003: Access has been blocked.", NotSignedIn, "conditional access"),
        ("AADSTS500011: The resource was not found.", NotSignedIn, "Correct audience"),
        ("AADSTS99999: Something new.", NotSignedIn, "Look at the application in the portal"),
        ("AADSTS700024: not within its valid time range.", api.Failed, "Set the clock"),
        ("AADSTS90033: A transient error.", Silent, "again later"),
    ],
)
def test_each_refusal_has_a_remedy(
    azure: Azure, account: Make, said: str, error: type[Exception], remedy: str
) -> None:
    trace = " Trace ID: 0d5c Correlation ID: 7e Timestamp: 2026-11-23"
    body = {"error": "invalid_client", "error_description": said + trace}
    azure.fault("status", "oauth2/v2.0/token", status=401, body=body, count=None)
    found = refusal(account())
    assert type(found) is error
    assert said.split(":", maxsplit=1)[0] in str(found)
    assert remedy in str(found)
    assert "Trace ID" not in str(found)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_entra_that_is_ill_is_asked_again(azure: Azure, account: Make, status: int) -> None:
    azure.fault("status", "oauth2/v2.0/token", status=status, count=None)
    assert isinstance(refusal(account()), Silent)


def test_a_machine_without_an_identity_is_told(
    azure: Azure, account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node1"])
    body = {"error": "invalid_request", "error_description": "Identity not found"}
    azure.fault("status", "identity/oauth2/token", status=400, body=body, count=None)
    mine = account(managed_identity=True, certificate_file="", application_id="", tenant_id="")
    found = refusal(mine)
    assert isinstance(found, NotSignedIn)
    assert "Assign an identity to this virtual machine" in str(found)
