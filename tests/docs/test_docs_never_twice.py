"""The page about never running a group twice says what the check says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from clpcore.config.profiles import PROFILES
from clpcore.ctl.main import main
from clpcore.model.states import Profile

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/howto/never-twice.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)


def test_its_commands_print_what_it_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(_ROOT)
    plain, as_json = [line for block in _blocks("sh") for line in block.splitlines()]
    assert main(shlex.split(plain)[1:]) == 0
    (shown,) = re.findall(r"^R \+ .*$", _PAGE, re.MULTILINE)
    assert shown in " ".join(capsys.readouterr().out.split())
    assert main(shlex.split(as_json)[1:]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["policy"], told["exclusive"]) == ("both", True)
    assert "5 + 4 + 12.5 + 2 + 5 = 28.5 < 29.94 s" in {each["numbers"] for each in told["times"]}


def test_its_tables_are_those_of_the_example() -> None:
    example = (_ROOT / "conf.d/never-twice/cluster.toml").read_text()
    plain = [re.sub(r"\s*#.*", "", line) for line in example.splitlines()]
    (block,) = _blocks("toml")
    wanted = [re.sub(r"\s*#.*", "", line) for line in block.splitlines()]
    assert [line for line in wanted if line not in plain] == []


def test_it_names_every_profile_and_what_it_changes() -> None:
    for profile in Profile:
        assert f'`"{profile.value}"`' in _PAGE
        for keys in PROFILES[profile].values():
            assert [key for key in keys if f"`{key}`" not in _PAGE] == []
