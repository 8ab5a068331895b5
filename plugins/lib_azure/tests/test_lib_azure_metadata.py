"""Which machine this is, is asked of the metadata service, and of nobody in its place."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from clpcore import api
from clpcore_lib_azure import metadata

_COMPUTE = {
    "name": "node1",
    "resourceGroupName": "TestGroup1",
    "subscriptionId": "22222222-2222-2222-2222-222222222222",
    "vmId": "id-of-node1",
    "tags": "x" * 4_000,  # an answer of several KiB
}
_PAUSE = 0.05  # seconds between two pieces: as long as they need to be two

Serve = Callable[..., list[bytes]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve one answer in pieces, at the address that is asked; gives what was asked."""
    ended = threading.Event()
    threads = list[threading.Thread]()

    def start(*pieces: bytes, status: str = "200 OK") -> list[bytes]:
        listener = socket.create_server(("127.0.0.1", 0))
        monkeypatch.setenv(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{listener.getsockname()[1]}"
        )
        asked = list[bytes]()

        def answer() -> None:
            # Whoever has read enough does not wait for the rest.
            with contextlib.suppress(ConnectionError), listener, listener.accept()[0] as client:
                asked.append(client.recv(65_536))
                length = sum(map(len, pieces))
                client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode())
                for piece in pieces:
                    client.sendall(piece)
                    ended.wait(_PAUSE)

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        return asked

    yield start
    ended.set()
    for thread in threads:
        thread.join()


def _own() -> metadata.Own:
    return asyncio.run(metadata.own(5_000))


def test_an_answer_in_pieces_is_read_whole(serve: Serve) -> None:
    body = json.dumps(_COMPUTE).encode()
    asked = serve(body[:100], body[100:2_000], body[2_000:])
    found = _own()
    assert (found.name, found.vm_id) == ("node1", "id-of-node1")
    assert found.place == ("22222222-2222-2222-2222-222222222222", "testgroup1")
    assert b"Metadata: true" in asked[0]


@pytest.mark.parametrize("body", ["no json", "[]", "null", '{"name": "node1"}', '{"name": 7}'])
def test_who_does_not_say_is_not_the_metadata_service(serve: Serve, body: str) -> None:
    serve(body.encode(), status="404 Not Found")
    with pytest.raises(api.Failed, match="does not say which machine this is"):
        _own()


def test_an_answer_without_end_is_not_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "_LONGEST", 1_000)
    serve(json.dumps(_COMPUTE).encode())
    with pytest.raises(api.Failed, match="more than 1000 bytes"):
        _own()


def test_no_answer_is_told_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    with pytest.raises(api.Failed, match=r"not known: http://127\.0\.0\.1:1 does not answer"):
        _own()


def test_the_values_cost_no_library_of_http() -> None:
    code = "import sys; from clpcore_lib_azure.metadata import Own; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
