"""Questions to a simulated Azure through the real SDK: what comes of them, when, and how often."""

from __future__ import annotations

import asyncio
import http.server
import logging
import shutil
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs
import pytest
from azure.mgmt.dns.aio import DnsManagementClient

from clp_azuresim import pki
from clpcore import api
from clpcore_lib_azure import (
    Absent,
    Account,
    Changed,
    Conflict,
    Denied,
    NotSignedIn,
    Silent,
    Throttled,
    session,
)

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")
ZONE = "/dnszones/cluster1.zone"


class Make(Protocol):
    def __call__(self, **changes: Any) -> Account: ...  # noqa: ANN401


def run(work: Callable[[], Awaitable[_T]]) -> _T:
    """Run *work* as a worker would, and leave no connection behind."""

    async def all_of_it() -> _T:
        try:
            return await work()
        finally:
            await session.close()

    return asyncio.run(all_of_it())


async def zone(account: Account, timeout: int = 5_000) -> str:  # noqa: ASYNC109 - ms
    azure = session.session(account)
    question = azure.client(DnsManagementClient).zones.get(account.resource_group, "cluster1.zone")
    return str((await azure.ask("zone cluster1.zone", question, timeout)).name)


def refusal(account: Account, timeout: int = 5_000) -> api.DriverError:
    with pytest.raises(api.DriverError) as raised:
        run(lambda: zone(account, timeout))
    return raised.value


@attrs.define
class Stranger:
    """A web server that is trusted, and answers everything with *body*."""

    url: str
    ca_bundle: str
    body: bytes = b""


@pytest.fixture
def stranger(azure: Azure, tmp_path: Path) -> Iterator[Stranger]:
    authority = pki.Authority.make()
    (tmp_path / "server.pem").write_bytes(authority.server(["127.0.0.1"]))
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(Path(azure.cloud.ca_bundle).read_bytes() + authority.pem)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        found = Stranger(f"https://127.0.0.1:{server.server_port}", str(bundle))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


# -- signing in


def test_a_certificate_signs_in_once_for_many_questions(azure: Azure, account: Make) -> None:
    async def thrice() -> list[str]:
        return [await zone(account()) for _ in range(3)]

    assert run(thrice) == ["cluster1.zone"] * 3
    assert len(azure.journal("oauth2/v2.0/token")) == 1


def test_a_managed_identity_signs_in_without_a_file(
    azure: Azure, account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node1"])
    mine = account(managed_identity=True, certificate_file="", application_id="", tenant_id="")
    assert run(lambda: zone(mine)) == "cluster1.zone"


def test_drivers_of_one_account_share_a_session(account: Make) -> None:
    async def two() -> bool:
        return session.session(account()) is session.session(account(resource_group="Other"))

    assert run(two)


def test_a_new_certificate_is_taken_at_the_next_question(
    azure: Azure, account: Make, tmp_path: Path
) -> None:
    file = tmp_path / "sp.pem"
    shutil.copy(azure.certificate("unregistered"), file)
    mine = account(certificate_file=str(file))

    async def renew() -> str:
        with pytest.raises(NotSignedIn):
            await zone(mine)
        shutil.copy(azure.certificate(), file)
        return await zone(mine)

    assert run(renew) == "cluster1.zone"


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("expired", api.Misconfigured, "has expired on"),
        ("early", api.Failed, "look at the clock"),
        ("elliptic", api.Misconfigured, "another kind than RSA"),
        ("unregistered", NotSignedIn, "Register the certificate of certificate_file"),
    ],
)
def test_certificates_that_do_not_sign_in(
    azure: Azure, account: Make, kind: str, error: type[Exception], said: str
) -> None:
    found = refusal(account(certificate_file=str(azure.certificate(kind))))
    assert type(found) is error
    assert said in str(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"application_id": "44444444-4444-4444-4444-444444444444"}, "Correct application_id"),
        ({"tenant_id": "44444444-4444-4444-4444-444444444444"}, "correct tenant_id"),
    ],
)
def test_a_wrong_application_or_tenant_is_named(
    account: Make, change: dict[str, str], said: str
) -> None:
    found = refusal(account(**change))
    assert isinstance(found, NotSignedIn)
    assert said in str(found)
    assert "AADSTS" in str(found)
    assert "44444444-4444-4444-4444-444444444444" in str(found)


def test_a_clock_that_is_wrong_is_named(azure: Azure, account: Make) -> None:
    azure.set_tokens(skew=3_600)
    found = refusal(account())
    assert type(found) is api.Failed
    assert "Set the clock of this server (timedatectl)" in str(found)


