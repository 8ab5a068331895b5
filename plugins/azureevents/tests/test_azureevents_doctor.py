"""The check of the doctor: a service that is not there is an error where freezes rest on it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import attrs
import pytest

from clpcore.api.doctor import Cluster, Finding, Severity
from clpcore_azureevents import config
from clpcore_azureevents.doctor import look

_CLUSTER = Cluster(
    name="C",
    platform="azure",
    server="node1",
    interconnects={"node1": (), "node2": ()},
    heartbeat_timeout=90_000,
    timeout=1_000,
    parts=(),
)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLP_ROOT", str(tmp_path))
    file = tmp_path / config.LOOK
    file.parent.mkdir(parents=True)
    return file


def _one(cluster: Cluster = _CLUSTER) -> Finding:
    (finding,) = look(cluster)
    return finding


def test_it_is_heard(seen: Path) -> None:
    seen.write_text(json.dumps({"machine": "node1", "at": int(time.time()), "events": 0}))
    assert _one().severity is Severity.OK
    assert _one().value.endswith("of node1")


@pytest.mark.parametrize(
    ("timeout", "severity"), [(90_000, Severity.WARNING), (12_000, Severity.ERROR)]
)
def test_it_is_not_heard(seen: Path, timeout: int, severity: Severity) -> None:
    cluster = attrs.evolve(_CLUSTER, heartbeat_timeout=timeout)
    assert _one(cluster).severity is severity
    seen.write_text(json.dumps({"machine": "node1", "at": int(time.time()) - 500, "events": 0}))
    finding = _one(cluster)
    assert finding.severity is severity
    assert "50" in finding.value
    assert finding.remedy


def test_a_machine_of_another_name_is_found_before_an_event_comes(seen: Path) -> None:
    seen.write_text(json.dumps({"machine": "TestVM-1", "at": int(time.time()), "events": 0}))
    finding = _one()
    assert finding.severity is Severity.WARNING
    assert finding.value.startswith("Azure calls this machine TestVM-1, not node1")
    assert finding.remedy.startswith('Write node1 = "TestVM-1" below [machines] on EVERY server')
    file = seen.parents[2] / config.FILE
    file.parent.mkdir(parents=True)
    file.write_text('[machines]\nnode1 = "TestVM-1"\n')
    assert _one().severity is Severity.OK
    file.write_text("machines = 5\n")
    assert _one().severity is Severity.ERROR
    assert "machines is no table" in _one().value


def test_elsewhere_there_is_nothing_to_look_at(seen: Path) -> None:
    assert not seen.exists()
    assert list(look(attrs.evolve(_CLUSTER, platform="onpremises"))) == []
