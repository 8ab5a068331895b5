"""The page about installing: its commands are commands, its ports and its unit ours."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from clpcore.model.ports import HEARTBEAT_UDP, ORDERS_TCP

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/howto/install.md").read_text()


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", _PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith("clp ")]


@pytest.mark.parametrize("line", _commands())
def test_a_command_is_one(line: str) -> None:
    _, command, *words = shlex.split(line)
    importlib.import_module(f"clpcore.ctl.{command}").parser().parse_args(words)


def test_the_ports_are_ours() -> None:
    assert f"UDP {HEARTBEAT_UDP}" in _PAGE
    assert f"TCP {ORDERS_TCP}" in _PAGE


def test_the_unit_is_where_the_page_says_and_starts_what_it_installs() -> None:
    unit = (_ROOT / "contrib/systemd/clpcore.service").read_text()
    assert "contrib/systemd/clpcore.service" in _PAGE
    assert "ExecStart=/opt/clpcore/bin/clp agent" in unit
    assert "/opt/clpcore/bin/clp " in _PAGE


def test_an_agent_that_is_killed_is_killed_alone() -> None:
    """Without that word systemd kills all of the unit, and with it what the cluster runs."""
    pages = (page.read_text() for page in (_ROOT / "docs").rglob("*.md"))
    lines = [line for page in pages for line in re.findall(r"systemctl kill[^`\n]*", page)]
    assert lines
    assert [line for line in lines if "--kill-whom=main" not in line] == []