def test_a_machine_that_is_not_on_azure_has_no_identity(
    account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    mine = account(managed_identity=True, certificate_file="", application_id="", tenant_id="")
    found = refusal(mine, timeout=800)
    assert isinstance(found, Silent)


# -- what Azure answers


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, NotSignedIn, "Correct tenant_id"),
        (404, Absent, "Correct subscription_id, resource_group and the name"),
        (409, Conflict, "Look at it in the portal"),
        (412, Changed, "Somebody else has changed it"),
        (429, Throttled, "It wants to be asked less often"),
        (408, Silent, "status.azure.com"),
        (500, Silent, "status.azure.com"),
        (503, Silent, "status.azure.com"),
        (400, api.Misconfigured, "Correct the setting that it names"),
    ],
)
def test_each_status_has_a_class_and_a_remedy(
    azure: Azure, account: Make, status: int, error: type[Exception], said: str
) -> None:
    azure.fault("status", ZONE, status=status)
    found = refusal(account())
    assert type(found) is error
    assert f"zone cluster1.zone: Azure answers {status}" in str(found)
    assert said in str(found)
    assert len(azure.journal(ZONE)) == 1  # asked once: the driver knows whether to ask again


def test_a_missing_action_is_named_with_its_scope(azure: Azure, account: Make) -> None:
    azure.set_roles()
    found = refusal(account())
    assert isinstance(found, Denied)
    assert found.action == "Microsoft.Network/dnsZones/read"
    assert found.scope.lower().endswith("/dnszones/cluster1.zone")
    assert f"may not {found.action} on {found.scope}. Give it a role" in str(found)


def test_a_throttle_says_when_to_ask_again(azure: Azure, account: Make) -> None:
    azure.fault("status", ZONE, status=429, headers={"Retry-After": "30"})
    found = refusal(account())
    assert isinstance(found, Throttled)
    assert found.wait == 30_000


@pytest.mark.parametrize("absurd", ["-1", "tomorrow", "9" * 400, "1e9", ""])
def test_an_absurd_wait_is_none(azure: Azure, account: Make, absurd: str) -> None:
    azure.fault("status", ZONE, status=429, headers={"Retry-After": absurd})
    found = refusal(account())
    assert isinstance(found, Throttled)
    assert found.wait == 0


def test_each_form_of_a_budget_is_read() -> None:
    headers = {
        "X-MS-RateLimit-Remaining-Subscription-Reads": "11999",
        "x-ms-ratelimit-remaining-resource": "Microsoft.Compute/A3Min;238, Microsoft.Compute/B;7",
        "x-ms-ratelimit-remaining-absurd": "9" * 5_000,
        "x-ms-ratelimit-remaining-none": "many;,;",
        "Content-Type": "text;7",
    }
    assert session._left(headers) == {
        "subscription-reads": 11_999,
        "Microsoft.Compute/A3Min": 238,
        "Microsoft.Compute/B": 7,
    }


def test_what_may_still_be_asked_is_known(account: Make) -> None:
    async def budget() -> dict[str, int]:
        await zone(account())
        return dict(session.session(account()).budget)

    assert all(left > 0 for left in run(budget).values())


# -- no answer


@pytest.mark.parametrize("kind", ["hang", "latency"])
def test_a_question_ends_at_its_time(azure: Azure, account: Make, kind: str) -> None:
    more = {"seconds": 30} if kind == "latency" else {}
    azure.fault(kind, ZONE, **more)

    async def timed() -> float:
        await session.session(account()).sign_in(5_000)
        began = time.monotonic()
        with pytest.raises(Silent, match=r"no answer from .* in time"):
            await zone(account(), 400)
        return time.monotonic() - began

    assert 0.4 <= run(timed) < 1.0


def test_signing_in_ends_at_its_time_too(azure: Azure, account: Make) -> None:
    azure.fault("hang", "oauth2/v2.0/token")
    began = time.monotonic()
    assert isinstance(refusal(account(), 500), Silent)
    assert time.monotonic() - began < 2.0  # the session is opened first


def test_a_connection_that_is_reset_is_no_answer(azure: Azure, account: Make) -> None:
    azure.fault("reset", ZONE, count=None)
    assert isinstance(refusal(account()), Silent)


def test_who_refuses_is_no_answer(account: Make) -> None:
    found = refusal(account(resource_manager="https://127.0.0.1:1"))
    assert isinstance(found, Silent)
    assert "no answer from 127.0.0.1:1" in str(found)


def test_who_is_not_trusted_is_not_asked(account: Make) -> None:
    found = refusal(account(ca_bundle=""))
    assert type(found) is api.Misconfigured
    assert "is not trusted" in str(found)
    assert "ca_bundle" in str(found)


@pytest.mark.parametrize("body", [b"{", b"<html>", b"\x00\xff", b"[1]", b'"text"'])
def test_garbage_is_no_answer(account: Make, body: bytes, stranger: Stranger) -> None:
    stranger.body = body

    found = refusal(account(resource_manager=stranger.url, ca_bundle=stranger.ca_bundle))
    assert isinstance(found, Silent)
    assert "is no answer of Azure's" in str(found)


# -- what is never told


def test_no_token_is_told(azure: Azure, account: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzZWNyZXQiOiJ5ZXMifQ.c2lnbmF0dXJl"
    azure.fault("status", ZONE, status=400, code="Echo", message=f"got Bearer {token} from you")
    found = refusal(account())
    assert "got Bearer *** from you" in str(found)
    key = Path(account().certificate_file).read_text("utf-8").splitlines()[1]
    told = caplog.text + str(found) + repr(account())
    assert token not in told
    assert key not in told
    assert "Bearer eyJ" not in told
