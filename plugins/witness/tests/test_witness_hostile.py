"""Strangers: garbage, too much, too slow, sent again, forged, under another cluster's key."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import attrs
import pytest

from clpcore_witness import keyfile, proof, transport
from clpcore_witness.caller import Caller, Unbelievable
from clpcore_witness.service import web
from clpcore_witness.service.visits import Visits
from clpcore_witness.transport import Question, Where

OTHER = keyfile.Key("Cluster2", "id2", b"another-cluster's-secret-32-byte")


class _Place(Protocol):
    key: keyfile.Key


class _Running(Protocol):
    url: str
    addresses: list[tuple[str, int]]
    service: Any


@attrs.define
class Clock:
    """Milliseconds of the service under test."""

    now: int = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def witness(run: Callable[..., _Running], clock: Clock) -> _Running:
    return run(clock)


@pytest.fixture
def connect(witness: _Running) -> Iterator[Callable[[], socket.socket]]:
    made: list[socket.socket] = []

    def one() -> socket.socket:
        made.append(socket.create_connection(witness.addresses[0], timeout=5))
        return made[-1]

    yield one
    for connection in made:
        connection.close()


def _rest(connection: socket.socket) -> bytes:
    """Everything until the witness hangs up."""
    said = b""
    try:
        while part := connection.recv(65_536):
            said += part
    except ConnectionResetError:
        pass
    return said


_ROOT = b"GET / HTTP/1.1\r\nHost: w\r\n\r\n"


def _serves(witness: _Running) -> bool:
    with socket.create_connection(witness.addresses[0], timeout=5) as connection:
        connection.sendall(_ROOT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return _rest(connection).startswith(b"HTTP/1.1 200 OK\r\n")


# -- as a web server


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_answers_as_any_web_server(witness: _Running, method: str) -> None:
    question = Question(method=method, target="/", authorization="", timeout=5_000)
    answered = transport.ask(Where(witness.url), question)
    assert answered.status == 200
    assert bool(answered.body) is (method == "GET")


def test_requests_that_come_together_are_answered_in_order(
    connect: Callable[[], socket.socket],
) -> None:
    connection = connect()
    closing = b"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n"
    for byte in _ROOT + _ROOT[:10]:
        connection.sendall(bytes([byte]))
    connection.sendall(_ROOT[10:] + closing)
    statuses = [part[:3] for part in _rest(connection).split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"404"]


_BAD = {
    "noise": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no HTTP": (b"HELO\r\n\r\n", 400),
    "another version": (b"GET / HTTP/2.0\r\n\r\n", 400),
    "a blank in the target": (b"GET / x HTTP/1.1\r\n\r\n", 400),
    "a header without colon": (b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\r\nA: b\nContent-Length: 3\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 3\r\ncontent-length: 4\r\n\r\n", 400),
    "a length that is none": (b"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", 400),
    "a huge length": (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", 413),
    "a large body": (b"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413),
    "chunks": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    "a long head": (b"GET / HTTP/1.1\r\nA: " + b"b" * 9_000, 431),
    "a head without end": (b"G" * 100_000, 431),
}


@pytest.mark.parametrize(("sent", "status"), _BAD.values(), ids=_BAD)
def test_what_is_no_request_ends_the_connection(
    witness: _Running, connect: Callable[[], socket.socket], sent: bytes, status: int
) -> None:
    connection = connect()
    connection.sendall(sent)
    assert _rest(connection).startswith(f"HTTP/1.1 {status} ".encode())
    assert _serves(witness)


def test_noise_of_any_kind_does_no_harm(witness: _Running) -> None:
    for _ in range(100):
        with socket.create_connection(witness.addresses[0], timeout=5) as connection:
            connection.sendall(os.urandom(300) + b"\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            _rest(connection)
    assert _serves(witness)


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"]
)
def test_who_is_too_slow_has_to_go(
    witness: _Running, connect: Callable[[], socket.socket], clock: Clock, begun: bytes
) -> None:
    connection = connect()
    connection.sendall(begun)
    assert _serves(witness)  # the first bytes have arrived by now
    for byte in b"yz":  # slowly, slowly
        clock.now += web.READ_WITHIN // 2 + 1
        connection.sendall(bytes([byte]) if begun else b"")
    assert _rest(connection) == b""


def test_strangers_take_no_more_than_their_places(
    witness: _Running, connect: Callable[[], socket.socket], talker: Callable[..., Any]
) -> None:
    known = talker()
    known.ask(witness.url, "GET", "/v1/heard")  # takes one, until it has proven its key
    deadline = time.monotonic() + 5
    while witness.service._connections._begun and time.monotonic() < deadline:
        time.sleep(0.05)  # until the service has looked
    taken = [connect() for _ in range(64)]
    for connection in taken:
        connection.sendall(_ROOT)
        assert connection.recv(4_096)
    assert _rest(connect()) == b""
    assert known.ask(witness.url, "GET", "/v1/heard")["heard"] == {}
    for connection in taken:
        connection.close()
    while not _serves(witness):
        assert time.monotonic() < deadline + 5


# -- with proofs


def _ask(witness: _Running, question: Question) -> transport.Answered:
    return transport.ask(Where(witness.url), question)


def _welcomed(witness: _Running, key: keyfile.Key) -> Caller:
    caller = Caller(key)
    hello = caller.hello(5_000)
    caller.welcome(caller.nonce, _ask(witness, hello))
    return caller


def test_who_has_no_key_is_told_nothing(witness: _Running) -> None:
    for target in ("/v1/heard", "/v1/records/g", "/v1/hello", "/robots.txt"):
        for authorization in ("", "CLP1", "CLP1 a b c", "CLP1-HELLO", "CLP1-HELLO a b c d", "\xff"):
            question = Question(
                method="GET", target=target, authorization=authorization, timeout=5_000
            )
            answered = _ask(witness, question)
            assert answered.status in (401, 404)
            assert (answered.body, answered.proof) == (b"", "")


def test_an_unknown_cluster_and_a_wrong_key_look_alike(witness: _Running, place: _Place) -> None:
    wrong = attrs.evolve(place.key, secret=b"x" * 32)
    renamed = attrs.evolve(place.key, id="other")
    for key in (OTHER, wrong, renamed):
        with pytest.raises(Unbelievable, match=r"does not know cluster .* by this key"):
            _welcomed(witness, key)


def test_a_recorded_request_counts_once(witness: _Running, place: _Place) -> None:
    caller = _welcomed(witness, place.key)
    asked = caller.ask("POST", "/v1/records/g/claim", b'["node1",1,"b",1]', 5_000)
    assert asked is not None
    assert _ask(witness, asked.question).status == 200
    assert _ask(witness, asked.question).status == 401


@pytest.mark.parametrize("change", ["method", "target", "body", "sequence", "proof", "token"])
def test_a_changed_request_is_refused(witness: _Running, place: _Place, change: str) -> None:
    asked = _welcomed(witness, place.key).ask("POST", "/v1/frames/b?from=a", b"frame", 5_000)
    assert asked is not None
    scheme, token, number, proven = asked.question.authorization.split(" ")
    forged = {
        "method": {"method": "PUT"},
        "target": {"target": "/v1/frames/c?from=a"},
        "body": {"body": b"fraud"},
        "sequence": {"authorization": f"{scheme} {token} {int(number) + 1} {proven}"},
        "proof": {"authorization": f"{scheme} {token} {number} {proven[:-2]}AA"},
        "token": {"authorization": f"{scheme} {token[:-2]}AA {number} {proven}"},
    }
    question = attrs.evolve(asked.question, **forged[change])  # type: ignore[arg-type]
    assert _ask(witness, question).status == 401
    assert _ask(witness, asked.question).status == 200  # and it took nothing away


def test_one_cluster_sees_and_moves_nothing_of_another(
    witness: _Running, place: _Place, talker: Callable[..., Any]
) -> None:
    witness.service.desk.visits.accept([place.key, OTHER])
    mine, other = talker(), talker(OTHER)
    mine.ask(witness.url, "POST", "/v1/frames/node2?from=node1")
    won = mine.ask(witness.url, "POST", "/v1/records/g/claim", ["node1", 1, "b", 1])
    assert won["holder"] == ["node1", 1, "b", 1]
    assert other.ask(witness.url, "GET", "/v1/heard")["heard"] == {}
    assert other.ask(witness.url, "GET", "/v1/records/g")["epoch"] == 0
    other.ask(witness.url, "POST", "/v1/records/g/claim", ["node1", 1, "b", 1])
    other.ask(witness.url, "POST", "/v1/records/g/release", ["node1", 1, "b", 1])
    assert mine.ask(witness.url, "GET", "/v1/records/g")["holder"] == ["node1", 1, "b", 1]


def test_a_token_of_one_cluster_is_none_of_another(witness: _Running, place: _Place) -> None:
    witness.service.desk.visits.accept([place.key, OTHER])
    caller = _welcomed(witness, OTHER)
    caller._token = caller._token.replace(OTHER.cluster, place.key.cluster)
    asked = caller.ask("GET", "/v1/heard", b"", 5_000)
    assert asked is not None
    assert _ask(witness, asked.question).status == 401


def test_a_key_that_was_taken_away_opens_nothing(witness: _Running, place: _Place) -> None:
    caller = _welcomed(witness, place.key)
    for opened in (True, False):
        asked = caller.ask("GET", "/v1/heard", b"", 5_000)
        assert asked is not None
        assert (_ask(witness, asked.question).status == 200) is opened
        witness.service.desk.visits.accept([OTHER])


def test_an_answer_that_was_changed_or_recorded_is_not_believed(
    witness: _Running, place: _Place
) -> None:
    caller = _welcomed(witness, place.key)
    asked = [caller.ask("GET", "/v1/records/g", b"", 5_000) for _ in range(2)]
    first, second = (one for one in asked if one)
    answered = _ask(witness, first.question)
    Caller.believe(first, answered)
    for wrong in (
        attrs.evolve(answered, body=answered.body.replace(b"0", b"7")),
        attrs.evolve(answered, status=409),
        attrs.evolve(answered, proof=""),
        attrs.evolve(answered, proof="!"),
    ):
        with pytest.raises(Unbelievable, match="not the witness's own"):
            Caller.believe(first, wrong)
    with pytest.raises(Unbelievable, match="not the witness's own"):
        Caller.believe(second, answered)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/v1/nothing", b""),
        ("POST", "/v1/records/g/steal", b"[]"),
        ("POST", "/v1/records/g/claim", b""),
        ("POST", "/v1/records/g/claim", b"[" * 20_000),
        ("POST", "/v1/records/g/claim", b'["node1",1,"b",-1]'),
        ("POST", "/v1/records/g/claim", b'["node1",true,"b",1]'),
        ("POST", "/v1/records/g/claim", b'["node1",1,"b",1e9]'),
        ("POST", "/v1/records/g/claim", b'["",1,"b",1]'),
        ("POST", "/v1/records/%00/claim", b'["node1",1,"b",1]'),
        ("POST", "/v1/records//claim", b'["node1",1,"b",1]'),
        ("POST", "/v1/records/g/amend", b'{"epoch":1}'),
        ("POST", "/v1/session", b'{"server":"a","boot":[1,"b"],"lease":99999999,"held":{}}'),
        ("POST", "/v1/session", b'{"server":"a","boot":[1,"b"],"lease":1,"held":{"g":"1"}}'),
        ("POST", "/v1/frames/b", b"frame"),
        ("GET", "/v1/frames/b?wait=x", b""),
        ("GET", "/v1/frames/b?wait=99999999", b""),
        ("GET", "/v1/frames/b?a&b&c&d&e&f&g", b""),
    ],
)
def test_nonsense_under_a_good_key_is_refused_and_said(
    witness: _Running, talker: Callable[..., Any], method: str, target: str, body: bytes
) -> None:
    caller = talker()
    caller.ask(witness.url, "GET", "/v1/heard")
    asked = caller.caller.ask(method, target, body, 5_000)
    answered = _ask(witness, asked.question)
    caller.caller.believe(asked, answered)
    assert answered.status == 400
    assert answered.body
    assert caller.ask(witness.url, "GET", "/v1/records/g")["epoch"] == 0


def test_a_frame_that_is_too_large_is_refused(
    witness: _Running, talker: Callable[..., Any]
) -> None:
    caller = talker()
    with pytest.raises(ValueError, match="4096 bytes at most"):
        caller.ask(witness.url, "POST", "/v1/frames/b?from=a", "x" * 5_000)


# -- visits


def _token(visits: Visits, caller: Caller) -> str:
    return visits.hello(caller.hello(0).authorization.split(" ")[1:])


def test_a_visit_takes_each_number_once_in_any_near_order() -> None:
    window = proof.Window()
    assert [window.take(n) for n in (3, 1, 2, 3, 1, 0, -1)] == [True] * 3 + [False] * 4
    assert window.take(5_000)
    assert not window.take(4)  # so late that nobody knows
    assert window.take(5_000 - proof.WINDOW + 1)
    assert not window.take(5_000 - proof.WINDOW)
    assert not window.take(1 << 70)


def test_hellos_take_no_memory_and_old_tokens_begin_nothing(clock: Clock, place: _Place) -> None:
    visits, caller = Visits(clock), Caller(place.key)
    visits.accept([place.key])
    tokens = [_token(visits, caller) for _ in range(50)]
    assert not visits._visits
    nonce = caller.nonce
    caller.welcome(nonce, transport.Answered(200, tokens[-1].encode()))
    asked = caller.ask("GET", "/", b"", 0)
    assert asked is not None
    words = asked.question.authorization.split(" ")[1:]
    clock.now += 30_001
    with pytest.raises(Exception, match="too old"):
        visits.check(words, "GET", "/", b"")
    clock.now -= 1
    assert visits.check(words, "GET", "/", b"")[0].cluster == place.key.cluster
    clock.now += 180_001
    visits.sweep()
    assert not visits._visits
    with pytest.raises(Exception, match="too old"):  # never the same number twice
        visits.check(words, "GET", "/", b"")


def test_what_was_recorded_before_a_restart_counts_for_nothing(clock: Clock, place: _Place) -> None:
    before, after, caller = Visits(clock), Visits(clock), Caller(place.key)
    for visits in (before, after):
        visits.accept([place.key])
    token = _token(before, caller)
    caller.welcome(caller.nonce, transport.Answered(200, token.encode()))
    asked = caller.ask("GET", "/", b"", 0)
    assert asked is not None
    words = asked.question.authorization.split(" ")[1:]
    before.check(words, "GET", "/", b"")
    with pytest.raises(Exception, match="not of this start"):
        after.check(words, "GET", "/", b"")
