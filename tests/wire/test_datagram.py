"""What a datagram opener takes, once, and what it refuses, each for its own reason."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clpcore.model.ids import Boot, Incarnation
from clpcore.wire.datagram import MAX_PAYLOAD, WINDOW, Opened, Opener, Sealer
from clpcore.wire.keys import Key, KeyRing
from clpcore.wire.rejected import Reason, Rejected

OLD, NEW, NEWEST = Key("old", b"o" * 32), Key("new", b"n" * 32), Key("newest", b"m" * 32)
RING = KeyRing((OLD,))
SALT = b"0123456789abcdef"


def life(boot: int, start: int = 1, boot_id: str = "") -> Incarnation:
    return Incarnation(Boot(boot, boot_id), start)


NOW = life(3)


def sealer(
    incarnation: Incarnation = NOW,
    *,
    ring: KeyRing = RING,
    cluster: str = "Cluster1",
    sender: str = "node1",
    salt: bytes = SALT,
) -> Sealer:
    return Sealer(ring=ring, cluster=cluster, sender=sender, incarnation=incarnation, salt=salt)


def opener(ring: KeyRing = RING) -> Opener:
    return Opener(ring=ring, cluster="Cluster1", senders=("node1", "node3"))


def reason_of(receiver: Opener, datagram: bytes) -> Reason:
    before = receiver.rejected
    with pytest.raises(Rejected) as rejected:
        receiver.open(datagram)
    reason = rejected.value.reason
    assert receiver.rejected == {**before, reason: before.get(reason, 0) + 1}
    assert str(rejected.value).startswith(f"{reason.value}: ")
    return reason


def sealed_at(sequence: int) -> bytes:
    """Seal under any sequence, as a server does after that many heartbeats."""
    sender = sealer()
    sender._sequence = sequence - 1
    return sender.seal(b"x")


@given(st.lists(st.binary(max_size=1300)))
def test_what_is_sealed_opens_once_in_order(payloads: list[bytes]) -> None:
    sender, receiver = sealer(life(3, 2)), opener()
    opened = [receiver.open(sender.seal(payload)) for payload in payloads]
    assert opened == [
        Opened(sender="node1", incarnation=life(3, 2), sequence=number, payload=payload)
        for number, payload in enumerate(payloads, start=1)
    ]
    assert receiver.rejected == {}


def test_the_largest_payload_passes_and_a_larger_one_is_not_sealed() -> None:
    payload = bytes(MAX_PAYLOAD)
    assert opener().open(sealer(sender="node3").seal(payload)).payload == payload
    with pytest.raises(ValueError, match="60000 fit into a datagram"):
        sealer().seal(payload + b"x")


@pytest.mark.parametrize(("name", "salt"), [("", SALT), ("n" * 65, SALT), ("node1", SALT[1:])])
def test_a_sealer_refuses_a_name_or_a_salt_that_does_not_fit(name: str, salt: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 64 bytes"):
        sealer(sender=name, salt=salt)


def test_the_payload_cannot_be_read_on_the_way() -> None:
    assert b"secret" not in sealer().seal(b"secret")


def test_no_two_streams_share_a_key() -> None:
    # One sequence of nonces runs under each: an equal key would give two payloads one key stream.
    streams = itertools.product(
        (life(3), life(4), life(3, 2)), ("node1", "node3"), (SALT, SALT[::-1])
    )
    sent = [sealer(who, sender=name, salt=salt).seal(bytes(32)) for who, name, salt in streams]
    assert len({datagram[-48:] for datagram in sent}) == len(sent)


def test_every_changed_byte_is_rejected() -> None:
    datagram = sealer().seal(b"payload")
    receiver = opener()
    receiver.open(sealer(life(2)).seal(b"earlier"))
    for place, value in itertools.product(range(len(datagram)), (1, 0x80, 0xFF)):
        changed = bytearray(datagram)
        changed[place] ^= value
        reason_of(receiver, bytes(changed))
    assert receiver.open(datagram).payload == b"payload"


def test_every_truncation_is_rejected() -> None:
    datagram, receiver = sealer().seal(b"payload"), opener()
    reasons = [reason_of(receiver, datagram[:size]) for size in range(len(datagram))]
    assert reasons == [Reason.TRUNCATED] * (len(datagram) - 7) + [Reason.FORGED] * 7
    assert reason_of(receiver, datagram + b"x") is Reason.FORGED


@given(st.binary(max_size=200))
@example(b"CLP\x01" + bytes(60))
@example(b"CLP\x01\xff\xff" + bytes(600))
def test_random_bytes_are_rejected(garbage: bytes) -> None:
    for datagram in (garbage, b"CLP" + garbage, sealer().seal(b"")[:20] + garbage):
        reason_of(opener(), datagram)


STRANGERS = {
    "nothing": (b"", Reason.TRUNCATED),
    "a beginning": (b"CLP\x01", Reason.TRUNCATED),
    "another protocol": (b"GET / HTTP/1.1", Reason.FOREIGN),
    "noise": (b"x" * 100, Reason.FOREIGN),
    "the largest of UDP": (b"CLP" + b"x" * 65504, Reason.OVERSIZE),
    "version 2": (b"CLP\x02" + sealer().seal(b"x")[4:], Reason.VERSION),
    "another server": (sealer(sender="node2").seal(b"x"), Reason.UNKNOWN_SENDER),
    "another key": (sealer(ring=KeyRing((NEW,))).seal(b"x"), Reason.UNKNOWN_KEY),
    "the same id": (sealer(ring=KeyRing((Key("old", b"x" * 32),))).seal(b"x"), Reason.FORGED),
    "another cluster": (sealer(cluster="Cluster2").seal(b"x"), Reason.FORGED),
}


@pytest.mark.parametrize(("datagram", "reason"), STRANGERS.values(), ids=STRANGERS)
def test_each_stranger_has_its_reason(datagram: bytes, reason: Reason) -> None:
    assert reason_of(opener(), datagram) is reason


def test_strangers_cost_no_memory_and_change_nothing() -> None:
    receiver = opener()
    receiver.open(sealer().seal(b"x"))
    known = {name: (who.floor, who.stream) for name, who in receiver._senders.items()}
    for number in range(50):
        reason_of(receiver, sealer(sender=f"other{number}").seal(b"x"))
        reason_of(receiver, sealer(life(9 + number), cluster="Cluster2").seal(b"x"))
    assert {name: (who.floor, who.stream) for name, who in receiver._senders.items()} == known


def test_an_own_datagram_that_comes_back_is_a_stranger() -> None:
    mine = Opener(ring=RING, cluster="Cluster1", senders=("node2",))
    assert reason_of(mine, sealer(sender="node1").seal(b"x")) is Reason.UNKNOWN_SENDER


def test_a_replay_is_rejected() -> None:
    sender, receiver = sealer(), opener()
    datagrams = [sender.seal(b"x") for _ in range(5)]
    for datagram in datagrams:
        receiver.open(datagram)
    assert {reason_of(receiver, datagram) for datagram in datagrams} == {Reason.REPLAYED}


@given(st.permutations(range(40)), st.lists(st.integers(0, 39)))
def test_any_order_opens_each_once(order: list[int], again: list[int]) -> None:
    sender, receiver = sealer(), opener()
    datagrams = [sender.seal(b"%d" % number) for number in range(40)]
    opened = [receiver.open(datagrams[number]).sequence - 1 for number in order]
    assert opened == order
    assert all(reason_of(receiver, datagrams[number]) is Reason.REPLAYED for number in again)


def test_the_window_ends_where_nobody_can_tell_any_more() -> None:
    receiver = opener()
    top = 10 * WINDOW
    receiver.open(sealed_at(top))
    assert receiver.open(sealed_at(top - WINDOW + 1)).sequence == top - WINDOW + 1
    assert reason_of(receiver, sealed_at(top - WINDOW + 1)) is Reason.REPLAYED
    assert reason_of(receiver, sealed_at(top - WINDOW)) is Reason.REPLAYED


@pytest.mark.parametrize("ahead", [WINDOW - 1, WINDOW, WINDOW + 1, 2**63])
def test_a_jump_ahead_forgets_only_what_falls_out_of_the_window(ahead: int) -> None:
    receiver = opener()
    receiver.open(sealed_at(5))
    receiver.open(sealed_at(5 + ahead))
    assert reason_of(receiver, sealed_at(5)) is Reason.REPLAYED
    assert reason_of(receiver, sealed_at(5 + ahead)) is Reason.REPLAYED
    assert receiver.open(sealed_at(4 + ahead)).sequence == 4 + ahead
    assert receiver._senders[b"node1"].stream is not None
    assert receiver._senders[b"node1"].stream.seen < 1 << WINDOW


@pytest.mark.parametrize("newer", [life(3, 2), life(4, 1), life(300, 1)])
def test_an_incarnation_only_grows(newer: Incarnation) -> None:
    receiver, old = opener(), sealer(life(3, 1))
    receiver.open(old.seal(b"x"))
    assert receiver.open(sealer(newer, salt=SALT[::-1]).seal(b"x")).incarnation == newer
    assert reason_of(receiver, old.seal(b"x")) is Reason.OLD_INCARNATION
    assert reason_of(receiver, sealer(life(2, 9)).seal(b"x")) is Reason.OLD_INCARNATION


def test_two_agents_in_one_incarnation_are_told() -> None:
    receiver, first, second = opener(), sealer(), sealer(salt=SALT[::-1])
    receiver.open(first.seal(b"x"))
    assert reason_of(receiver, second.seal(b"x")) is Reason.CLONED
    assert receiver.open(first.seal(b"x")).sequence == 2


def test_senders_do_not_share_a_window() -> None:
    receiver = opener()
    receiver.open(sealer(life(9)).seal(b"x"))
    assert receiver.open(sealer(life(1), sender="node3").seal(b"x")).sequence == 1


def test_a_floor_shuts_out_the_time_before_a_restart_of_the_receiver() -> None:
    recorded = sealer(life(3, 1)).seal(b"x")
    assert opener().open(recorded).payload == b"x"
    restarted = opener()
    restarted.raise_floor("node1", life(3, 2, "a boot id is not compared"))
    assert reason_of(restarted, recorded) is Reason.OLD_INCARNATION
    restarted.raise_floor("node1", life(1))
    assert reason_of(restarted, recorded) is Reason.OLD_INCARNATION
    assert restarted.open(sealer(life(3, 2)).seal(b"x")).incarnation == life(3, 2)


def test_a_floor_ends_a_stream_below_it_and_no_other() -> None:
    receiver, sender = opener(), sealer(life(3, 1))
    datagram = sender.seal(b"x")
    receiver.open(datagram)
    receiver.raise_floor("node1", life(3, 1))
    assert reason_of(receiver, datagram) is Reason.REPLAYED
    receiver.raise_floor("node1", life(3, 2))
    assert reason_of(receiver, sender.seal(b"x")) is Reason.OLD_INCARNATION


def test_keys_rotate_without_a_gap() -> None:
    # Each server takes each step at its own time: neighbours are at most one step apart.
    steps = [KeyRing((OLD,)), KeyRing((OLD, NEW)), KeyRing((NEW, OLD)), KeyRing((NEW,))]
    neighbours = [*itertools.pairwise(steps), *itertools.pairwise(steps[::-1])]
    for theirs, ours in neighbours:
        assert opener(ours).open(sealer(ring=theirs).seal(b"x")).payload == b"x"
    assert reason_of(opener(steps[0]), sealer(ring=steps[3]).seal(b"x")) is Reason.UNKNOWN_KEY
    assert reason_of(opener(KeyRing((NEWEST, NEW))), sealer().seal(b"x")) is Reason.UNKNOWN_KEY


def test_the_bytes_of_version_1_never_change() -> None:
    expected = (
        "434c5001030500000000000000030000000000000002"
        "303132333435363738396162636465666f6c646e6f6465310000000000000001"
        "8db21a554ece939b83f8294e91b6a8e2b46c687227bf44"
    )
    assert sealer(life(3, 2)).seal(b"payload").hex() == expected
    assert opener().open(bytes.fromhex(expected)).payload == b"payload"
