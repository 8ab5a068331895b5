"""The sentences that the command line reads as data are those of the catalogue."""

from __future__ import annotations

from typing import cast

import pytest

from clpcore import messages
from clpcore.ctl import rows, words
from clpcore.ctl.document import Because, Row
from clpcore.ctl.screen import Paint


@pytest.fixture(autouse=True)
def no_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("key", messages.entries())
def test_a_sentence_reads_as_the_catalogue_renders_it(
    key: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLP_LANG", language)
    inner = messages.because("nm1", server="node1")
    args = {name: f"<{name}>" for name in messages.entry(key).arguments}
    because = messages.because(key, **(args | ({"reason": inner} if "reason" in args else {})))
    data = cast("Because", messages.plain(because))
    assert words.sentence(data) == messages.render(because, language)
    assert words.remedy(data) == messages.remedy(because, language)


def test_rows_of_the_journal_are_told_in_the_language_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    args = {"server": "node2"}
    row: dict[str, object] = {"wall_ms": 0, "server": "node1", "key": "nm1", "severity": "info"}
    row |= {"args": args, "text": "Server node2 is heard."}

    def told() -> str:
        return rows.line(cast("Row", row), Paint(colours=False))

    assert told().endswith("Server node2 is heard.")
    monkeypatch.setenv("CLP_LANG", "ja")
    assert told().endswith("サーバ node2 のハートビートを受信しました。")
    row["key"] = "zz1"
    assert told().endswith("Server node2 is heard.")


@pytest.mark.parametrize(
    ("names", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LC_ALL": "C.UTF-8", "CLP_LANG": "ja"}, "ja"),
    ],
)
def test_the_locale_chooses_the_language(
    names: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert words.language() == language


def test_an_unknown_sentence_is_shown_as_it_is() -> None:
    because: Because = {"key": "zz1", "args": {"group": "failover1"}}
    assert words.sentence(because) == "zz1 group=failover1"
    assert words.remedy(because) == ""


def test_an_agent_of_another_version_sends_other_arguments() -> None:
    assert words.sentence({"key": "nm2", "args": {"host": "node1"}}) == "nm2 host=node1"


def test_words_of_others_cannot_drive_the_terminal() -> None:
    assert words.sentence({"key": "zz1", "args": {"reason": "\x1b]0;x\x07"}}) == "zz1 reason= ]0;x "
