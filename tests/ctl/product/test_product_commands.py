"""Every command is installed, starts fast, and is in the how-to pages, whose lines can be typed."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from clpcore.ctl import product
from clpcore.ctl.parsing import Parser

Document = dict[str, Any]

_ROOT = Path(__file__).parents[3]
_COMMANDS = sorted(
    path.stem for path in Path(product.__path__[0]).glob("clp*.py") if path.stem != "clp"
)
_PAGES = [_ROOT / "docs/howto" / name for name in ("product-commands.md", "support-bundle.md")]
# What costs more than all the rest of `clpstat`.
_TOO_DEAR = {"attr", "attrs", "cattrs", "pluggy", "cryptography", "asyncio", "importlib.metadata"}


def _parser(command: str) -> Parser:
    made: Parser = importlib.import_module(f"clpcore.ctl.product.{command}").parser()
    return made


def _typed() -> list[str]:
    blocks = [
        b for page in _PAGES for b in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("clp")]
    return list(dict.fromkeys(line.partition("  ")[0] for line in lines))


def test_every_command_is_installed() -> None:
    scripts = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    ours = {name: point for name, point in scripts.items() if name != "clp"}
    assert ours == {name: f"clpcore.ctl.product.{name}:main" for name in _COMMANDS}


@pytest.mark.parametrize("line", _typed())
def test_what_a_page_types_can_be_typed(line: str) -> None:
    word, *argv = shlex.split(line)
    _parser(word).parse_args(argv)  # raises where it cannot


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_page_names_every_command(command: str) -> None:
    assert f"`{command}`" in _PAGES[0].read_text()


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_option_says_what_it_does(command: str) -> None:
    silent = [
        action.dest
        for action in _parser(command)._actions
        if action.option_strings and not (action.help or action.choices)
    ]
    assert silent == []


def test_clpstat_imports_little(answers: Document, status: Document) -> None:
    answers["status"] = [{"ok": True, "status": status}]
    code = "import sys; from clpcore.ctl.product.clpstat import main; sys.exit(main([]))"
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "clpcore.ctl.product.overview" in imported
    assert not imported & _TOO_DEAR
