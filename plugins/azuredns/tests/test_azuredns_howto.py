"""The configuration of docs/howto/azure-dns.md passes the check, and means what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from clpcore import config, host
from clpcore.model.reasons import Severity

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "azure-dns.md"


def test_the_page_configures_a_name(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "cluster.toml").write_text(text)
    loaded = config.load(tmp_path, host.load().specs)
    assert [p for p in loaded.problems if p.severity is Severity.ERROR] == []
    assert loaded.config is not None
    azuredns1 = loaded.config.group_by_name["failover1"].by_name["azuredns1"]
    assert azuredns1.depends_on == ("exec1",)  # the address comes last
    assert azuredns1.lingers == 60_000
    azurednsw1 = loaded.config.monitor_by_name["azurednsw1"]
    assert (azurednsw1.interval, azurednsw1.timeout, azurednsw1.retry) == (60_000, 180_000, 1)
    assert azurednsw1.settings_for("node2")["ip"] == "10.5.0.111"
