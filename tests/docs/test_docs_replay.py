"""The page about the recording: its commands are commands, its numbers and words the code's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from clpcore import messages
from clpcore.ctl import replay
from clpcore.runtime.places import Root
from clpcore.runtime.recording import recorder, ring, sources

_PAGE = (Path(__file__).parents[2] / "docs/howto/replay.md").read_text()


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", _commands())
def test_a_command_is_one(line: str) -> None:
    program, command, *words = shlex.split(line)
    assert (program, command) == ("clp", "replay")
    replay.parser().parse_args(words)


def test_every_option_is_tried() -> None:
    options = {word for line in _commands() for word in shlex.split(line) if word.startswith("--")}
    assert options == {"--from", "--to", "--show", "--json"}


def test_sizes_times_places_and_messages_are_true() -> None:
    assert f"at most {ring.MOST // 2**20} MiB" in _PAGE
    assert f"Up to {recorder._GATHER:g} s before" in _PAGE
    assert f"{Root(Path('/')).recording}, which" in _PAGE
    assert f"(`*{ring.SUFFIX}`)" in _PAGE
    assert messages.entry("pm511").remedy


def test_what_a_bundle_may_hold_is_true() -> None:
    assert f"more than {sources._UNPACKED // 2**30} GiB or\n  {sources._FILES} files" in _PAGE
