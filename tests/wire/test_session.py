"""Sessions: both sides prove the key, then records pass in order, whole, and once."""

from __future__ import annotations

import hashlib
import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.model.ids import Boot, Incarnation
from clpcore.wire.hello import Identity, Versions
from clpcore.wire.keys import Key, KeyRing
from clpcore.wire.rejected import Reason, Rejected
from clpcore.wire.session import MAX_RECORD, Session

OLD, NEW = Key("old", b"o" * 32), Key("new", b"n" * 32)
NODE1 = Identity("node1", Incarnation(Boot(3, "boot-a"), 2))
NODE2 = Identity("node2", Incarnation(Boot(5, "boot-b"), 1))


@attrs.frozen(kw_only=True)
class Side:
    """How one side of a test is set up."""

    initiator: bool
    me: Identity
    peers: tuple[str, ...]
    ring: KeyRing = KeyRing((OLD,))
    cluster: str = "Cluster1"
    versions: Versions = Versions(1, 1)
    randomness: bytes = b"r" * 32

    def session(self) -> Session:
        return Session(**attrs.asdict(self, recurse=False))


CALLER = Side(initiator=True, me=NODE1, peers=("node2",))
CALLED = Side(initiator=False, me=NODE2, peers=("node1", "node3"), randomness=b"s" * 32)


def handshake(caller: Session, called: Session) -> None:
    called.receive(caller.to_send())
    caller.receive(called.to_send())
    called.receive(caller.to_send())


def opened(caller: Side = CALLER, called: Side = CALLED) -> tuple[Session, Session]:
    sessions = caller.session(), called.session()
    handshake(*sessions)
    return sessions


def reason_of(session: Session, data: bytes) -> Reason:
    """Give the reason, and check that the session is dead and says so again."""
    with pytest.raises(Rejected) as rejected:
        session.receive(data)
    for later in (lambda: session.receive(b""), lambda: session.send(b""), session.ended):
        with pytest.raises(Rejected) as again:
            later()
        assert str(again.value) == str(rejected.value)
    return rejected.value.reason


def failure(caller: Side, called: Side) -> Reason:
    """Give why the handshake fails, at whichever side finds it, with nobody believed."""
    sessions = caller.session(), called.session()
    with pytest.raises(Rejected) as rejected:
        handshake(*sessions)
    assert [session.peer for session in sessions] == [None, None]
    return rejected.value.reason


def test_both_know_each_other_after_the_handshake() -> None:
    caller, called = opened()
    assert (caller.peer, called.peer) == (NODE2, NODE1)
    assert (caller.version, called.version) == (1, 1)
    assert caller.to_send() == called.to_send() == b""
    caller.ended()
    called.ended()


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=3000)), max_size=20))
def test_payloads_pass_in_both_directions(letters: list[tuple[bool, bytes]]) -> None:
    sides = opened()
    for forth, payload in letters:
        sender, receiver = sides if forth else sides[::-1]
        assert receiver.receive(sender.send(payload)) == [payload]


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(0, 3000), max_size=20))
def test_the_stream_may_be_cut_anywhere(payloads: list[bytes], cuts: list[int]) -> None:
    caller, called = CALLER.session(), CALLED.session()
    called.receive(caller.to_send())
    caller.receive(called.to_send())
    stream = caller.to_send() + b"".join(caller.send(payload) for payload in payloads)
    places = [0, *sorted(cuts), len(stream)]
    received = [called.receive(stream[a:b]) for a, b in itertools.pairwise(places)]
    assert list(itertools.chain(*received)) == payloads
    called.ended()


def test_a_stream_that_ends_early_gives_what_was_whole_and_says_so() -> None:
    caller, called = CALLER.session(), CALLED.session()
    first = caller.to_send()
    called.receive(first)
    caller.receive(called.to_send())
    proof = caller.to_send()
    records = [caller.send(payload) for payload in (b"one", b"", b"three")]
    stream = first + proof + b"".join(records)
    whole = list(itertools.accumulate(map(len, records), initial=len(first + proof)))
    for end in range(len(stream) + 1):
        receiver = CALLED.session()
        payloads = receiver.receive(stream[:end])
        assert payloads == [b"one", b"", b"three"][: sum(end >= place for place in whole[1:])]
        if end in whole:
            receiver.ended()
        else:
            with pytest.raises(Rejected, match="truncated: the connection ended"):
                receiver.ended()


