"""What torture leaves for whoever looks for the cause."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from clp_lab.torture import session


def test_files_are_kept_and_nothing_that_is_none(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    (lab / "node1/run").mkdir(parents=True)
    (lab / "node1/journal").write_text("what was decided")
    (lab / "node1/link").symlink_to("nowhere")
    os.mkfifo(lab / "pipe")
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(lab / "node1/run/control"))
        session._copy(lab, tmp_path / "kept")
    kept = {str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*")}
    assert kept == {"node1", "node1/run", "node1/journal", "node1/link"}
