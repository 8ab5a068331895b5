"""Recordings to be read: of what the agents of a simulated cluster are told and decide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import pytest

from clpcore import decide
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Input
from clpcore.model.state import ClusterState, Decision
from clpcore.runtime.recording import recorder as recorder_module
from clpcore.runtime.recording.recorder import Recorder
from clpcore.runtime.recording.ring import Ring
from clpcore.simulate.scenario import Scenario

Record = Callable[..., Path]

_AT_A_TIME: Final = 20  # inputs: virtual time is faster than any disk


class Real:
    """The core, whatever a test puts in its place elsewhere."""

    start = staticmethod(decide.start)
    step = staticmethod(decide.step)
    feed_until = staticmethod(decide.feed_until)
    beat = staticmethod(decide.beat)
    snapshot = staticmethod(decide.snapshot)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Gives the folder of what one server records while a scenario is played."""
    monkeypatch.setattr(recorder_module, "_GATHER", 0)
    ring = Ring(tmp_path / "recording")

    async def played(lines: Iterable[str], server: str) -> None:
        recorder = Recorder(ring, server, "0.1.0", pytest.fail)
        core, count = recorder.over(Real()), 0

        def step(config: ClusterConfig, state: ClusterState, taken: Input) -> Decision:
            nonlocal count
            if state.me != server:
                return Real.step(config, state, taken)
            count += 1
            while count % _AT_A_TIME == 0 and not recorder._queue.empty():
                time.sleep(0.0005)
            return core.step(config, state, taken)

        scenario = Scenario(quiet=True)
        with monkeypatch.context() as patch:
            patch.setattr(decide, "step", step)
            for line in lines:
                scenario.do(line)
        await recorder.close()

    def play(lines: Iterable[str], server: str = "node2") -> Path:
        asyncio.run(played(lines, server))
        return ring.folder

    return play
