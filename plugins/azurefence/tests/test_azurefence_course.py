"""What is done next about a forced stop, answer by answer; no clock runs here."""

from __future__ import annotations

import itertools
from typing import Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore_azurefence import course
from clpcore_azurefence.course import Course, Do

T: Final = 1_000_000


def asked(now: int = T, *, followed: bool = True) -> Course:
    """A course whose request has just been taken."""
    began = course.was_read(course.begin(now, sure=False), now, "running")
    return course.was_taken(began, now, can_be_followed=followed)


def test_it_reads_before_it_requests() -> None:
    began = course.begin(T, sure=False)
    assert course.following(began, T) == (Do.READ, T)
    read = course.was_read(began, T + 5, "running")
    assert course.following(read, T + 5) == (Do.REQUEST, T + 5)


@pytest.mark.parametrize("power", ["stopped", "deallocated"])
def test_who_is_off_already_is_not_asked_to_be(power: str) -> None:
    assert course.was_read(course.begin(T, sure=False), T, power).is_over


@pytest.mark.parametrize("power", ["running", "starting", "stopping", "deallocating", "", "new"])
def test_nothing_else_is_off(power: str) -> None:
    assert not course.was_read(course.begin(T, sure=False), T, power).is_over


def test_a_machine_that_is_not_known_is_not_requested_to_stop_however_long_it_takes() -> None:
    now, at = course.begin(T, sure=False), T
    for _ in range(50):
        do, at = course.following(now, at)
        assert do is Do.READ
        now = course.was_not_read(now, at, "no answer")


def test_a_machine_that_the_last_check_knew_is_requested_when_it_cannot_be_read() -> None:
    now = course.was_not_read(course.begin(T, sure=True), T + 5_000, "no answer")
    assert course.following(now, T + 5_000) == (Do.REQUEST, T + 5_000)


def test_an_accepted_request_is_followed_and_read_each_second() -> None:
    now = asked()
    assert course.following(now, T) == (Do.FOLLOW, T + 50)
    now = course.goes_on(now, T + 50)
    assert course.following(now, T + 50) == (Do.FOLLOW, T + 100)
    assert course.following(now, T + 1_000) == (Do.READ, T + 1_000)


def test_it_is_looked_at_within_a_twentieth_of_what_it_takes() -> None:
    now = asked()
    assert course.goes_on(now, T + 4_000).follow_at == T + 4_200
    assert course.goes_on(now, T + 60_000).follow_at == T + 61_000


def test_the_end_of_the_operation_is_no_proof_but_the_time_to_read() -> None:
    ended = course.has_ended(asked(), T + 300)
    assert not ended.is_over
    assert course.following(ended, T + 300) == (Do.READ, T + 300)
    assert course.was_read(ended, T + 310, "stopped").is_over


def test_an_operation_that_ended_without_effect_is_requested_again() -> None:
    ended = course.was_read(course.has_ended(asked(), T + 300), T + 310, "running")
    assert course.following(ended, T + 310)[0] is Do.REQUEST
    assert course.following(ended, T + 310)[1] == T + 1_300


def test_a_request_that_may_have_been_lost_is_made_again_after_a_look() -> None:
    now = course.was_read(course.begin(T, sure=False), T, "running")
    now = course.was_not_taken(now, T + 10, "connection reset")
    assert course.following(now, T + 10) == (Do.READ, T + 1_000)
    now = course.was_read(now, T + 1_000, "running")
    assert course.following(now, T + 1_000) == (Do.REQUEST, T + 1_010)


@pytest.mark.parametrize(("wait", "pause"), [(0, 1_000), (300, 1_000), (3_000, 3_000)])
def test_azure_is_left_alone_as_long_as_it_wants(wait: int, pause: int) -> None:
    began = course.begin(T, sure=True)
    assert course.was_not_read(began, T, "429", wait).read_at == T + pause
    assert course.was_not_taken(began, T, "429", wait).request_at == T + pause


def test_but_not_for_longer_than_five_seconds() -> None:
    assert (
        course.was_not_taken(course.begin(T, sure=True), T, "429", 120_000).request_at == T + 5_000
    )


@pytest.mark.parametrize(
    ("power", "patience"), [("running", 10_000), ("", 10_000), ("stopping", 30_000)]
)
def test_a_request_that_nothing_comes_of_is_made_again(power: str, patience: int) -> None:
    now = asked(followed=False)
    before = course.was_read(now, T + patience - 1, power)
    assert before.request_at is None
    after = course.was_read(now, T + patience, power)
    assert course.following(after, T + patience) == (Do.REQUEST, T + patience)
    assert f"still read as {power or 'unknown'}" in after.trouble


def test_an_operation_that_cannot_be_followed_is_read_all_the_same() -> None:
    lost = course.was_lost(asked())
    assert course.following(lost, T + 50) == (Do.READ, T + 1_000)


# -- whatever Azure answers

_ANSWERS = st.sampled_from(["running", "stopping", "starting", "", "fails", "throttles"])


@given(st.lists(st.tuples(_ANSWERS, st.integers(0, 6_000)), max_size=60), st.booleans())
def test_it_never_requests_faster_than_once_a_second_and_never_stops_asking(
    answers: list[tuple[str, int]],
    known: bool,  # noqa: FBT001 - hypothesis'
) -> None:
    now, at, times = course.begin(T, sure=known), T, dict[Do, list[int]]()
    ended = T
    for answer, took in answers:
        do, at = course.following(now, max(at, ended))
        assert at - ended <= 5_000, "it waits for longer than it may"
        if do is Do.REQUEST:
            assert now.sure
        times.setdefault(do, []).append(at)
        ended = at + took
        now = _answered(now, do, answer, ended)
    asked = times.get(Do.REQUEST, [])
    assert all(later - earlier >= 1_000 for earlier, later in itertools.pairwise(asked))


def _answered(now: Course, do: Do, answer: str, at: int) -> Course:
    wait = 60_000 if answer == "throttles" else 0
    match do, answer:
        case Do.READ, "fails" | "throttles":
            return course.was_not_read(now, at, answer, wait)
        case Do.READ, power:
            return course.was_read(now, at, power)
        case Do.REQUEST, "fails" | "throttles":
            return course.was_not_taken(now, at, answer, wait)
        case Do.REQUEST, power:
            return course.was_taken(now, at, can_be_followed=power != "")
        case Do.FOLLOW, "fails" | "throttles":
            return course.was_lost(now)
        case Do.FOLLOW, "running":
            return course.has_ended(now, at)
    return course.goes_on(now, at)


def test_only_the_machine_that_is_meant_can_be_read_as_off() -> None:
    stranger = attrs.evolve(course.begin(T, sure=False), power="stopped")
    assert not stranger.is_over
