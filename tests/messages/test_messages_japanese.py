"""Every sentence has a Japanese text that says as much as the English one."""

from __future__ import annotations

import re
import string

import pytest

from clpcore import messages

_JAPANESE = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]")  # kana and kanji
_HALF_WIDTH_KATAKANA = re.compile(r"[\uff61-\uff9f]")

_JOINS_OTHERS = {"rc566"}  # has no words of its own
_every_sentence = pytest.mark.parametrize("key", messages.entries())
_every_remedy = pytest.mark.parametrize(
    "key", [key for key, entry in messages.entries().items() if entry.remedy["en"]]
)


def _placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@_every_sentence
def test_a_sentence_is_written_in_japanese(key: str) -> None:
    text = messages.entry(key).text["ja"]
    # What has no `ja` is shown in English, which has no Japanese letter.
    assert key in _JOINS_OTHERS or _JAPANESE.search(text)
    assert not _HALF_WIDTH_KATAKANA.search(text)


@_every_sentence
def test_a_sentence_names_the_same_things_in_japanese(key: str) -> None:
    text = messages.entry(key).text
    assert set(_placeholders(text["ja"])) == set(_placeholders(text["en"]))


@_every_remedy
def test_a_remedy_is_written_in_japanese(key: str) -> None:
    text = messages.entry(key).remedy["ja"]
    assert _JAPANESE.search(text)
    assert not _HALF_WIDTH_KATAKANA.search(text)


@_every_remedy
def test_a_remedy_names_the_same_things_in_japanese(key: str) -> None:
    remedy = messages.entry(key).remedy
    assert set(_placeholders(remedy["ja"])) == set(_placeholders(remedy["en"]))


@_every_remedy
def test_a_remedy_has_the_same_commands_in_japanese(key: str) -> None:
    remedy = messages.entry(key).remedy
    commands = re.compile(r"clp [a-z]+|--[a-z]+|SERVER")
    assert sorted(commands.findall(remedy["ja"])) == sorted(commands.findall(remedy["en"]))


def test_no_remedy_is_there_in_japanese_only() -> None:
    entries = messages.entries().values()
    assert [e.key for e in entries if e.remedy["ja"] and not e.remedy["en"]] == []


def test_a_nested_sentence_is_rendered_in_the_same_language() -> None:
    inner = messages.because("rc560", server="node1")
    outer = messages.because("rc64", server="node1", group="failover1", reason=inner)
    japanese = messages.render(outer, "ja")
    assert messages.render(inner, "ja") in japanese
    assert messages.render(inner, "en") not in japanese
    assert messages.render(inner, "en") in messages.render(outer, "en")


def test_a_remedy_is_rendered_in_the_language_asked_for() -> None:
    offline = messages.because("op7", group="failover1")
    assert messages.remedy(offline, "ja").endswith(": clp group start failover1")
    assert _JAPANESE.search(messages.remedy(offline, "ja"))
