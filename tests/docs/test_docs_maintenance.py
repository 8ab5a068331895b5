"""The pages about maintenance and hooks: their commands are commands, their tables the code's."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from clpcore import api
from clpcore.model.config import ClusterConfig
from clpcore.model.hooks import HookPoint
from clpcore.runtime.driving import hook

_DOCS = Path(__file__).parents[2] / "docs/howto"
_WORK = (_DOCS / "maintenance.md").read_text()
_HOOKS = (_DOCS / "hooks.md").read_text()
_CALL = api.Call(
    event=api.Event.MOVE,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node2",
    home="node1",
    previous="node1",
    group="failover1",
    resource="exec1",
)


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", _WORK, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", _commands())
def test_a_command_is_one(line: str) -> None:
    program, command, *words = shlex.split(line)
    assert program == "clp"
    importlib.import_module(f"clpcore.ctl.{command}").parser().parse_args(words)


def test_every_hook_has_its_line_and_its_place() -> None:
    told = re.findall(r"^\| `scripts/(\w+)/\w+/(\w+\.sh)` \|", _HOOKS, re.MULTILINE)
    of_resources = [("GROUP", each.file) for each in HookPoint if each.of_resource]
    of_monitors = [("monitor", each.file) for each in HookPoint if each.of_monitor]
    assert told == [*of_resources, *of_monitors]


def test_every_variable_has_its_line() -> None:
    told = re.findall(r"^\| `(CLP_\w+)` \|", _HOOKS, re.MULTILINE)
    assert told == [*hook.environment(_CALL, HookPoint.BEFORE_FAILOVER)]


def test_the_causes_are_the_events() -> None:
    (line,) = re.findall(r"^\| `CLP_CAUSE` \|.*$", _HOOKS, re.MULTILINE)
    assert set(re.findall(r"`([A-Z_]+)`", line)) == {"CLP_CAUSE", *(e.value for e in api.Event)}


def test_the_timeout_is_the_default() -> None:
    seconds = ClusterConfig(name="Cluster1").hook_timeout // 1_000
    assert f"`hook_timeout` of `[cluster]` ({seconds} s)" in _HOOKS
