"""watched.py MS: an agent with an arbiter and a lease: what arms the watchdog of its server.

Nobody answers as arbiter, and nothing is driven; all else is the real agent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable

from clpcore import api, decide
from clpcore.model.actions import Call, Driven
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.model.members import Heartbeat, Server
from clpcore.model.protection import Arbiter
from clpcore.model.revisions import About, Revision
from clpcore.model.states import Verdict
from clpcore.runtime import power, watchdog
from clpcore.runtime.agent import Agent, Documents
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.member import Setup
from clpcore.runtime.notify import Notify
from clpcore.runtime.places import whereabouts
from clpcore.runtime.revisions.archive import Filed
from clpcore.runtime.workers.paths import NoPath, Receive
from clpcore.wire import keys


class Drivers:
    def on_kept(self, callback: Callable[[str, str, tuple[api.Process, ...]], None]) -> None: ...

    async def call(self, action: Driven, config: ClusterConfig) -> Outcome:
        return Outcome(verdict=Verdict.FAILED, detail="nobody answers")

    async def kill(self, group: str) -> None: ...

    async def open_path(
        self, heartbeat: Heartbeat, call: Call, others: tuple[str, ...], receive: Receive
    ) -> DrivenPath:
        raise NoPath("there is none")

    async def close(self) -> None: ...


async def main() -> int:
    where = whereabouts()
    config = ClusterConfig(
        name="watched",
        heartbeat_interval=100,
        heartbeat_timeout=1_000,
        servers=(Server(name=where.server, priority=1, interconnect=("127.0.0.1",)),),
        arbiter=Arbiter(name="witness1", type="witness", watchdog=int(sys.argv[1])),
    )
    setup = Setup(
        where=where,
        config=config,
        committed=Filed(Revision(1, "0" * 64), About(), where.root.revisions),
        edited="",
        ring=keys.KeyRing((keys.Key("id", b"k" * keys.KEY_SIZE),)),
        core=decide,
        drivers=Drivers(),
        power=power.choose(where),
        notify=Notify.take(os.environ),
        watchdog=watchdog.choose(where),
    )
    end = await Agent(setup, Documents({"drivers": []}, {}, {})).run()
    return end.exit_code


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(asyncio.run(main()))
