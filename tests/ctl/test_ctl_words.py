"""What the command line reads as data: the catalogue's sentences, and its own in Japanese."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import clpcore
from clpcore import ctl, messages
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


# -- the texts of the commands themselves

_CATALOGUE = words._catalogue
_ROOM = Path(next(iter(ctl.__path__)))
_JAPANESE: dict[str, str] = tomllib.loads((_ROOM / "texts_ja.toml").read_text())


def _modules() -> dict[str, ast.Module]:
    return {str(path): ast.parse(path.read_text()) for path in sorted(_ROOM.rglob("*.py"))}


def _texts(node: ast.AST | None, module: ast.Module) -> Iterator[str]:
    """Give the texts that an argument of ``said`` can be: a constant, a name, one of two."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from _texts(node.body, module)
            yield from _texts(node.orelse, module)
        case ast.Dict():
            for each in node.values:
                yield from _texts(each, module)
        case ast.Subscript() | ast.Attribute():
            yield from _texts(node.value, module)
        case ast.Call(func=ast.Attribute(attr="get") as get):
            yield from _texts(get.value, module)
        case ast.Name(id=name):
            for found in _values(name, module):
                yield from _texts(found, module)


def _values(name: str, module: ast.Module) -> Iterator[ast.AST]:
    """Give what a name is set to anywhere in the module."""
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=set_to) if found == name:
                yield set_to
            case ast.AnnAssign(target=ast.Name(id=found)) if found == name and node.value:
                yield node.value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for target, each in zip(names, values, strict=True):
                    if isinstance(target, ast.Name) and target.id == name:
                        yield each


def test_every_text_of_the_commands_is_there_in_japanese() -> None:
    found = {
        text
        for module in _modules().values()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "said"
        for text in _texts(node.args[0], module)
        if " " in text or "{" in text
    }
    assert len(found) > 50
    assert found <= {*_JAPANESE, ""}


def test_no_text_is_kept_in_japanese_that_nobody_says() -> None:
    constants = {
        node.value
        for module in [*_modules().values(), ast.parse(_ownership())]
        for node in ast.walk(module)
        if isinstance(node, ast.Constant)
    }
    assert set(_JAPANESE) <= constants


def _ownership() -> str:
    return (Path(clpcore.__path__[0]) / "model/ownership.py").read_text()  # kinds of evidence


@pytest.mark.parametrize("text", _JAPANESE)
def test_a_text_has_the_same_to_fill_in_in_japanese(text: str) -> None:
    def fields(template: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name}

    assert fields(text) == fields(_JAPANESE[text])


def _is_english(line: str) -> bool:
    """Tell whether three words of small letters follow each other: a sentence, no command."""
    words_ = [word.strip(".,:;") for word in line.split("clp ", maxsplit=1)[0].split()]
    small = [word.isascii() and word.isalpha() and word.islower() for word in words_]
    return any(all(small[at : at + 3]) for at in range(len(small) - 2))


def _in_trouble(status: dict[str, Any]) -> None:
    full = {"key": "pm500", "args": {"path": "/var/lib/clpcore/store.db", "reason": "28"}}
    status |= {"exclusive": "not guaranteed", "troubles": [full], "verification": True}
    status["servers"][1] |= {"state": "Unknown", "heard_ms_ago": 5_000, "evidence": "no proof"}
    status["servers"][0]["drained"] = True
    blocked = {"key": "rc530", "args": {"group": "failover1", "server": "node2"}}
    status["groups"][0] |= {"state": "Unknown", "because": blocked}


def _stopped(status: dict[str, Any]) -> None:
    status |= {"phase": "offline", "leader": None, "suspended": True}
    for server in status["servers"]:
        server["state"] = "Offline"
    status["groups"][0] |= {"state": "Offline", "server": None, "wanted": "stopped"}


@pytest.mark.parametrize("change", [lambda _: None, _in_trouble, _stopped])
def test_whole_pages_and_refusals_are_japanese_where_that_is_asked_for(
    change: Callable[[dict[str, Any]], None],
    status: dict[str, Any],
    answers: dict[str, Any],
    clp: Callable[[str], tuple[str, str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "_catalogue", _CATALOGUE)
    monkeypatch.setenv("CLP_LANG", "ja")
    change(status)
    answers["status"] = [{"ok": True, "status": status}]
    answers["why"] = [{"ok": True, "because": []}]
    for line in ("status", "why", "why failover1", "why node1", "why node2", "why lbppw1"):
        out, err, code = clp(line)
        assert (err, code) == ("", 0)
        assert not [each for each in out.splitlines() if _is_english(each)]
    out, err, code = clp("why failover3")
    assert (out, code) == ("", 1)
    assert err.splitlines()[1].strip() == "'failover1' のことですか?"
    assert not [each for each in err.splitlines() if _is_english(each)]
