"""The first words of a session: read back, refused when they are not ours."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.model.ids import Boot, Incarnation
from clpcore.wire import hello
from clpcore.wire.hello import Hello, Identity, Versions
from clpcore.wire.rejected import Reason, Rejected

COUNTERS = st.integers(0, 2**64 - 1)
HELLOS = st.builds(
    Hello,
    role=st.sampled_from((hello.INITIATOR, hello.RESPONDER)),
    versions=st.just(Versions(1, 3)),
    key_id=st.text(max_size=16),
    who=st.builds(
        Identity,
        server=st.text(max_size=60),
        incarnation=st.builds(
            Incarnation, st.builds(Boot, COUNTERS, st.text(max_size=36)), COUNTERS
        ),
    ),
    randomness=st.binary(min_size=32, max_size=32),
)
ONE = Hello(
    role=hello.INITIATOR,
    versions=Versions(1, 1),
    key_id="3f9a1c2e",
    who=Identity("node1", Incarnation(Boot(3, "7c5f1d53"), 2)),
    randomness=bytes(32),
)


def reason_of(body: bytes, role: bytes = hello.INITIATOR) -> Reason:
    with pytest.raises(Rejected) as rejected:
        hello.decode(body, role, Versions(1, 1))
    return rejected.value.reason


@given(HELLOS)
def test_what_is_said_is_read(said: Hello) -> None:
    assert hello.decode(said.encode(), said.role, Versions(2, 2)) == said


def test_the_bytes_of_version_1_never_change() -> None:
    assert ONE.encode().hex() == (
        "434c50690001000108050800000000000000030000000000000002"
        + "00" * 32
        + "33663961316332656e6f6465313763356631643533"
    )


def test_a_role_is_not_the_other() -> None:
    assert reason_of(ONE.encode(), hello.RESPONDER) is Reason.FOREIGN


def test_every_truncation_is_rejected() -> None:
    body = ONE.encode()
    reasons = [reason_of(body[:size]) for size in range(len(body))]
    assert reasons == [Reason.FOREIGN] * 8 + [Reason.TRUNCATED] * (len(body) - 8)
    assert reason_of(body + b"x") is Reason.TRUNCATED


def test_names_are_text() -> None:
    assert reason_of(ONE.encode().replace(b"node1", b"node\xff")) is Reason.FOREIGN


@given(st.binary(max_size=200))
def test_random_bytes_never_crash(garbage: bytes) -> None:
    for body in (garbage, hello.INITIATOR + b"\0\1\0\1" + garbage):
        with contextlib.suppress(Rejected):
            hello.decode(body, hello.INITIATOR, Versions(1, 1))


def test_the_version_is_the_lower_of_the_two_highest() -> None:
    ranges = [Versions(low, high) for low in range(1, 5) for high in range(low, 5)]
    for ours, theirs in itertools.product(ranges, ranges):
        both = set(range(ours.low, ours.high + 1)) & set(range(theirs.low, theirs.high + 1))
        if both:
            assert ours.common(theirs) == theirs.common(ours) == max(both)
        else:
            with pytest.raises(Rejected, match="upgrade the older one"):
                ours.common(theirs)


def test_another_version_is_told_before_its_shape_matters() -> None:
    assert reason_of(hello.INITIATOR + b"\0\2\0\3" + b"as version 2 likes it") is Reason.VERSION
