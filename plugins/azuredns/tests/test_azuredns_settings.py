"""What administrators write for azuredns, what is refused, and what is told as a risk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import config, host
from clpcore.config import settings
from clpcore_azuredns import specs
from clpcore_azuredns.settings import Config, MonitorConfig, validate, validate_monitor

GOOD: dict[str, Any] = {
    "subscription_id": "22222222-2222-2222-2222-222222222222",
    "resource_group": "TestGroup1",
    "managed_identity": True,
    "zone": "cluster1.zone",
    "record_set": "test-record1",
    "ip": "10.5.0.110",
    "ttl": 60,
}


def test_the_defaults_are_the_products() -> None:
    made = settings.structure(specs.AZUREDNS, {k: v for k, v in GOOD.items() if k != "ttl"})
    assert (made.ttl, made.delete_at_deactivation) == (3_600, True)
    defaults = specs.AZUREDNSW.defaults
    assert (defaults["interval"], defaults["timeout"], defaults["retry"]) == (60_000, 180_000, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"record_set": "@"},
        {"record_set": "a.b"},
        {"ttl": 300},
        {"name_servers": ("::1", "[::1]:5")},
    ],
)
def test_what_is_good_is_accepted(change: dict[str, Any]) -> None:
    assert list(validate(Config(**GOOD | change))) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"zone": "cluster1.zone."}, "zone"),
        ({"zone": "zone"}, "zone"),
        ({"zone": "a b.zone"}, "zone"),
        ({"zone": f"{'a.' * 130}zone"}, "zone"),
        ({"record_set": ""}, "record_set"),
        ({"record_set": "*"}, "record_set"),
        ({"record_set": "www.cluster1.zone"}, "record_set"),
        ({"ip": "fd00::1"}, "ip"),
        ({"ip": "node1"}, "ip"),
        ({"ip": "0.0.0.0"}, "ip"),  # noqa: S104 - refused
        ({"name_servers": ("ns1.example",)}, "name_servers"),
        ({"name_servers": ("10.0.0.4:0",)}, "name_servers"),
        ({"subscription_id": "mine"}, "subscription_id"),
        ({"record_set": ".".join(["x" * 60] * 4)}, "record_set"),  # 257 characters with the zone
    ],
)
def test_what_is_wrong_is_refused(change: dict[str, Any], key: str) -> None:
    (problem,) = validate(Config(**GOOD | change))
    assert (problem.key, problem.risk) == (key, False)
    assert problem.remedy


def test_a_long_ttl_is_a_risk_with_its_share_of_the_failover() -> None:
    (problem,) = validate(Config(**GOOD | {"ttl": 3_600}))
    assert (problem.key, problem.risk) == ("ttl", True)
    assert "for 3600 s more: the TTL comes on top of" in problem.what


def test_the_path_of_the_cli_is_accepted_and_explained() -> None:
    (problem,) = validate(Config(**GOOD | {"azure_cli": "/usr/bin/az"}))
    assert problem.risk
    assert problem.what == "azure_cli is not used: Azure is asked directly, without the az command."


def test_azure_asked_too_often_is_a_risk() -> None:
    assert list(validate_monitor(MonitorConfig(**GOOD))) == []
    (problem,) = validate_monitor(MonitorConfig(**GOOD, azure_interval=1_000))
    assert (problem.key, problem.risk) == ("azure_interval", True)


def test_each_name_server_is_an_address_and_a_port() -> None:
    given = MonitorConfig(**GOOD, name_servers=("10.0.0.4", "10.0.0.5:5353", "[::1]:54", "::2"))
    assert given.given_servers == (("10.0.0.4", 53), ("10.0.0.5", 5353), ("::1", 54), ("::2", 53))
    assert attrs.evolve(given, record_set="@").fqdn == "cluster1.zone"


_CLUSTER = """
[cluster]
name = "Cluster1"
platform = "azure"
unproven_takeover = true
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[group.failover1.resource.azuredns1]
type = "azuredns"
zone = "cluster1.zone"
record_set = "test-record1"
server.node1.ip = "10.5.0.110"
server.node2.ip = "10.5.0.111"
subscription_id = "22222222-2222-2222-2222-222222222222"
resource_group = "TestGroup1"
managed_identity = true
azure_cli = "/usr/bin/az"
[monitor.azurednsw1]
on_no_answer = "warn"
"""


def test_a_whole_configuration_is_used_and_tells_its_risks(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text(_CLUSTER)
    loaded = config.load(tmp_path, host.load().specs)
    report = config.render(loaded.problems, loaded.config)
    assert loaded.config, report
    told = {problem.key: problem.severity.value for problem in loaded.problems}
    mine = {key: how for key, how in told.items() if "azuredns" in key}
    table = "group.failover1.resource.azuredns1"
    assert mine == {f"{table}.azure_cli": "warning", f"{table}.server.node1.ttl": "warning"} or all(
        how == "warning" for how in mine.values()
    )
    assert "azuredns1: up to 3600 s more" in " ".join(report.split())
    monitor = loaded.config.monitor_by_name["azurednsw1"]
    assert monitor.settings["on_no_answer"] == "warn"
    assert monitor.settings_for("node2")["ip"] == "10.5.0.111"
    assert loaded.config.group_by_name["failover1"].by_name["azuredns1"].lingers == 3_600_000
