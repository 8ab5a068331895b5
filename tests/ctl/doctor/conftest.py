"""A case to examine: a machine whose looks a test gives, two servers, agents that answered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore.ctl.doctor import beyond
from clpcore.ctl.doctor.case import Case, Configured, Told
from clpcore.ctl.doctor.findings import Blind, Finding
from clpcore.ctl.doctor.machine import Machine, Ran
from clpcore.host import Registry
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Heartbeat, Server
from clpcore.runtime.places import Root, Whereabouts

Check = Callable[[Case], Iterator[Finding]]


@attrs.define
class Given(Machine):
    """A machine that has only what a test gives; the files of a server's root are real ones."""

    files: dict[str, str] = attrs.field(factory=dict)
    programs: dict[str, Ran] = attrs.field(factory=dict)  # by the begin of the command line
    free: tuple[int, int] = (1 << 40, 1 << 20)  # bytes, inodes
    addresses_of: dict[str, list[str]] = attrs.field(factory=dict)
    own: tuple[str, ...] = ("10.5.0.110", "10.6.0.110")
    deaf: dict[str, str] = attrs.field(factory=dict)  # why connecting to an address fails
    synchronised: bool = True
    now: int = 1_000_000

    def read(self, path: Path) -> str:
        if path.is_relative_to("/proc") or path.is_relative_to("/sys"):
            if str(path) not in self.files:
                raise FileNotFoundError(path)
            return self.files[str(path)]
        return super().read(path)

    def stat(self, path: Path) -> os.stat_result:
        if path.is_relative_to("/dev"):
            if str(path) not in self.files:
                raise FileNotFoundError(path)
            return super().stat(Path("/"))
        return super().stat(path)

    def space(self, path: Path) -> os.statvfs_result:
        free, names = self.free
        had = list(super().space(path))
        had[1], had[2], had[4], had[5], had[7] = 1, 1 << 40, free, 1 << 30, names
        return os.statvfs_result(had)

    def run(self, *argv: str) -> Ran:
        line = " ".join(argv)
        found = next((ran for begin, ran in self.programs.items() if line.startswith(begin)), None)
        if found is None:
            raise Blind(f"the program {argv[0]} is not here")
        return found

    def owns(self, address: str) -> bool:
        return address in self.own

    def connect(self, source: str, address: str, port: int) -> str:
        assert (source, port) in {(each, 29001) for each in self.own}
        return self.deaf.get(address, "")

    def addresses(self, host: str) -> list[str]:
        if host not in self.addresses_of:
            raise Blind(f"{host} has no address here")
        return self.addresses_of[host]

    def is_synchronised(self) -> bool:
        return self.synchronised

    def wall(self) -> int:
        return self.now


@pytest.fixture
def machine() -> Given:
    return Given()


@pytest.fixture
def config() -> ClusterConfig:
    return ClusterConfig(
        name="Cluster1",
        servers=tuple(
            Server(name=name, priority=place, interconnect=(f"10.5.0.11{end}", f"10.6.0.11{end}"))
            for place, (name, end) in enumerate((("node1", 0), ("node2", 1)), start=1)
        ),
        heartbeats=(Heartbeat(name="lanhb1", type="lanhb"),),
    )


@pytest.fixture
def agent() -> dict[str, Any]:
    """What a healthy agent says of itself."""
    return {
        "pid": 4711,
        "version": "1.0",
        "watchdog": "not armed",
        "troubles": [],
        "shield": {"scheduling": "SCHED_RR", "memory": "locked", "out of memory": "killed last"},
        "network": {"dropped": {}},
    }


@pytest.fixture
def status() -> dict[str, Any]:
    beats = [{"name": "lanhb1", "type": "lanhb", "state": "Normal"}]
    return {
        "servers": [
            {"name": "node1", "state": "Online", "heartbeats": beats},
            {"name": "node2", "state": "Online", "heartbeats": beats},
        ],
        "fencing": [],
        "np": [],
        "arbiter": None,
    }


@pytest.fixture
def case(
    tmp_path: Path,
    machine: Given,
    config: ClusterConfig,
    agent: dict[str, Any],
    status: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Case:
    """node1 of two, all well; its files are real ones below a root of its own."""
    monkeypatch.setenv("CLP_LANG", "en")
    root = Root(tmp_path)
    for folder in (root.conf, root.scripts, root.store.parent, root.logs, root.run):
        folder.mkdir(parents=True)
    return Case(
        where=Whereabouts(root=root, server="node1", lab=False),
        owner=os.geteuid(),
        machine=machine,
        configured=Configured(
            config=config,
            folder=str(root.conf),
            packed=beyond.packed(config, Registry(), "node1"),
        ),
        agent=agent,
        status=status,
        elsewhere=lambda: {"node2": Told(version="1.0", offset=3, fuzz=2)},
    )


@pytest.fixture
def found() -> Callable[[Check, Case], Mapping[str, tuple[str, str]]]:
    """Runs a check: severity and value of what it found, by what it says."""

    def run(check: Check, case: Case) -> Mapping[str, tuple[str, str]]:
        findings = list(check(case))
        for each in findings:
            assert each.remedy or each.severity in {"ok", "unknown"}, each
        return {each.what: (each.severity.value, each.value) for each in findings}

    return run
