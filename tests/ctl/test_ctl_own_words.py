"""What a command of another distribution says of itself is read, and never run."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from clpcore.ctl import main, own_words

_BOMB = 'raise SystemExit("imported")\n'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that end whoever imports them."""
    (tmp_path / "acme_pack").mkdir()
    (tmp_path / "acme_pack/__init__.py").write_text(_BOMB)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def _point(module: str) -> EntryPoint:
    return EntryPoint("acme", f"{module}:run", "clpcore.readers")


def _says(site: Path, text: str) -> EntryPoint:
    (site / "acme_pack/words.py").write_text(f"{text}\n{_BOMB}")
    return _point("acme_pack.words")


def test_the_summary_is_the_first_line(site: Path) -> None:
    point = _says(site, '"""``clp acme``: count what is there.\n\nMore."""')
    assert own_words.summary(point) == "count what is there"
    assert "acme_pack" not in sys.modules


def test_the_usage_is_what_follows_with_the_summary_as_a_sentence(site: Path) -> None:
    point = _says(site, '"""`clp acme`: count.\n\nusage: clp acme N\n       clp acme\n\nEnd.\n"""')
    assert own_words.usage(point) == "usage: clp acme N\n       clp acme\n\nCount.\n\nEnd."


@pytest.mark.parametrize("text", ["", "1 +", "# coding: nonsense", "x = '\\0'\0"])
def test_who_says_nothing_has_no_summary(text: str, site: Path) -> None:
    point = _says(site, text)
    assert own_words.summary(point) == ""
    assert own_words.usage(point) == "usage: clp acme ..."


@pytest.mark.parametrize(
    "module", ["acme_nowhere", "acme_pack.nowhere", "acme_pack.words.x", "sys"]
)
def test_who_is_not_there_has_none(module: str, site: Path) -> None:
    _says(site, '"""Count."""')
    assert own_words.summary(_point(module)) == ""


def test_it_drives_no_terminal_and_is_not_endless(site: Path) -> None:
    point = _says(site, f'"""A\\x1b[2J{"b" * 500}."""')
    said = own_words.summary(point)
    assert "\x1b" not in said
    assert len(said) <= 100


def test_help_has_a_summary_of_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "  azure    print the least role that the cluster needs in Azure" in out
    assert "rehearse with a simulated Azure" in out
    monkeypatch.setattr(main, "externals", lambda: {"acme": _point("acme_nowhere")})
    assert main.main(["--help"]) == 0
    assert "  acme     of acme_nowhere:run\n" in capsys.readouterr().out
