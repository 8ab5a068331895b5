"""The machines outside of the cluster: a witness, and a power service that works well or badly."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clp_lab.conf import witness_key
from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import POWER_ADDRESS, WITNESS, WITNESS_ADDRESS, Plan, servers

from .conftest import Wait

pytestmark = pytest.mark.netns

_ASK = """
import http.client, sys
host, method, path = sys.argv[1:]
service = http.client.HTTPConnection(host, timeout=1)
try:
    service.request(method, path)
    answer = service.getresponse()
    print(answer.status, answer.read(40).decode())
except OSError as error:
    print(type(error).__name__)
"""

_RESET = """
import os, socket
power = socket.socket(socket.AF_UNIX)
power.connect(os.environ["CLP_ROOT"] + "/run/power")
power.send(b"reset")
"""


@pytest.fixture
def key() -> Iterator[Path]:
    with witness_key() as file:
        yield file


@pytest.fixture
def lab(key: Path, agent: tuple[str, ...], eventually: Wait) -> Iterator[Lab]:
    plan = Plan(servers=servers(2), agent=agent, witness=str(key), power=True)
    with Lab(plan) as made:
        eventually(lambda: _ask(made, POWER_ADDRESS, "GET", "/node1") == "200 on")
        yield made


def _ask(lab: Lab, host: str, method: str, path: str) -> str:
    words = (sys.executable, "-IS", "-c", _ASK, host, method, path)
    return lab.server("node1").run(words).stdout.strip()


def _power(lab: Lab, method: str, path: str) -> str:
    return _ask(lab, POWER_ADDRESS, method, path)


def _witness(lab: Lab) -> str:
    return _ask(lab, WITNESS_ADDRESS, "GET", "/")[:3]


def test_a_server_is_switched_off_and_read_as_off(lab: Lab) -> None:
    assert _power(lab, "POST", "/node2/off") == "202 accepted"
    assert _power(lab, "GET", "/node2") == "200 off"
    shown = lab.status().server("node2")
    assert (shown.power, shown.because, shown.pid) == ("off", "switched off", 0)
    assert _power(lab, "POST", "/node2/off") == "202 accepted"
    lab.start("node2")
    assert _power(lab, "GET", "/node2") == "200 on"
    assert lab.status().server("node2").lives == 2


def test_a_frozen_server_is_switched_off_like_any_other(lab: Lab) -> None:
    lab.pause("node2")
    assert _power(lab, "GET", "/node2") == "200 on"
    assert _power(lab, "POST", "/node2/off") == "202 accepted"
    assert _power(lab, "GET", "/node2") == "200 off"
    with pytest.raises(LabError, match="off, not paused"):
        lab.resume("node2")


def test_what_is_accepted_late_hits_whoever_lives_there_by_then(lab: Lab, eventually: Wait) -> None:
    lab.set_power("late", delay_ms=600)
    assert _power(lab, "POST", "/node2/off") == "202 accepted"
    assert _power(lab, "GET", "/node2") == "200 on"
    lab.kill("node2")
    lab.start("node2")
    eventually(lambda: lab.status().server("node2").power == "off")
    assert _power(lab, "GET", "/node2") == "200 off"


def test_it_lies_and_it_refuses(lab: Lab) -> None:
    lab.set_power("lies")
    assert _power(lab, "GET", "/node2") == "200 on"
    assert _power(lab, "POST", "/node2/off") == "202 accepted"
    assert _power(lab, "GET", "/node2") == "200 off"
    assert lab.status().server("node2").power == "up"
    lab.set_power("refuses")
    assert _power(lab, "POST", "/node2/off").startswith("503")
    assert _power(lab, "GET", "/node2").startswith("503")
    lab.set_power("good")
    assert _power(lab, "GET", "/node2") == "200 on"
    assert _power(lab, "GET", "/node9").startswith("503 no server 'node9'")
    assert _power(lab, "POST", "/node2").startswith("404")
    with pytest.raises(LabError, match="there are good, late, refuses, lies"):
        lab.set_power("moody")


def test_a_server_that_is_switched_off_while_it_reboots_stays_off(
    key: Path, agent: tuple[str, ...], eventually: Wait
) -> None:
    plan = Plan(servers=servers(2), agent=agent, witness=str(key), power=True, boot=1_000)
    with Lab(plan) as lab:
        eventually(lambda: _power(lab, "GET", "/node1") == "200 on")
        lab.server("node2").run((sys.executable, "-IS", "-c", _RESET))
        eventually(lambda: lab.status().server("node2").power == "off")
        assert _power(lab, "POST", "/node2/off") == "202 accepted"
        time.sleep(1.5)  # longer than the boot that must not be
        assert lab.status().server("node2").lives == 1
        lab.start("node2")


def test_the_witness_is_a_machine_that_can_be_cut_off_killed_and_frozen(
    lab: Lab, eventually: Wait
) -> None:
    eventually(lambda: _witness(lab) == "200")
    lab.cut("node1", WITNESS)
    assert _witness(lab) == "Tim"  # TimeoutError
    assert lab.server("node2").run(("true",)).returncode == 0
    lab.heal()
    lab.pause(WITNESS)
    assert _witness(lab) == "Tim"
    lab.resume(WITNESS)
    assert _witness(lab) == "200"
    lab.kill(WITNESS)
    assert {one.name: one.power for one in lab.status().outside}[WITNESS] == "off"
    assert _witness(lab) == "Tim"
    lab.start(WITNESS)
    eventually(lambda: _witness(lab) == "200")
    made = (lab.folder / "log/witness.log").read_text().count("Made ")
    assert made == 1, "it serves from what its former life has left"


def test_the_servers_share_one_folder_and_no_other(lab: Lab) -> None:
    lab.server("node1").run(("sh", "-c", "echo one > /var/shared/file"))
    lab.kill("node1")
    assert lab.server("node2").run(("cat", "/var/shared/file")).stdout == "one\n"
    assert (lab.server("node2").shared / "file").read_text() == "one\n"
