"""The template and its workers live and die with the agent; what resources keep does not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving import processes
from clpcore.runtime.driving.kept import Watch, living
from clpcore.runtime.workers.template import NoWorker, Template

# An agent in small: the template first, then a thread and a socket, then a call that keeps.
_AGENT: Final = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever a shell has set
import socket
early = socket.create_server(("127.0.0.1", 0))
from clpcore.runtime.workers.template import Template
template = Template.start()
import asyncio, json, os, pathlib, threading
from clpcore.runtime.workers.calls import Workers
from clpcore.model.actions import Activate, Call
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Resource
from clpcore.model.states import Event, Role

threading.Thread(target=time.sleep, args=[600], daemon=True).start()
listening = socket.create_server(("127.0.0.1", 0))
os.set_inheritable(listening.fileno(), True)
root = pathlib.Path(sys.argv[1])
call = Call(event=Event.START, role=Role.ACTIVE, epoch=1, server="n", home="n", previous="",
            group="g", resource="r")
settings = {"start_sync": False, "stop_sync": True}
resource = Resource(name="r", group="g", type="exec", settings=settings)
config = ClusterConfig(name="c", groups=(Group(name="g", resources=(resource,)),))
kept = []

async def main():
    workers = Workers(template, root, lambda kind, name: "exec")
    workers.on_kept(lambda *seen: kept.append(seen[2]))
    outcome = await workers.call(Activate(id=1, call=call, timeout=10_000), config)
    worker = next(iter(workers._pools["exec", ""]._workers)).pid
    print(json.dumps([outcome.verdict.value, template.pid, worker, kept[-1][0].pid]), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@attrs.frozen
class Agent:
    """A running small agent and whom it has started."""

    process: subprocess.Popen[str]
    template: int
    worker: int
    kept: int


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    script = tmp_path / "var/lib/clpcore/revisions/current/scripts/g/r/start.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-c", _AGENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        verdict, template, worker, kept = json.loads(process.stdout.readline())
    assert verdict == "ok"
    yield Agent(process, template, worker, kept)
    process.kill()
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.kill(kept, signal.SIGKILL)


def _lives(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and not found.gone


def _within(seconds: float, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def _links(pid: int) -> list[str]:
    return [str(link.readlink()) for link in sorted(Path(f"/proc/{pid}/fd").iterdir())]


# -- with an agent


def test_the_end_of_the_agent_is_the_end_of_template_and_workers_only(
    agent: Agent, tmp_path: Path
) -> None:
    agent.process.kill()
    _within(5, lambda: not _lives(agent.template) and not _lives(agent.worker))
    assert _lives(agent.kept)
    (process,) = living(tmp_path / "run/clpcore/kept/g/r")
    assert process.pid == agent.kept

    async def next_agent() -> tuple[str, str, api.Process]:
        heard: asyncio.Future[tuple[str, str, api.Process]] = asyncio.Future()
        watch = Watch(lambda *end: heard.set_result(end))
        watch.adopt(tmp_path / "run/clpcore")
        os.kill(agent.kept, signal.SIGKILL)
        return await asyncio.wait_for(heard, 5)

    assert asyncio.run(next_agent()) == ("g", "r", process)


def test_template_and_workers_hold_nothing_of_the_agent(agent: Agent) -> None:
    ours = {link for link in _links(agent.process.pid) if link.startswith("socket:")}
    assert len(ours) > 2
    for pid in (agent.template, agent.worker):
        found = processes.stat(pid)
        assert found is not None
        assert found.threads == 1
        assert found.session == agent.template  # no terminal of the agent reaches it
        assert ours.isdisjoint(_links(pid))
    assert _links(agent.template).count("anon_inode:[pidfd]") == 1
    _within(5, lambda: len(_links(agent.kept)) == 3)  # the shell's own are gone


def test_what_is_typed_at_the_agents_terminal_reaches_only_the_agent(agent: Agent) -> None:
    os.killpg(agent.process.pid, signal.SIGINT)
    agent.process.wait(5)
    assert _lives(agent.kept)


# -- without


@pytest.fixture
def spawned() -> Iterator[Template]:
    template = Template.spawn()
    yield template
    asyncio.run(template.close())


def test_a_worker_is_told_apart_by_its_pidfd_and_its_end_has_a_code(
    spawned: Template, tmp_path: Path
) -> None:
    async def test() -> None:
        born = await spawned.worker("exec", tmp_path)
        found = processes.stat(born.pid)
        assert found is not None
        assert found.parent == spawned.pid
        name = Path(f"/proc/{born.pid}/comm")
        await _until(lambda: name.read_text() == "clp-exec\n")
        signal.pidfd_send_signal(born.pidfd, signal.SIGUSR1)
        assert await asyncio.wait_for(born.ended, 5) == -signal.SIGUSR1
        assert processes.stat(born.pid) is None  # the template has waited for it
        os.close(born.pidfd)
        born.line.close()
        second = await spawned.worker("exec", tmp_path)
        second.line.close()  # a worker ends with its line
        assert await asyncio.wait_for(second.ended, 5) == 0
        os.close(second.pidfd)
        await spawned.close()

    asyncio.run(test())


def test_the_end_of_the_template_is_the_end_of_its_workers(
    spawned: Template, tmp_path: Path
) -> None:
    async def test() -> None:
        born = await spawned.worker("exec", tmp_path)
        os.kill(spawned.pid, signal.SIGKILL)
        assert await asyncio.wait_for(born.ended, 5) is None  # nobody is left to tell
        await asyncio.wait_for(processes.readable(born.pidfd), 5)
        os.close(born.pidfd)
        born.line.close()
        await spawned.close()

    asyncio.run(test())


def test_who_waits_for_a_worker_of_a_template_that_dies_is_told(
    spawned: Template, tmp_path: Path
) -> None:
    async def test() -> None:
        os.kill(spawned.pid, signal.SIGSTOP)
        asked = asyncio.ensure_future(spawned.worker("exec", tmp_path))
        await asyncio.sleep(0)
        os.kill(spawned.pid, signal.SIGKILL)
        with pytest.raises(NoWorker):
            await asyncio.wait_for(asked, 5)
        await spawned.close()

    asyncio.run(test())


def test_a_worker_that_nobody_waits_for_any_more_ends(spawned: Template, tmp_path: Path) -> None:
    async def test() -> None:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
        os.kill(spawned.pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(spawned.worker("exec", tmp_path), 0.01)
        os.kill(spawned.pid, signal.SIGCONT)
        kept = await spawned.worker("exec", tmp_path)  # the answer after that of the first
        children = Path(f"/proc/{spawned.pid}/task/{spawned.pid}/children")
        await _until(lambda: children.read_text().split() == [str(kept.pid)])
        os.close(kept.pidfd)
        kept.line.close()
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
        await spawned.close()

    asyncio.run(test())


def test_a_spawned_template_has_no_shield_of_the_agent(tmp_path: Path) -> None:
    mine = Path("/proc/self/oom_score_adj")
    before = mine.read_text()
    try:
        mine.write_text("-10")
    except OSError:
        pytest.skip("only root may shield a process from the OOM killer")
    try:
        template = Template.spawn()
    finally:
        mine.write_text(before)

    async def test() -> None:
        born = await template.worker("exec", tmp_path)
        assert Path(f"/proc/{born.pid}/oom_score_adj").read_text() == "0\n"  # noqa: ASYNC240
        os.close(born.pidfd)
        born.line.close()
        await template.close()

    asyncio.run(test())
