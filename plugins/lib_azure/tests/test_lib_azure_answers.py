"""What Entra and IMDS say when they let nobody in, in our words."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from azure.core.exceptions import HttpResponseError

from clpcore import api
from clpcore_lib_azure import Account, NotSignedIn, Silent, answers, session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure


class Make(Protocol):
    def __call__(self, **changes: Any) -> Account: ...  # noqa: ANN401


def refusal(account: Account, timeout: int = 3_000) -> api.DriverError:
    async def sign_in() -> None:
        try:
            await session.session(account).sign_in(timeout)
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


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Be what answers in the place of the metadata service; gives its host and port."""
    with contextlib.ExitStack() as servers:

        def start(status: int, kind: str, body: str) -> str:
            class Answer(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    self.send_header("Retry-After-ms", "1")  # the SDK asks five times
                    self.end_headers()
                    self.wfile.write(body.encode())

                def log_message(self, *_: object) -> None:
                    """Say nothing."""

            server = servers.enter_context(http.server.HTTPServer(("127.0.0.1", 0), Answer))
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            servers.callback(thread.join)
            servers.callback(server.shutdown)
            where = f"127.0.0.1:{server.server_port}"
            monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://{where}")
            return where

        yield start


@pytest.fixture
def identity(
    azure: Azure, account: Make, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., api.DriverError]:
    """Sign in as a managed identity; the metadata service answers as it is told to."""
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node1"])

    def sign_in(status: int, body: object, client: str = "") -> api.DriverError:
        azure.fault("status", "identity/oauth2/token", status=status, body=body, count=None)
        mine = {"certificate_file": "", "tenant_id": "", "application_id": client}
        return refusal(account(managed_identity=True, **mine))

    return sign_in


@pytest.mark.parametrize(("client", "which"), [("", "an identity"), ("id-1", "the identity id-1")])
def test_a_machine_without_an_identity_is_told(
    identity: Callable[..., api.DriverError], client: str, which: str
) -> None:
    body = {"error": "invalid_request", "error_description": "Identity not found"}
    found = identity(400, body, client)
    assert isinstance(found, NotSignedIn)
    assert f"Assign {which} to this virtual machine" in str(found)


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", "<html>Sign in to the hotel</html>"),
        (200, "application/json", '{"a": "b"}'),
        (400, "text/plain", "No."),
        (403, "application/json", '{"a": "b"}'),
    ],
)
def test_who_answers_in_the_place_of_the_metadata_service_is_named(
    account: Make, serve: Callable[..., str], status: int, kind: str, body: str
) -> None:
    """On a machine that is not Azure's, or behind a proxy: no identity would help."""
    where = serve(status, kind, body)
    mine = {"certificate_file": "", "tenant_id": "", "application_id": ""}
    found = refusal(account(managed_identity=True, **mine))
    assert type(found) is Silent
    assert f"asked was the metadata service at {where} (" in str(found)
    assert "what answered is not Azure's. Does this machine run on Azure?" in str(found)
    assert "Assign" not in str(found)
    assert "management" not in str(found)


def test_a_401_of_the_metadata_service_refuses_no_token_of_ours(
    account: Make, serve: Callable[..., str]
) -> None:
    """It was not shown one: to sign in anew would only ask it again."""
    serve(401, "application/json", '{"error": "who are you"}')
    mine = {"certificate_file": "", "tenant_id": "", "application_id": ""}
    cause = refusal(account(managed_identity=True, **mine)).__cause__
    assert isinstance(cause, HttpResponseError)
    assert cause.status_code == 401
    assert not answers.refuses_token(cause)


def test_a_metadata_service_that_is_busy_is_asked_again(
    account: Make, serve: Callable[..., str]
) -> None:
    serve(501, "application/json", '{"error": "busy"}')
    mine = {"certificate_file": "", "tenant_id": "", "application_id": ""}
    found = refusal(account(managed_identity=True, **mine))
    assert type(found) is Silent
    assert "trouble of its own" in str(found)


def test_a_metadata_service_that_is_not_there_is_named(
    account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is one for all of a question: it does not tell who was late."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        where = f"127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://{where}")
        mine = {"certificate_file": "", "tenant_id": "", "application_id": ""}
        found = refusal(account(managed_identity=True, **mine), timeout=300)
    assert type(found) is Silent
    assert f"or from the metadata service at {where}, in time" in str(found)
