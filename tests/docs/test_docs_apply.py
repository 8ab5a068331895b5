"""The page about changing the configuration: its commands are commands, its effects the plan's."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from clpcore import messages
from clpcore.config.plan import Effect
from clpcore.runtime.revisions.archive import MOST_KEPT
from clpcore.runtime.revisions.coordinator import PREPARE_S

_PAGE = (Path(__file__).parents[2] / "docs/howto/change-the-configuration.md").read_text()


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", _commands())
def test_a_command_is_one(line: str) -> None:
    program, command, *words = shlex.split(line)
    assert program == "clp"
    importlib.import_module(f"clpcore.ctl.{command}").parser().parse_args(words)


def test_every_effect_has_its_line() -> None:
    told = re.findall(r"^\| ([a-z ]+) \|", _PAGE, re.MULTILINE)
    assert set(told) == {"effect", *(effect.value for effect in Effect)}


def test_the_sentences_are_in_the_catalogue() -> None:
    told = set(re.findall(r"`(cf\d+)`", _PAGE))
    assert told == {"cf1", "cf4", "cf6", "cf8", "cf26", "cf34", "cf35", "cf36"}
    assert told <= set(messages.entries())


def test_the_numbers_are_the_codes() -> None:
    assert MOST_KEPT == 50
    assert "Fifty are kept" in _PAGE
    assert f"no answer in {PREPARE_S:.0f} s" in _PAGE
