"""An Azure, or somebody in its place, that answers to do harm: every answer is bounded, in size, in
time and in whom it has us ask."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

import attrs
import pytest
from azure.mgmt.dns.aio import DnsManagementClient

from clp_azuresim import pki
from clpcore import api
from clpcore_lib_azure import Account, NotSignedIn, Silent, answers, session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")
_ZONE = json.dumps({"name": "cluster1.zone", "location": "global", "properties": {}}).encode()


class Make(Protocol):
    def __call__(self, **changes: Any) -> Account: ...  # noqa: ANN401


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@attrs.define
class Place:
    """A web server that is trusted, answers as it is told, and notes who asked."""

    url: str = ""
    answer: Answer = lambda asked: reply(asked, 200, _ZONE)
    heard: list[tuple[str, str]] = attrs.field(factory=list)  # path, Authorization


def reply(
    asked: http.server.BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str
) -> None:
    asked.send_response(status)
    asked.send_header("Content-Type", "application/json")
    asked.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        asked.send_header(name.replace("_", "-"), value)
    asked.end_headers()
    asked.wfile.write(body)


def _serve(place: Place, context: ssl.SSLContext) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place.heard.append((self.path, self.headers.get("Authorization", "")))
            with contextlib.suppress(OSError):  # who asked has hung up
                place.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    place.url = f"https://127.0.0.1:{server.server_port}"
    return server


@pytest.fixture
def places(azure: Azure, tmp_path: Path) -> Iterator[tuple[Place, Place, str]]:
    """Two such servers, and the file of whom to trust: them and the simulated Azure."""
    authority = pki.Authority.make()
    (tmp_path / "server.pem").write_bytes(authority.server(["127.0.0.1"]))
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(Path(azure.cloud.ca_bundle).read_bytes() + authority.pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem")
    one, other = Place(), Place()
    with contextlib.ExitStack() as stack:
        for place in (one, other):
            server = stack.enter_context(_serve(place, context))
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield one, other, str(bundle)


def run(work: Callable[[], Awaitable[_T]]) -> _T:
    async def all_of_it() -> _T:
        try:
            return await work()
        finally:
            await session.close()

    return asyncio.run(all_of_it())


async def zone(account: Account, timeout: int = 5_000) -> str:  # noqa: ASYNC109 - ms
    azure = session.session(account)
    question = azure.client(DnsManagementClient).zones.get("TestGroup1", "cluster1.zone")
    return str((await azure.ask("zone cluster1.zone", question, timeout)).name)


async def zones(account: Account, timeout: int = 5_000) -> list[str]:  # noqa: ASYNC109 - ms
    azure = session.session(account)

    async def every() -> list[str]:
        listed = azure.client(DnsManagementClient).zones.list_by_resource_group("TestGroup1")
        return [str(each.name) async for each in listed]

    return await azure.ask("zones", every(), timeout)


def refusal(work: Callable[[], Awaitable[object]]) -> api.DriverError:
    with pytest.raises(api.DriverError) as raised:
        run(work)
    return raised.value


# -- elsewhere


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_answers_in_the_place_of_who_was_asked(
    account: Make, places: tuple[Place, Place, str], status: int
) -> None:
    home, elsewhere, bundle = places
    home.answer = lambda asked: reply(asked, status, Location=elsewhere.url + asked.path)
    mine = account(resource_manager=home.url, ca_bundle=bundle)
    found = refusal(lambda: zone(mine))
    assert isinstance(found, Silent)
    assert "Is a proxy in the way?" in str(found)
    assert elsewhere.heard == []
    assert len(home.heard) == 1


def test_no_token_follows_a_link_to_the_next_page(
    account: Make, places: tuple[Place, Place, str]
) -> None:
    home, elsewhere, bundle = places
    page = {"value": [], "nextLink": f"{elsewhere.url}/subscriptions/next?api-version=2018-05-01"}
    home.answer = lambda asked: reply(asked, 200, json.dumps(page).encode())
    mine = account(resource_manager=home.url, ca_bundle=bundle)
    found = refusal(lambda: zones(mine))
    assert elsewhere.heard == []
    assert isinstance(found, Silent)
    assert f"leads to {urlsplit(elsewhere.url).netloc}" in str(found)


def test_pages_without_an_end_end_at_the_time(
    account: Make, places: tuple[Place, Place, str]
) -> None:
    home, _, bundle = places
    page = {"value": [], "nextLink": f"{home.url}/subscriptions/next?api-version=2018-05-01"}
    home.answer = lambda asked: reply(asked, 200, json.dumps(page).encode())
    mine = account(resource_manager=home.url, ca_bundle=bundle)
    began = time.monotonic()
    assert isinstance(refusal(lambda: zones(mine, 500)), Silent)
    assert time.monotonic() - began < 2.0


def test_an_identity_s_token_is_asked_for_past_every_proxy(
    azure: Azure,
    account: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node1"])
        mine = account(managed_identity=True, certificate_file="", application_id="", tenant_id="")
        assert run(lambda: zone(mine, 3_000)) == "cluster1.zone"
        with pytest.raises(BlockingIOError):
            proxy.accept()


# -- too much, too slowly


def _flood(asked: http.server.BaseHTTPRequestHandler) -> None:
    asked.send_response(200)
    asked.send_header("Content-Type", "application/json")
    asked.end_headers()
    asked.wfile.write(b'{"name": "')
    while True:
        asked.wfile.write(b"x" * (1 << 16))


def test_a_flood_is_given_up(account: Make, places: tuple[Place, Place, str]) -> None:
    home, _, bundle = places
    home.answer = _flood
    mine = account(resource_manager=home.url, ca_bundle=bundle)
    found = refusal(lambda: zone(mine, 20_000))
    assert isinstance(found, Silent)
    assert "answers with more than 4194304 bytes" in str(found)


def test_a_flood_in_little_space_is_given_up(
    account: Make, places: tuple[Place, Place, str]
) -> None:
    home, _, bundle = places
    bomb = gzip.compress(b'{"name": "' + b"x" * (8 << 20) + b'"}')
    home.answer = lambda asked: reply(asked, 200, bomb, Content_Encoding="gzip")
    mine = account(resource_manager=home.url, ca_bundle=bundle)
    found = refusal(lambda: zone(mine))
    assert isinstance(found, Silent)
    assert "answers with more than" in str(found)


def test_a_packed_answer_is_an_answer(account: Make, places: tuple[Place, Place, str]) -> None:
    home, _, bundle = places
    home.answer = lambda asked: reply(asked, 200, gzip.compress(_ZONE), Content_Encoding="gzip")
    mine = account(resource_manager=home.url, ca_bundle=bundle)
    assert run(lambda: zone(mine)) == "cluster1.zone"


def _drip(asked: http.server.BaseHTTPRequestHandler) -> None:
    asked.send_response(200)
    asked.send_header("Content-Type", "application/json")
    asked.send_header("Content-Length", "100000")
    asked.end_headers()
    while True:
        asked.wfile.write(b" ")
        time.sleep(0.02)


def test_a_drip_ends_at_the_time(account: Make, places: tuple[Place, Place, str]) -> None:
    home, _, bundle = places
    home.answer = _drip
    mine = account(resource_manager=home.url, ca_bundle=bundle)

    async def timed() -> float:
        await session.session(mine).sign_in(5_000)
        began = time.monotonic()
        with pytest.raises(Silent, match="in time"):
            await zone(mine, 400)
        return time.monotonic() - began

    assert 0.4 <= run(timed) < 1.0


def test_who_never_shakes_hands_is_waited_for_no_longer(account: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mine = account(resource_manager=f"https://127.0.0.1:{mute.getsockname()[1]}")

        async def timed() -> float:
            await session.session(mine).sign_in(5_000)
            began = time.monotonic()
            with pytest.raises(Silent, match="in time"):
                await zone(mine, 400)
            return time.monotonic() - began

        assert 0.4 <= run(timed) < 1.0


def test_dead_name_servers_hold_nobody_up_at_the_end(
    account: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    look_up = socket.getaddrinfo

    def dead(host: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        if host == "management.example":
            over.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", dead)
    mine = account(resource_manager="https://management.example")
    began = time.monotonic()
    try:
        assert isinstance(refusal(lambda: zone(mine, 400)), Silent)
        assert time.monotonic() - began < 3.0
    finally:
        over.set()


def test_a_name_is_looked_up(azure: Azure, account: Make) -> None:
    url = f"https://localhost:{urlsplit(azure.url).port}"
    assert run(lambda: zone(account(resource_manager=url, audience=url, authority=url)))


def test_a_name_that_nobody_knows_is_no_answer(account: Make) -> None:
    found = refusal(lambda: zone(account(resource_manager="https://nobody.invalid")))
    assert isinstance(found, Silent)
    assert "no answer from nobody.invalid" in str(found)


# -- a token that is no longer taken


def test_a_token_that_was_taken_and_is_not_any_more_is_replaced(
    azure: Azure, account: Make
) -> None:
    """As after the server's clock was set back: it believes in a token that has ended."""
    mine = account()

    async def thrice() -> str:
        await zone(mine)
        azure.fault("status", "/dnszones/", status=401, code="ExpiredAuthenticationToken")
        with pytest.raises(Silent, match="a token that it took before"):
            await zone(mine)
        return await zone(mine)

    assert run(thrice) == "cluster1.zone"
    assert len(azure.journal("oauth2/v2.0/token")) == 2


