"""The configuration of docs/howto/floating-ip.md passes the check, and means what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from clpcore import config, host
from clpcore.model.reasons import Severity

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "floating-ip.md"


def test_the_page_configures_a_floating_address(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "cluster.toml").write_text(text)
    loaded = config.load(tmp_path, host.load().specs)
    assert [p for p in loaded.problems if p.severity is Severity.ERROR] == []
    assert loaded.config is not None
    fip1 = loaded.config.group_by_name["failover1"].by_name["fip1"]
    assert fip1.depends_on == ("exec1",)
    assert fip1.activation_retry == 5
    assert fip1.settings_for("node2")["interface"] == "ens4"
    fipw1 = loaded.config.monitor_by_name["fipw1"]
    assert (fipw1.interval, fipw1.timeout, fipw1.retry) == (60_000, 60_000, 1)
    assert fipw1.settings_for("node2") == {
        "ip": "10.0.0.100",
        "interface": "ens4",
        "watch_link": True,
        "watch_conflict": True,
    }


def test_on_azure_it_is_refused(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "cluster.toml").write_text(text.replace("onpremises", "azure"))
    said = [problem.what for problem in config.load(tmp_path, host.load().specs).problems]
    assert "fip does not work on Azure." in said