def flip(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("flight", [0, 1, 2])
def test_every_changed_byte_of_the_handshake_is_found(flight: int) -> None:
    place, size = 0, 1
    while place < size:
        caller, called = CALLER.session(), CALLED.session()
        with pytest.raises(Rejected):  # noqa: PT012 - by whichever side finds it
            for number, (sender, receiver) in enumerate(
                ((caller, called), (called, caller), (caller, called))
            ):
                data = sender.to_send()
                size = len(data) if number == flight else size
                receiver.receive(flip(data, place) if number == flight else data)
            called.ended()
        assert called.peer is None
        place += 1
    assert size > 16


def test_every_changed_byte_of_a_record_is_found() -> None:
    size = len(opened()[0].send(b"payload"))
    for place in range(size):
        caller, called = opened()
        called.receive(caller.send(b"before"))
        with pytest.raises(Rejected):  # noqa: PT012 - a longer length is found at the end
            called.receive(flip(caller.send(b"payload"), place))
            called.ended()


@pytest.mark.parametrize("order", [(1,), (0, 0), (1, 0), (0, 2)])
def test_a_lost_repeated_or_exchanged_record_is_rejected(order: tuple[int, ...]) -> None:
    caller, called = opened()
    records = [caller.send(b"%d" % number) for number in range(3)]
    assert reason_of(called, b"".join(records[number] for number in order)) is Reason.FORGED


def test_another_key_is_rejected() -> None:
    ours, theirs = KeyRing((OLD,)), KeyRing((Key("old", b"x" * 32),))
    for one, other in ((ours, theirs), (theirs, ours)):
        caller, called = attrs.evolve(CALLER, ring=one), attrs.evolve(CALLED, ring=other)
        assert failure(caller, called) is Reason.FORGED
    assert failure(attrs.evolve(CALLER, ring=KeyRing((NEW, OLD))), CALLED) is Reason.UNKNOWN_KEY


def test_another_cluster_is_rejected() -> None:
    assert failure(attrs.evolve(CALLER, cluster="Cluster2"), CALLED) is Reason.FORGED


def test_a_server_that_may_not_be_there_is_rejected() -> None:
    stranger = attrs.evolve(NODE1, server="node9")
    assert failure(attrs.evolve(CALLER, me=stranger), CALLED) is Reason.UNKNOWN_SENDER
    # node3 has the key too, but node2 was called.
    assert failure(CALLER, attrs.evolve(CALLED, me=attrs.evolve(NODE2, server="node3"))) is (
        Reason.UNKNOWN_SENDER
    )


def test_keys_rotate_without_a_gap() -> None:
    # Each server takes each step at its own time: neighbours are at most one step apart.
    steps = [KeyRing((OLD,)), KeyRing((OLD, NEW)), KeyRing((NEW, OLD)), KeyRing((NEW,))]
    for one, other in (*itertools.pairwise(steps), *itertools.pairwise(steps[::-1])):
        caller, called = opened(attrs.evolve(CALLER, ring=one), attrs.evolve(CALLED, ring=other))
        assert called.receive(caller.send(b"x")) == [b"x"]


def test_the_version_is_negotiated() -> None:
    newer = attrs.evolve(CALLER, versions=Versions(1, 7))
    caller, called = opened(newer, attrs.evolve(CALLED, versions=Versions(1, 2)))
    assert (caller.version, called.version) == (2, 2)
    assert failure(newer, attrs.evolve(CALLED, versions=Versions(8, 9))) is Reason.VERSION


def test_what_is_reflected_is_rejected() -> None:
    hello = CALLER.session().to_send()
    assert reason_of(CALLER.session(), hello) is Reason.FOREIGN
    called = CALLED.session()
    called.receive(hello)
    answer = called.to_send()
    proof = answer[-20:]
    assert reason_of(called, proof) is Reason.FORGED
    caller, _ = opened()
    assert reason_of(caller, caller.send(b"x")) is Reason.FORGED


def test_a_server_is_not_made_to_talk_to_itself() -> None:
    mine = attrs.evolve(CALLED, me=NODE1, peers=("node2", "node3"))
    assert failure(CALLER, mine) is Reason.UNKNOWN_SENDER


def test_a_recorded_stream_is_rejected() -> None:
    caller, called = CALLER.session(), CALLED.session()
    hello = caller.to_send()
    called.receive(hello)
    caller.receive(called.to_send())
    recorded = hello + caller.to_send() + caller.send(b"x")
    assert CALLED.session().receive(recorded) == [b"x"]
    later = attrs.evolve(CALLED, randomness=b"t" * 32).session()
    assert reason_of(later, recorded) is Reason.FORGED
    assert later.peer is None


def test_a_proof_says_nothing() -> None:
    caller, called = CALLER.session(), CALLED.session()
    called.receive(caller.to_send())
    caller.receive(called.to_send())
    assert caller._agreed is not None
    caller._agreed.outward._number = 0
    assert reason_of(called, caller.send(b"words")) is Reason.FOREIGN


def test_a_stranger_cannot_make_us_keep_more_than_a_kilobyte() -> None:
    for side in (CALLER, CALLED):
        session = side.session()
        assert session.receive((1024).to_bytes(4, "big") + bytes(1023)) == []
        assert reason_of(side.session(), (1025).to_bytes(4, "big")) is Reason.OVERSIZE
    called = CALLED.session()
    called.receive(CALLER.session().to_send())
    assert reason_of(called, (1025).to_bytes(4, "big")) is Reason.OVERSIZE


def test_records_have_a_limit() -> None:
    caller, called = opened()
    assert called.receive(caller.send(bytes(MAX_RECORD))) == [bytes(MAX_RECORD)]
    with pytest.raises(ValueError, match="16777216 fit into a record"):
        caller.send(bytes(MAX_RECORD + 1))
    assert called.receive(caller.send(b"still alive")) == [b"still alive"]
    assert reason_of(called, (MAX_RECORD + 17).to_bytes(4, "big")) is Reason.OVERSIZE


def test_nothing_is_sent_before_the_other_side_has_proven_the_key() -> None:
    for session in (CALLER.session(), CALLED.session()):
        with pytest.raises(RuntimeError, match="not open"):
            session.send(b"x")


def test_a_session_needs_its_randomness() -> None:
    with pytest.raises(ValueError, match="32 random bytes, not 31"):
        attrs.evolve(CALLER, randomness=bytes(31)).session()


@given(st.booleans(), st.lists(st.binary(max_size=200), max_size=4))
def test_random_bytes_never_crash_and_never_convince(
    initiator: bool,  # noqa: FBT001 - hypothesis gives it
    pieces: list[bytes],
) -> None:
    session = (CALLER if initiator else CALLED).session()
    for piece in pieces:
        try:
            assert session.receive(len(piece).to_bytes(4, "big") + piece) == []
        except Rejected:
            break
    assert session.peer is None


def test_the_bytes_of_version_1_never_change() -> None:
    caller, called = CALLER.session(), CALLED.session()
    flights = []
    for sender, receiver in ((caller, called), (called, caller), (caller, called)):
        flights.append(sender.to_send())
        receiver.receive(flights[-1])
    flights += [caller.send(b"forth"), called.send(b"back")]
    assert [hashlib.sha256(flight).hexdigest()[:16] for flight in flights] == [
        "9669163363d7cb30",
        "69b2d69485f28eee",
        "91ba33d7abf44dfe",
        "26f9c8ed68ac82c9",
        "6fad82de8f97a36f",
    ]
