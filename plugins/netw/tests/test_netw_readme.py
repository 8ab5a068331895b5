"""The configuration of the README passes the check."""

from __future__ import annotations

import re
from pathlib import Path

from clpcore import config, host
from clpcore.model.reasons import Severity

README = Path(__file__).parents[1] / "README.md"
GROUP = """
[group.failover1.resource.exec1]
type = "exec"
"""


def test_the_readme_configures_both_monitors(tmp_path: Path, two_servers: str) -> None:
    text = "".join(re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL))
    (tmp_path / "cluster.toml").write_text(two_servers + GROUP + text)
    loaded = config.load(tmp_path, host.load().specs)
    assert [p for p in loaded.problems if p.severity is Severity.ERROR] == []
    assert loaded.config is not None
    monitors = loaded.config.monitor_by_name
    assert monitors["miiw1"].settings_for("node2")["interface"] == "ens3"
    times = {m.name: (m.interval, m.timeout, m.retry) for m in loaded.config.monitors}
    assert (monitors["ipw2"].target, monitors["ipw2"].recovery_target) == ("", "all groups")
    assert times["ipw1"] == (30_000, 60_000, 1)
    assert times["miiw1"] == (10_000, 180_000, 3)
