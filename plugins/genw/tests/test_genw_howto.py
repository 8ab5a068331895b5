"""The page docs/howto/custom-monitor.md: its configuration is loaded, and its script run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from clpcore import config, host

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "custom-monitor.md"
GROUP = """
[group.failover1.resource.exec1]
type = "exec"
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_its_configuration_is_good(tmp_path: Path, two_servers: str) -> None:
    blocks = _blocks("toml")
    assert len(blocks) == 3
    (tmp_path / "cluster.toml").write_text(two_servers + GROUP + "".join(blocks))
    loaded = config.load(tmp_path, host.load().specs)
    assert [problem for problem in loaded.problems if problem.severity.value == "error"] == []
    assert loaded.config is not None
    assert {"genw1", "genw2", "psw1"} <= set(loaded.config.monitor_by_name)
    monitor = loaded.config.monitor_by_name["genw1"]
    assert (monitor.interval, monitor.timeout, monitor.retry) == (30_000, 20_000, 1)


def test_its_script_sees_what_it_says(tmp_path: Path) -> None:
    (script,) = [block for block in _blocks("sh") if block.startswith("#!")]
    path, book = tmp_path / "genw.sh", tmp_path / "book"
    path.write_text(script)
    path.chmod(0o755)

    def run() -> tuple[int, str]:
        environment = {**os.environ, "BOOK": str(book)}
        done = subprocess.run([path], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip()

    assert run() == (1, f"{book} is missing")
    book.touch()
    assert run() == (0, f"{book} is up to date")
    os.utime(book, (0, 0))
    assert run() == (1, f"{book} is older than five minutes")
