"""The configuration of docs/howto/direct-server-return.md passes the check, in the page's order."""

from __future__ import annotations

import re
from pathlib import Path

from clpcore import config, host
from clpcore.model.reasons import Severity

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "direct-server-return.md"


def test_the_probe_port_comes_last(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "cluster.toml").write_text(text)
    loaded = config.load(tmp_path, host.load().specs)
    assert [p for p in loaded.problems if p.severity is Severity.ERROR] == []
    assert loaded.config is not None
    resources = loaded.config.group_by_name["failover1"].by_name
    assert {name: resource.depends_on for name, resource in resources.items()} == {
        "loopback1": (),
        "exec1": ("loopback1",),
        "lbpp1": ("loopback1", "exec1"),
    }
    assert loaded.config.monitor_by_name["loopbackw1"].target == "loopback1"
