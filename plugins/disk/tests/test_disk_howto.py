"""The page docs/howto/shared-disk.md says what is so: its configuration is loaded as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from clpcore import config, host

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "shared-disk.md"


def test_its_configuration_is_good_and_starts_the_application_after_the_disk(
    tmp_path: Path, two_servers: str
) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "cluster.toml").write_text(two_servers + block)
    loaded = config.load(tmp_path, host.load().specs)
    assert [problem for problem in loaded.problems if problem.severity.value == "error"] == []
    assert loaded.config is not None
    (group,) = loaded.config.groups
    assert group.by_name["exec1"].depends_on == ("disk1",)
    monitor = loaded.config.monitor_by_name["diskw1"]
    assert monitor.settings["device"] == group.by_name["disk1"].settings["device"]
    assert monitor.settings["method"] == "write_file"
