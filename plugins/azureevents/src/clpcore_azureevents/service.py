"""The loop: look at the events, look at the cluster, decide, ask, say what is new."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Final

import attrs

from clpcore_azureevents import config as configured
from clpcore_azureevents import machines, memory
from clpcore_azureevents.agent import Agent, NoAgent, Refused
from clpcore_azureevents.cluster import Cluster
from clpcore_azureevents.decide import Approve, Ask, Decision, Drain, decide
from clpcore_azureevents.events import Document
from clpcore_azureevents.imds import Imds, NoAnswer
from clpcore_azureevents.memory import Known

logger = logging.getLogger(__name__)

_AGAIN: Final = 10.0  # seconds until what was asked for, and did not happen, is asked for again


class Service:
    """One server's service."""

    def __init__(self, root: Path, config: configured.Config, imds: Imds) -> None:
        """Take the root of the server's files, and what was remembered there."""
        self._config, self._imds = config, imds
        self._state, self._look_file = root / configured.STATE, root / configured.LOOK
        self._agent = Agent(root / configured.CONTROL)
        self._known = memory.load(self._state)
        self._machine = ""
        self._said: tuple[str, ...] = ()
        self._asked: dict[Ask, float] = {}

    async def run(self) -> None:
        """Look again and again."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self.look()
            await asyncio.sleep(max(0.0, began + self._config.interval - loop.time()))

    async def look(self) -> None:
        """Look once, and do what follows."""
        try:
            document = await self._document()
            self._leave_a_trace(document)
            if not document.events and self._known == Known():
                self._say(())
                return
            cluster = await self._agent.cluster()
            await self._act(cluster, self._decided(document, cluster))
        except NoAnswer as error:
            self._say((f"Azure's metadata service at {self._config.endpoint}: {error}.",))
        except NoAgent as error:
            self._say((f"Events cannot be seen to: {error}.",))
        except OSError as error:  # nothing is asked for that would be forgotten
            self._say((f"Nothing can be written down: {error}.",))

    async def _document(self) -> Document:
        if not self._machine:
            self._machine = await self._imds.machine()
        return await self._imds.document()

    def _decided(self, document: Document, cluster: Cluster) -> Decision:
        servers = tuple(each.name for each in cluster.servers)
        told = machines.told(self._config.machines, cluster.me, self._machine, servers)
        return decide(document.events, cluster, self._known, told, int(time.time()))

    async def _act(self, cluster: Cluster, decision: Decision) -> None:
        """Ask for what was decided; what is to be remembered is written down before."""
        self._remember(decision.known)
        self._say(decision.said)
        now = asyncio.get_running_loop().time()
        self._asked = {ask: at for ask, at in self._asked.items() if ask in decision.asks}
        for ask in decision.asks:
            if now - self._asked.get(ask, now - _AGAIN) < _AGAIN:
                continue
            self._asked[ask] = now
            await self._ask(ask, cluster.me)

    async def _ask(self, ask: Ask, me: str) -> None:
        try:
            if isinstance(ask, Approve):
                await self._imds.approve(ask.event)
            else:
                await self._agent.ask(ask, me)
        except Refused as refused:
            logger.warning("%s: the agent refuses: %s", ask, refused)
            if isinstance(ask, Drain):
                self._remember(attrs.evolve(self._known, ours=False))

    def _remember(self, known: Known) -> None:
        if known != self._known:
            memory.save(self._state, known)
            self._known = known

    def _say(self, said: tuple[str, ...]) -> None:
        for sentence in said:
            if sentence not in self._said:
                logger.info("%s", sentence)
        self._said = said

    def _leave_a_trace(self, document: Document) -> None:
        """Write down that Azure was heard, for `clp doctor`; a file in /run, gone at reboot."""
        seen = {"machine": self._machine, "at": int(time.time()), "events": len(document.events)}
        self._look_file.parent.mkdir(parents=True, exist_ok=True)
        new = self._look_file.with_name(self._look_file.name + ".new")
        new.write_text(json.dumps(seen))
        new.rename(self._look_file)
