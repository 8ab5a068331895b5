"""Every refusal and every state that an operator can end has a next step."""

from __future__ import annotations

import pytest

from clpcore import messages
from clpcore.model.reasons import Severity

# What is over when it is told, tells of a decision whose reasons are told beside it, or names what
_WITHOUT = {"rc203", "rc242", "rm15", "op2"}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_sentence_without_a_step_has_those_of_its_reasons(language: str) -> None:
    down = messages.because("rc540", server="node2")
    warns = messages.because("rc548", server="node3", monitor="lbppw1", reason="open")
    both = messages.because("rc566", first=warns, rest=down)
    nobody = messages.because("rc565", refusals=both)
    waits = messages.because("rc66", group="g", reason=nobody)
    step = messages.remedy(waits, language)
    assert "clp why lbppw1; " in step
    assert "clp server start node2" in step
    assert step == messages.remedy(nobody, language)
    assert messages.remedy(messages.because("rc66", group="g", reason="later"), language) == ""


def test_a_step_is_told_once_and_ends_are_joined() -> None:
    unknown = messages.because("rc544", server="node1", resource="r", reason="no answer")
    down = messages.because("rc540", server="node2")
    twice = messages.because(
        "rc566", first=unknown, rest=messages.because("rc566", first=down, rest=down)
    )
    assert messages.remedy(twice) == (
        "Look at the resource by hand on node1; Start node2; if only its cluster service is "
        "stopped: clp server start node2"
    )


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("rm29", "clp monitor resume m"),
        ("rm182", "clp monitor dummy-failure off m --server node1"),
        ("rm180", "clp cluster verification off"),
        ("nm14", "clp server start node1"),
        ("nm16", "clp server start node1"),
        ("op3", "clp server start node1"),
    ],
)
def test_what_an_operator_has_begun_an_operator_can_end(key: str, command: str) -> None:
    given = {"monitor": "m", "server": "node1"}
    entry = messages.entry(key)
    sentence = messages.because(key, **{name: given[name] for name in entry.arguments})
    for language in ("en", "ja"):
        assert command in messages.remedy(sentence, language)


def test_no_stopped_server_is_told_to_start_the_whole_cluster() -> None:
    """The groups that `clp cluster stop` stopped do need it."""
    keys = [e.key for e in messages.entries().values() if "clp cluster start" in e.remedy["en"]]
    assert keys == ["rc568"]


@pytest.mark.parametrize(
    "key", [e.key for e in messages.entries().values() if e.severity is Severity.ERROR]
)
def test_every_error_has_a_next_step(key: str) -> None:
    entry = messages.entry(key)
    inner = {"reason", "refusals"} & entry.arguments
    assert entry.remedy["en"] or inner or key in _WITHOUT
