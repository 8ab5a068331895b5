"""The unit file keeps what the runtime counts on."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from clpcore.config import profiles
from clpcore.model.protection import Arbiter
from clpcore.model.states import Profile
from clpcore.runtime import startup

_UNIT = Path(__file__).parents[2] / "contrib/systemd/clpcore.service"


def settings() -> dict[str, str]:
    lines = (line.partition("=") for line in _UNIT.read_text().splitlines())
    return {key: value for key, sign, value in lines if sign and not key.startswith("#")}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("KillMode", "process"),  # services survive the manager
        ("OOMPolicy", "continue"),  # likewise
        ("RuntimeDirectoryPreserve", "yes"),  # it finds them again
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("Environment", "CLP_POWER=systemd"),
        ("RestartPreventExitStatus", str(startup.EX_CONFIG)),
    ],
)
def test_what_the_runtime_counts_on(key: str, value: str) -> None:
    assert settings()[key] == value


def test_an_agent_that_hangs_is_replaced_before_its_machine_is_reset() -> None:
    chosen = (profiles.defaults(each, "arbiter") for each in Profile if each is not Profile.LAB)
    watchdogs = [table.get("watchdog", attrs.fields(Arbiter).watchdog.default) for table in chosen]
    assert settings()["WatchdogSec"] == "10s"
    assert len(watchdogs) == len(Profile) - 1
    assert min(watchdogs) >= 10_000


@pytest.mark.parametrize("key", ["CPUSchedulingPolicy", "Nice", "OOMScoreAdjust"])
def test_nothing_that_services_would_inherit(key: str) -> None:
    assert key not in settings()
