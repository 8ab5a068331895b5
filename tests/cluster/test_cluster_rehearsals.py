"""Every rehearsal goes as docs/tutorial/rehearsals.md says that it goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from clp_azuresim.rehearsals import programme
from clp_azuresim.rehearsals.programme import PROGRAMME
from clp_lab.errors import LabError
from clpcore.ctl import main as clp

pytestmark = [pytest.mark.netns, pytest.mark.timeout(90)]

_PAGE: Final = Path(__file__).parents[2] / "docs/tutorial/rehearsals.md"
_SHOWN: Final = re.compile(r"```sh\nclp lab rehearse (\S+)\n```\n+```\n(.*?)```", re.DOTALL)
_TIME: Final = re.compile(r"\b\d+(?:\.\d+)?(?= (?:ms|s)\b)")
_EPOCH: Final = re.compile(r"(?<=epoch )(= )?\d+")  # one more where node2 was up sooner
_LEFT_OUT: Final = "..."


def _shown() -> dict[str, list[str]]:
    """Give the lines that the page shows of each rehearsal."""
    page = _PAGE.read_text(encoding="utf-8")
    return {name: text.splitlines() for name, text in _SHOWN.findall(page)}


def _shape(line: str) -> str:
    """Give a line without the numbers that are others each time."""
    return _EPOCH.sub("E", _TIME.sub("T", " ".join(line.split())))


def test_the_page_shows_every_rehearsal_and_no_other() -> None:
    assert list(_shown()) == list(PROGRAMME)


@pytest.mark.parametrize("name", PROGRAMME)
def test_it_goes_as_the_page_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert programme.rehearse(name) == 0
    told = iter([_shape(line) for line in capsys.readouterr().out.splitlines()])
    for line in _shown()[name]:
        if _shape(line) not in {"", _LEFT_OUT}:
            assert _shape(line) in told, f"not told, or not in this order: {line}"


def test_one_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(LabError, match="no rehearsal is called 'azure'") as told:
        programme.rehearse("azure")
    assert "azure-dns-ladder" in told.value.remedy


def test_without_a_name_they_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["clp", "lab", "rehearse"])
    assert clp.main() == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(PROGRAMME)
