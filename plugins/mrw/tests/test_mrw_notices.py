"""mrw with the notices that `clprexec` lets the agent write."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Monitor, Server
from clpcore.model.questions import TakeNotice
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.operators import notices
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_mrw.monitor import Config, Mrw, validate

_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="failover1",
    resource="exec1",
    monitor="mrw1",
)


def _look(root: Path, call: api.Call = _CALL) -> api.Observation:
    ports = LocalPorts(call, Folders.of(Root(root), call), Limits())
    return asyncio.run(Mrw(Config(category="NIC")).observe(call, ports))


def _config(target: str) -> ClusterConfig:
    server = Server(name="node1", priority=1, interconnect=("10.5.0.110",))
    group = "failover1" if target else ""
    monitor = Monitor(name="mrw1", type="mrw", group=group, target=target)
    return ClusterConfig(name="Cluster1", servers=(server,), monitors=(monitor,))


@pytest.mark.parametrize("target", ["exec1", ""])
def test_a_notice_is_an_error_until_it_is_cleared(target: str, tmp_path: Path) -> None:
    call = _CALL if target else attrs.evolve(_CALL, group="", resource="")
    assert _look(tmp_path, call) == api.Observation(api.Health.NORMAL, "no notice")
    notice = TakeNotice(question="q1", monitor="mrw1", category="NIC", keyword="eth0")
    assert notices.take(Root(tmp_path), _config(target), notice) == {"ok": True}
    seen = _look(tmp_path, call)
    assert seen.health is api.Health.ERROR
    assert seen.certain
    assert seen.sentence.startswith("notice NIC.eth0 since 20")
    cleared = TakeNotice(question="q1", monitor="mrw1", category="NIC", keyword="", clear=True)
    assert notices.take(Root(tmp_path), _config(target), cleared) == {"ok": True}
    assert _look(tmp_path, call).health is api.Health.NORMAL


def test_a_damaged_file_is_no_answer(tmp_path: Path) -> None:
    file = tmp_path / "run/clpcore/resources/failover1/exec1/notices/mrw1"
    file.parent.mkdir(parents=True)
    file.write_text("NIC eth0\n")
    with pytest.raises(api.Failed, match="clprexec --clear mrw1"):
        _look(tmp_path)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (Config(category="NIC", keyword="eth0"), []),
        (Config(category=""), ["category"]),
        (Config(category="NIC.eth0"), ["category"]),
        (Config(category="NIC", keyword="a\tb"), ["keyword"]),
    ],
)
def test_words_that_no_notice_can_have_are_found(config: Config, wrong: list[str]) -> None:
    assert [problem.key for problem in validate(config)] == wrong