def test_an_application_that_is_no_longer_let_in_is_no_matter_of_tokens(
    azure: Azure, account: Make
) -> None:
    mine = account(certificate_file=str(azure.certificate("unregistered")))

    async def once() -> None:
        session.session(mine)._was_taken = True
        with pytest.raises(NotSignedIn, match="Register the certificate"):
            await zone(mine)

    run(once)


def test_a_token_that_is_never_taken_is_an_error_of_the_settings(
    azure: Azure, account: Make
) -> None:
    azure.fault("status", "/dnszones/", status=401, code="InvalidAuthenticationToken", count=None)

    async def twice() -> None:
        for _ in range(2):
            with pytest.raises(NotSignedIn, match="Correct tenant_id"):
                await zone(account())

    run(twice)
    assert len(azure.journal("oauth2/v2.0/token")) == 1


def test_an_endless_message_is_read_at_once() -> None:
    """What was asked of Azure would end at its time; what is computed here would not."""
    began = time.monotonic()
    assert answers.clean("x" + " " * 2_000_000 + "y") == "x"
    assert answers.clean("eyJ" * 1_000_000) == "***"
    assert answers.clean("AADSTS1: no.   Trace ID: 7 Timestamp: 8\nmore") == "AADSTS1: no"
    assert time.monotonic() - began < 1.0
