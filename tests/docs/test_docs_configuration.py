"""The commands of the how-to pages about configurations do what the pages say."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from clpcore.ctl.main import main

_ROOT = Path(__file__).parents[2]
_PAGES = _ROOT / "docs/howto"
_SAMPLE = _ROOT / "tests/config/clpconf/azure/clp.conf"


def _commands(page: str) -> list[str]:
    blocks = re.findall(
        r"^```sh\n(.*?)^```$", (_PAGES / page).read_text(), re.DOTALL | re.MULTILINE
    )
    return [line for block in blocks for line in block.splitlines() if line.startswith("clp ")]


@pytest.mark.parametrize("page", ["import-clp-conf.md", "make-a-configuration.md"])
def test_the_commands_work_one_after_the_other(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(_SAMPLE, "clp.conf")
    commands = _commands(page)
    assert len(commands) > 1
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, command
        assert capsys.readouterr().out


def test_the_import_writes_the_files_that_the_page_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["config", "import", str(_SAMPLE), "imported"]) == 0
    rows = re.findall(r"^\| `(.+?)` \|", (_PAGES / "import-clp-conf.md").read_text(), re.MULTILINE)
    listed = {row.replace("GROUP", "failover1").rstrip("/") for row in rows}
    there = {str(path.relative_to("imported")) for path in Path("imported").rglob("*")}
    assert listed == there - {"conf.d"}
