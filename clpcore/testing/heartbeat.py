"""The suite for heartbeat drivers."""

from __future__ import annotations

from typing import Any, Final

import attrs

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.suite import Suite

_FRAMES: Final = (b"one", b"\x00\xff\n\r\x00", bytes(range(256)) * 4)


class HeartbeatSuite(Suite):
    """Rules for a heartbeat driver. In ``world()`` the path between node1 and node2 works."""

    def test_frames_arrive_as_they_were_sent(self) -> None:
        """Both ways, whatever bytes they hold, and only at the server that they are for."""

        async def both_ways(ports: api.Ports) -> list[tuple[bytes, bytes]]:
            links = {name: await self._open(name, ports) for name in ("node1", "node2")}
            seen = []
            for sender, receiver in (("node1", "node2"), ("node2", "node1")):
                for frame in _FRAMES:
                    await links[sender].send(receiver, frame)
                    seen.append((frame, await links[receiver].receive()))
            for link in links.values():
                await link.close()
            return seen

        ended = self.play_act(self.world(), both_ways)
        if ended.value is None:
            self.break_rule(rules.FRAMES_ARRIVE, f"sending both ways {ended.how}")
        for sent, received in ended.value or ():
            if sent != received:
                self.break_rule(rules.FRAMES_ARRIVE, f"{sent!r:.60} arrived as {received!r:.60}")

    def test_it_closes_as_often_as_asked(self) -> None:
        """And a closed link says so."""

        async def twice(ports: api.Ports) -> str:
            link = await self._open("node1", ports)
            await link.close()
            await link.close()
            for use in (lambda: link.send("node2", b"late"), link.receive):
                try:
                    await use()
                except api.Failed:
                    continue
                return "a closed link sends, or receives"
            return ""

        ended = self.play_act(self.world(), twice)
        if ended.value != "":
            self.break_rule(rules.LINK_CLOSES, ended.value or f"close {ended.how}")

    def test_it_survives_every_fault(self) -> None:
        """A path that fails raises DriverErrors, and can be opened again."""

        async def send(ports: api.Ports) -> None:
            link = await self._open("node1", ports)
            try:
                await link.send("node2", b"frame")
            finally:
                await link.close()

        for world, _, _, story in self.sweep_act(self.world, send):
            again = self.play_act(world, send)
            if not again.returned:
                self.break_rule(rules.COMES_BACK, f"sending{story}, and then again, {again.how}")

    async def _open(self, server: str, ports: api.Ports) -> api.Link:
        driver: Any = self.driver()
        call = attrs.evolve(self.call(), server=server, deadline=ports.now() + 60_000)
        link: api.Link = await driver.open(call, ports)
        return link
