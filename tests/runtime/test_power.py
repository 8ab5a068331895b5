"""Real power is only touched where it was asked for and is allowed. Nothing here can touch it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from clpcore.model.states import FinalAction
from clpcore.runtime import power
from clpcore.runtime.places import Root, Whereabouts
from clpcore.runtime.power import LabPower, NoPower, PowerError, SystemdPower

ENDS = (FinalAction.SHUTDOWN, FinalAction.REBOOT, FinalAction.RESET, FinalAction.PANIC)


class Spy:
    """Takes the place of systemctl and of the kernel's trigger."""

    def __init__(self, error: Exception | None = None) -> None:
        self.did: list[str] = []
        self.error = error

    def run(self, argv: Sequence[str]) -> None:
        self.did.append(" ".join(argv))
        if self.error is not None:
            raise self.error

    def trigger(self, key: str) -> None:
        self.did.append(f"sysrq {key}")

    @property
    def power(self) -> SystemdPower:
        return SystemdPower(self.run, self.trigger)


def where(root: Path, *, lab: bool) -> Whereabouts:
    return Whereabouts(root=Root(root), server="node1", lab=lab)


def test_systemd_stops_what_may_stop_in_order_and_the_kernel_what_may_not() -> None:
    spy = Spy()
    for how in ENDS:
        spy.power.stop(how)
    assert spy.did == [
        "systemctl poweroff --force",
        "systemctl reboot --force",
        "sysrq b",
        "sysrq c",
    ]


def test_a_machine_that_does_not_go_is_stopped_by_the_kernel() -> None:
    spy = Spy()
    spy.power.stop(FinalAction.SHUTDOWN, insist=True)
    spy.power.stop(FinalAction.REBOOT, insist=True)
    assert spy.did == ["sysrq o", "sysrq b"]


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("systemctl"),
        OSError(5, "Input/output error"),
        subprocess.TimeoutExpired("systemctl", 10),
        subprocess.CalledProcessError(1, "systemctl"),
    ],
)
def test_a_machine_that_cannot_run_systemctl_is_stopped_by_the_kernel(error: Exception) -> None:
    spy = Spy(error)
    spy.power.stop(FinalAction.SHUTDOWN)
    assert spy.did == ["systemctl poweroff --force", "sysrq o"]


def test_what_is_no_end_of_a_machine_is_refused() -> None:
    with pytest.raises(PowerError, match="stop_group does not stop a machine"):
        Spy().power.stop(FinalAction.STOP_GROUP)


def test_a_trigger_that_is_refused_is_told() -> None:
    def refuse(_key: str) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PowerError, match="sysrq-trigger: Permission denied"):
        SystemdPower(Spy().run, refuse).stop(FinalAction.RESET)


@pytest.mark.parametrize("lab", [True, False])
@pytest.mark.parametrize("namespace", [power._FIRST_PIDS, 4026532567])
def test_only_outside_the_lab_and_in_the_first_pid_namespace_is_power_real(
    *, lab: bool, namespace: int
) -> None:
    refusal = power.why_not_real(lab=lab, pid_namespace=namespace)
    assert (refusal is None) is (not lab and namespace == power._FIRST_PIDS)


def test_the_lab_gets_the_labs_power_whatever_the_environment_says(tmp_path: Path) -> None:
    chosen = power.choose(where(tmp_path, lab=True), {"CLP_POWER": "systemd"}, Spy().power)
    assert chosen == LabPower(tmp_path / "run/power")


def test_without_being_asked_for_there_is_no_power(tmp_path: Path) -> None:
    for environ in ({}, {"CLP_POWER": "none"}, {"CLP_POWER": "lab"}, {"CLP_POWER": "Systemd"}):
        chosen = power.choose(where(tmp_path, lab=False), environ, Spy().power)
        assert isinstance(chosen, NoPower)
        assert "CLP_POWER" in chosen.reason


_INSIDE = """
from clpcore.runtime import power
from clpcore.runtime.places import whereabouts
chosen = power.choose(whereabouts({}), {"CLP_POWER": "systemd"})
print(type(chosen).__name__, getattr(chosen, "reason", ""))
"""


@pytest.mark.netns
def test_an_agent_in_a_pid_namespace_of_its_own_refuses_real_power() -> None:
    argv = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    done = subprocess.run(
        [*argv, sys.executable, "-c", _INSIDE], capture_output=True, text=True, check=True
    )
    assert done.stdout == "NoPower this agent is in a PID namespace of its own\n"


def test_the_labs_init_gets_one_word(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as init:
        init.bind(str(tmp_path / "power"))
        init.listen()
        words = []
        for how in ENDS:
            LabPower(tmp_path / "power").stop(how)
            connection, _ = init.accept()
            with connection:
                words.append(connection.recv(100))
    assert words == [b"poweroff", b"reboot", b"reset", b"panic"]


def test_a_lab_without_init_is_told(tmp_path: Path) -> None:
    with pytest.raises(PowerError, match="power: No such file"):
        LabPower(tmp_path / "power").stop(FinalAction.RESET)


def test_no_power_tells_why() -> None:
    with pytest.raises(PowerError, match="because"):
        NoPower("because").stop(FinalAction.RESET)
