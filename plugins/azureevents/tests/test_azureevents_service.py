"""The service with a metadata service and an agent that are only as good as they are told to be."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore_azureevents import config, events, main, memory
from clpcore_azureevents.events import Event
from clpcore_azureevents.imds import Imds, NoAnswer
from clpcore_azureevents.memory import Known
from clpcore_azureevents.service import Service

_REBOOT = Event(id="E1", type="Reboot", resources=("node1",), started=False)
_BUSY = {"ok": False, "error": "op31: the cluster is suspended"}


def _server(name: str, **more: object) -> dict[str, object]:
    usual = {"state": "Online", "drained": False, "freeze": None, "evidence": None}
    return {"name": name, **usual, **more}


def _status(**more: object) -> dict[str, Any]:
    return {
        "server": "node1",
        "leader": "node1",
        "suspended": False,
        "endured_freeze_ms": 30_000,
        "servers": [_server("node1", **more), _server("node2")],
        "groups": [],
    }


class FakeImds(Imds):
    """Azure as it is told to be."""

    def __init__(self, *announced: Event) -> None:
        super().__init__("http://127.0.0.1:1", 1)
        self.announced = announced
        self.approved: list[str] = []
        self.fails = ""

    async def machine(self) -> str:
        return "node1"

    async def document(self) -> events.Document:
        if self.fails:
            raise NoAnswer(self.fails)
        return events.Document(1, self.announced)

    async def approve(self, event: str) -> None:
        self.approved.append(event)


@attrs.define
class FakeAgent:
    """The control socket of an agent; *replies* to what it is asked for, else all is done."""

    status: dict[str, Any]
    asked: list[dict[str, Any]] = attrs.field(factory=list)
    via: set[str] = attrs.field(factory=set)
    replies: list[dict[str, Any]] = attrs.field(factory=list)

    @contextlib.asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[None]:
        path.parent.mkdir(parents=True)
        folder = os.open(path.parent, os.O_PATH)
        server = await asyncio.start_unix_server(self._serve, f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        if request["do"] == "status":
            reply = {"ok": True, "status": self.status}
        else:
            self.asked.append(request["op"])
            self.via.add(request.get("via"))
            reply = self.replies.pop(0) if self.replies else {"ok": True, "because": []}
        writer.write(json.dumps(reply).encode() + b"\n")
        writer.close()


def _run(
    root: Path,
    imds: FakeImds,
    agent: FakeAgent | None,
    looks: int = 1,
    machines: Mapping[str, str] | None = None,
) -> Service:
    async def run() -> Service:
        service = Service(root, config.Config(machines=machines or {}), imds)
        async with contextlib.AsyncExitStack() as stack:
            if agent:
                await stack.enter_async_context(agent.at(root / config.CONTROL))
            for _ in range(looks):
                await service.look()
        await imds.__aexit__()
        return service

    return asyncio.run(run())


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "clpcore_azureevents")
    return caplog


def test_what_is_remembered_is_written_before_it_is_asked_for(tmp_path: Path) -> None:
    known: list[Known] = []

    class Watching(FakeAgent):
        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            known.append(memory.load(tmp_path / config.STATE))
            await super()._serve(reader, writer)

    agent = Watching(_status())
    _run(tmp_path, FakeImds(_REBOOT), agent, looks=2)
    assert agent.asked == [{"is": "ServerDrain", "server": "node1", "on": True}]  # not each second
    assert [each.ours for each in known] == [False, True, True]
    assert agent.via == {"clp-azureevents"}  # the journal tells it from an operator


def test_a_drain_that_was_refused_is_nothing_to_undo(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    agent = FakeAgent(_status(), replies=[_BUSY])
    _run(tmp_path, FakeImds(_REBOOT), agent)
    assert not memory.load(tmp_path / config.STATE).ours
    assert "the agent refuses: op31: the cluster is suspended" in said.text


def test_a_drain_that_goes_on_is_no_refusal(tmp_path: Path) -> None:
    agent = FakeAgent(_status(), replies=[{"ok": False, "pending": True, "because": []}])
    _run(tmp_path, FakeImds(_REBOOT), agent)
    assert memory.load(tmp_path / config.STATE).ours


def test_no_answer_of_azure_is_no_end_of_an_event(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    memory.save(tmp_path / config.STATE, Known(ours=True, drained=("E1",)))
    imds, agent = FakeImds(), FakeAgent(_status(drained=True))
    imds.fails = "no answer within 5 s"
    _run(tmp_path, imds, agent, looks=2)
    assert agent.asked == []
    assert said.text.count("no answer within 5 s") == 1
    assert not (tmp_path / config.LOOK).exists()


def test_without_an_agent_nothing_is_approved(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    imds = FakeImds(_REBOOT)
    _run(tmp_path, imds, None, looks=2)
    assert imds.approved == []
    assert said.text.count("Events cannot be seen to: no agent answers") == 1


def test_an_agent_of_another_version_is_told(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    status = _status()
    del status["endured_freeze_ms"]
    imds = FakeImds(_REBOOT)
    _run(tmp_path, imds, FakeAgent(status))
    assert imds.approved == []
    assert "the status document of the agent has no 'endured_freeze_ms'" in said.text


def test_the_agent_is_left_in_peace_while_nothing_happens(tmp_path: Path) -> None:
    _run(tmp_path, FakeImds(), None, looks=3)
    assert json.loads((tmp_path / config.LOOK).read_text())["machine"] == "node1"


def test_a_machine_of_another_name_than_the_file_says_approves_nothing(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    """What Azure calls node1 is this machine, which the file calls TestVM-1."""
    imds, agent = FakeImds(_REBOOT), FakeAgent(_status(drained=True))
    _run(tmp_path, imds, agent, machines={"node1": "TestVM-1"})
    assert imds.approved == []
    assert 'Write node1 = "node1" below [machines] on EVERY server' in said.text
    assert "not approved yet, as it is not certain which servers its machines are" in said.text
    _run(tmp_path / "good", imds, agent, machines={"node1": "Node1"})
    assert imds.approved == ["E1"]


def test_the_program_ends_when_told_to_and_refuses_a_wrong_file(tmp_path: Path) -> None:
    file = tmp_path / config.FILE
    file.parent.mkdir(parents=True)
    file.write_text('endpoint = "http://127.0.0.1:1"\n')
    command = [sys.executable, "-m", "clpcore_azureevents.main", "serve"]
    environ = {**os.environ, "CLP_ROOT": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr
        line = program.stderr.readline()
        program.send_signal(signal.SIGTERM)
        rest = program.stderr.read()
    assert "Azure's metadata service at http://127.0.0.1:1: ConnectError" in line
    assert (program.returncode, rest) == (0, "")
    file.write_text("interval = 'often'\n")
    refused = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == main.CONFIGURATION
    assert "interval is 'often'" in refused.stderr


def test_the_unit_file_keeps_what_the_service_counts_on() -> None:
    unit = (Path(__file__).parents[3] / "contrib/systemd/clp-azureevents.service").read_text()
    assert f"RestartPreventExitStatus={main.CONFIGURATION}\n" in unit
    assert f"StateDirectory={Path(config.STATE).parent.name}\n" in unit
    assert f"RuntimeDirectory={Path(config.LOOK).parent.name}\n" in unit
