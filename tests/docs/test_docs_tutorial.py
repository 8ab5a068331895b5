"""The commands of the tutorial do what the tutorial shows, in the order in which it shows them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "demo.md"
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]


def commands() -> list[list[str]]:
    """Give the `clp` commands of the last block, without those that go on until Ctrl-C."""
    block = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[-1]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [words for words in lines if words[:1] == ["clp"] and "--watch" not in words]


@pytest.fixture
def name() -> Iterator[str]:
    """Give a lab of this test alone; it is down afterwards, whatever happened."""
    own = f"tutorial{os.getpid()}"
    yield own
    clp(["clp", "lab", "down"], own)


def clp(words: list[str], name: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the page, in the lab *name*."""
    named = [str(BIN / "clp"), "lab", "--name", name, *words[2:]]
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(
        named, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=40, check=False
    )


def wait_online(server: str, name: str) -> None:
    """Wait, as a reader would, until the group is online."""
    deadline = time.monotonic() + 20
    while "is Online" not in clp(
        ["clp", "lab", "exec", server, "--", "clp", "why", "failover1"], name
    ).stdout.replace("failover1 is Online Pending", ""):
        assert time.monotonic() < deadline, "failover1 did not come online"
        time.sleep(0.1)


def test_every_command_of_the_tutorial_works(name: str) -> None:
    page = commands()
    assert page[0][:3] == ["clp", "lab", "up"]
    assert page[-1] == ["clp", "lab", "down"]
    server = "node1"
    for words in page:
        done = clp(words, name)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        if words[2] == "fault":
            server = "node2"
        if words[2] != "down":
            wait_online(server, name)
