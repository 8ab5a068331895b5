"""pingnp on a real network of namespaces, and what it refuses to be told."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Protocol

import pytest

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_pingnp.partition import Config, Pingnp, validate

_PATIENCE = 600  # ms until the deadline, where nobody answers
_LONG = 3_000  # ms; the first answer of a new network takes its time on a busy machine


class Lan(Protocol):
    """What clp_lab.lan gives: machines on one switch."""

    def on(self, machine: str, work: object, *args: object) -> object: ...
    def add(self, machine: str, *addresses: str) -> None: ...
    def unplug(self, machine: str) -> None: ...


def _ask(groups: tuple[tuple[str, ...], ...], root: Path, patience: int = _PATIENCE) -> api.Answer:
    call = api.Call(
        event=api.Event.START,
        role=api.Role.ACTIVE,
        epoch=0,
        server="node1",
        home="node1",
        previous="",
        group="",
        resource="",
        monitor="pingnp1",
        deadline=clock.now() + patience,
    )
    ports = LocalPorts(call, Folders.of(Root(root), call), Limits())
    return asyncio.run(Pingnp(Config(groups=groups)).ask(call, ports))


@pytest.fixture
def network(lan: Lan) -> Lan:
    for machine, number in (("node1", 1), ("node2", 2), ("client", 3)):
        lan.add(machine, f"10.5.0.{number}/24")
    return lan


@pytest.mark.netns
@pytest.mark.parametrize(
    ("groups", "answer"),
    [
        ([["10.5.0.3"]], api.Answer.ANSWERED),
        ([["10.5.0.3", "10.5.0.99"]], api.Answer.ANSWERED),
        ([["10.5.0.3"], ["10.5.0.2"]], api.Answer.ANSWERED),
        ([["10.5.0.3"], ["10.5.0.99"]], api.Answer.SILENT),
        ([["10.5.0.99"]], api.Answer.SILENT),
        ([["203.0.113.1"]], api.Answer.SILENT),  # no way there at all
    ],
)
def test_one_address_of_every_group_must_answer(
    network: Lan, tmp_path: Path, groups: list[list[str]], answer: api.Answer
) -> None:
    given = tuple(map(tuple, groups))
    patience = _LONG if answer is api.Answer.ANSWERED else _PATIENCE
    assert network.on("node1", _ask, given, tmp_path, patience) is answer


@pytest.mark.netns
def test_a_server_that_is_cut_off_hears_nobody_and_says_so_in_time(
    network: Lan, tmp_path: Path
) -> None:
    network.unplug("node1")
    began = time.monotonic()
    assert network.on("node1", _ask, (("10.5.0.3",),), tmp_path) is api.Answer.SILENT
    assert time.monotonic() - began < _PATIENCE / 1_000


@pytest.mark.netns
def test_a_firewall_of_this_server_is_no_silence(network: Lan, tmp_path: Path) -> None:
    def ask() -> api.Answer:
        subprocess.run(["ip", "route", "add", "prohibit", "10.5.0.3/32"], check=True)
        return _ask((("10.5.0.3",),), tmp_path)

    assert network.on("node1", ask) is api.Answer.UNKNOWN


@pytest.mark.parametrize(
    "groups",
    [(), ((),), (("10.5.0.1",), ()), (("router",),), (("127.0.0.1",),), (("0.0.0.0",),)],  # noqa: S104
)
def test_targets_that_say_nothing_are_refused(groups: tuple[tuple[str, ...], ...]) -> None:
    assert [problem.key for problem in validate(Config(groups=groups))] == ["groups"]


def test_good_targets_are_taken() -> None:
    assert list(validate(Config(groups=(("10.5.0.1", "fd00::1"),)))) == []
