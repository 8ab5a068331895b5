"""The operating system: confinement, the unit, booting, the agent's shield."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest

from clpcore.ctl.doctor import system
from clpcore.ctl.doctor.case import Case, Silent
from clpcore.ctl.doctor.findings import Blind, Finding
from clpcore.ctl.doctor.machine import Ran

Found = Callable[[Callable[[Case], Iterator[Finding]], Case], Mapping[str, tuple[str, str]]]

Given: TypeAlias = Any  # the machine of conftest.py, which cannot be imported
Document = dict[str, Any]

_SELINUX = "/sys/fs/selinux/enforce"
_APPARMOR = "/sys/module/apparmor/parameters/enabled"
_CONTEXT = "/proc/4711/attr/current"
_UNIT_FILE = Path(__file__).parents[3] / "contrib/systemd/clpcore.service"


def test_without_either_nothing_is_confined(case: Case, found: Found) -> None:
    assert found(system.confinement, case) == {
        "SELinux": ("ok", "not there"),
        "AppArmor": ("ok", "not there"),
    }


@pytest.mark.parametrize(
    ("file", "word", "context", "severity"),
    [
        (_SELINUX, "0\n", "", "ok"),
        (_SELINUX, "1\n", "system_u:system_r:unconfined_service_t:s0\0", "ok"),
        (_SELINUX, "1\n", "system_u:system_r:clpcore_t:s0", "warning"),
        (_APPARMOR, "Y\n", "unconfined\n", "ok"),
        (_APPARMOR, "Y\n", "clpcore (enforce)\n", "warning"),
        (_APPARMOR, "N\n", "", "ok"),
    ],
)
def test_a_policy_matters_where_it_confines_the_agent(
    case: Case, machine: Given, file: str, word: str, context: str, severity: str, found: Found
) -> None:
    machine.files |= {file: word, _CONTEXT: context}
    severities = [each for each, _ in found(system.confinement, case).values()]
    assert sorted(severities) == sorted(["ok", severity])


def test_an_enforced_policy_without_an_agent_is_unknown(
    case: Case, machine: Given, found: Found
) -> None:
    machine.files[_SELINUX] = "1"
    gone = attrs.evolve(case, agent=Silent("no agent answers", "start it"))
    what = "SELinux is enforced; whether it confines the agent is not known"
    assert found(system.confinement, gone)[what] == ("unknown", "no agent answers")


# -- the unit

_WELL = {
    "LoadState": "loaded",
    "UnitFileState": "enabled",
    "WatchdogUSec": "10s",
    "KillMode": "process",
    "RuntimeDirectoryPreserve": "yes",
    "Environment": "CLP_POWER=systemd",
}


def _unit(machine: Given, **changed: str) -> None:
    text = "".join(f"{key}={value}\n" for key, value in {**_WELL, **changed}.items())
    machine.programs["systemctl show clpcore.service"] = Ran(0, text, "")


def test_the_unit_of_this_tree_is_well(case: Case, machine: Given, found: Found) -> None:
    _unit(machine)
    assert found(system.unit, case) == {"clpcore.service": ("ok", "enabled")}
    text = _UNIT_FILE.read_text()
    for line in ("KillMode=process", "RuntimeDirectoryPreserve=yes", "WatchdogSec=10s"):
        assert line in text


@pytest.mark.parametrize(
    ("key", "value", "severity", "words"),
    [
        ("LoadState", "not-found", "error", "is missing"),
        ("UnitFileState", "disabled", "warning", "not started at boot"),
        ("WatchdogUSec", "0", "warning", "does not see when the agent hangs"),
        ("KillMode", "control-group", "error", "kills what the cluster runs"),
        ("RuntimeDirectoryPreserve", "no", "error", "forgets what the cluster runs"),
        ("Environment", "", "warning", "may not stop this machine"),
    ],
)
def test_what_the_agent_counts_on_is_missing(
    case: Case, machine: Given, key: str, value: str, severity: str, words: str, found: Found
) -> None:
    _unit(machine, **{key: value})
    ((what, (told, _)),) = found(system.unit, case).items()
    assert (told, words in what) == (severity, True)


def test_without_systemd_the_unit_is_unknown(case: Case, machine: Given) -> None:
    with pytest.raises(Blind):
        list(system.unit(case))
    machine.programs["systemctl"] = Ran(1, "", "System has not been booted with systemd")
    with pytest.raises(Blind, match="not been booted"):
        list(system.unit(case))


def test_the_lab_has_no_unit(case: Case, found: Found) -> None:
    lab = attrs.evolve(case, where=attrs.evolve(case.where, lab=True))
    assert [each for each, _ in found(system.unit, lab).values()] == ["ok"]
    assert found(system.boot, lab) == {}


# -- booting


@pytest.mark.parametrize(
    ("text", "severity", "value"),
    [
        ("Startup finished in 2s (kernel) + 21.5s (userspace) = 23.5s \n", "ok", "23.5 s"),
        ("Startup finished in 1min (userspace) = 5min 3.2s \n", "warning", "303.2 s"),
    ],
)
def test_booting_is_compared_with_the_wait_for_it(
    case: Case, machine: Given, text: str, severity: str, value: str, found: Found
) -> None:
    machine.programs["systemd-analyze"] = Ran(0, text, "")
    ((told, said),) = found(system.boot, case).values()
    assert (told, said.startswith(value)) == (severity, True)


def test_a_boot_that_is_not_over_tells_nothing(case: Case, machine: Given) -> None:
    machine.programs["systemd-analyze"] = Ran(1, "", "Bootup is not yet finished")
    with pytest.raises(Blind, match="not yet finished"):
        list(system.boot(case))


# -- the shield


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("scheduling", "nice -15"),
        ("memory", "not locked (RLIMIT_MEMLOCK)"),
        ("out of memory", "killed like others (Permission denied)"),
    ],
)
def test_an_agent_without_its_shield(
    case: Case, agent: Document, name: str, got: str, found: Found
) -> None:
    assert {each for each, _ in found(system.shield, case).values()} == {"ok"}
    agent["shield"][name] = got
    told = found(system.shield, case)
    assert told[f"on a machine in trouble the agent may be late ({name})"] == ("warning", got)


def test_the_shield_of_no_agent_is_unknown(case: Case, found: Found) -> None:
    gone = attrs.evolve(case, agent=Silent("no agent answers", "start it"))
    assert [each for each, _ in found(system.shield, gone).values()] == ["unknown"]
