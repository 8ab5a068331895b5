"""All that this server says to the others and hears from them: heartbeats and letters."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import GotLetter, HeardBeat
from clpcore.model.peer import Beat, Letter
from clpcore.model.ports import HEARTBEAT_UDP, ORDERS_TCP
from clpcore.model.revisions import Dispatch
from clpcore.runtime import attempts, clock
from clpcore.runtime.links.complaints import Complaints
from clpcore.runtime.links.driven import DrivenPaths, OpenDriven, OpenPath
from clpcore.runtime.links.heartbeats import Link, Path
from clpcore.runtime.links.misheard import Misheard
from clpcore.runtime.links.newest import Newest
from clpcore.runtime.links.sessions import Credentials, Sessions
from clpcore.runtime.troubles import Troubles
from clpcore.wire import letters
from clpcore.wire.datagram import SALT_SIZE, Opener, Sealer
from clpcore.wire.hello import Identity
from clpcore.wire.rejected import Rejected

LAN: Final = "lanhb"  # the type of heartbeats that the agent sends itself
# Until a peer that takes no data is given up: some heartbeats, within reason.
_USER_TIMEOUT_LEAST, _USER_TIMEOUT_MOST = 1_000, 10_000

Hear = Callable[[HeardBeat | GotLetter], None]
Take = Callable[[str, Dispatch], None]


def heartbeat_paths(config: ClusterConfig, me: str) -> tuple[Path, ...]:
    """Give the path of each LAN heartbeat of the configuration."""
    lan = [heartbeat for heartbeat in config.heartbeats if heartbeat.type == LAN]
    return tuple(
        _path(config, me, each.name, each.settings.get("interconnect", number) - 1)
        for number, each in enumerate(lan, start=1)
    )


def order_paths(config: ClusterConfig, me: str) -> tuple[Path, ...]:
    """Give the paths for letters, best first: the interconnects in their order."""
    count = len(config.server_by_name[me].interconnect)
    return tuple(_path(config, me, f"interconnect {n + 1}", n) for n in range(count))


def _path(config: ClusterConfig, me: str, name: str, index: int) -> Path:
    addresses = {server.name: server.interconnect[index] for server in config.servers}
    return Path(name, addresses.pop(me), addresses)


class Network:
    """The links and sessions of one agent; what cannot be opened is tried again and told."""

    def __init__(
        self,
        config: ClusterConfig,
        credentials: Credentials,
        troubles: Troubles,
        newest: Newest,
        hear: Hear,
        take: Take,
        open_driven: OpenDriven,
    ) -> None:
        """Prepare; *hear* and *take* get what other servers say, authenticated, on the loop.

        *open_driven* opens the heartbeat paths that plugins drive.
        """
        me = credentials.me.server
        others = [name for name in config.server_names if name != me]
        timeout = 3 * config.heartbeat_interval
        self.complaints = Complaints()
        self._troubles = troubles
        self._misheard = Misheard(troubles, config.heartbeat_timeout)
        self._hear = hear
        self._take = take
        self._paths = heartbeat_paths(config, me), order_paths(config, me)
        self._sealer = Sealer(
            ring=credentials.ring,
            cluster=credentials.cluster,
            sender=me,
            incarnation=credentials.me.incarnation,
            salt=os.urandom(SALT_SIZE),
        )
        self._opener = Opener(ring=credentials.ring, cluster=credentials.cluster, senders=others)
        self._newest = newest
        for name, number in newest.before.items():
            self._opener.raise_floor(name, number.incarnation)
        self._sessions = Sessions(
            credentials,
            self._paths[1],
            self.complaints,
            user_timeout=min(max(timeout, _USER_TIMEOUT_LEAST), _USER_TIMEOUT_MOST),
            receive=self._receive_letter,
            meet=self._meet,
        )
        self._links: dict[str, OpenPath] = {}
        self._listeners: dict[str, asyncio.Server] = {}
        self._driven = [each for each in config.heartbeats if each.type != LAN]
        self._paths_of_plugins = DrivenPaths(
            open_driven, self._receive_frame, self._links, troubles, config.heartbeat_interval, me
        )
        self._openers: list[asyncio.Task[None]] = []
        self._sent: tuple[Beat | None, bytes] = None, b""
        self._heard: dict[str, tuple[bytes, Beat]] = {}

    @property
    def status(self) -> dict[str, Any]:
        """Give what is open and what was dropped, for people."""
        return {
            "links": sorted(self._links),
            "listening": sorted(self._listeners),
            "sessions": sorted(self._sessions.peers),
            "dropped": self.complaints.counts,
        }

    def remember(self, boots: Mapping[str, int]) -> None:
        """Take the highest boots that were heard before this start: older ones are replays."""
        for server, boot in boots.items():
            if server in self._heard_of:
                self._opener.raise_floor(server, Incarnation(Boot(boot), 0))

    @property
    def _heard_of(self) -> set[str]:
        return {name for path in self._paths[1] for name in path.others}

    def open(self) -> None:
        """Open every address, each as soon as it can be, and call the others."""
        beats, orders = self._paths
        for path in beats:
            attempt = functools.partial(self._open_link, path)
            self._keep_trying(f"UDP {path.mine}:{HEARTBEAT_UDP}", attempt)
        for path in orders:
            attempt = functools.partial(self._listen, path)
            self._keep_trying(f"TCP {path.mine}:{ORDERS_TCP}", attempt)
        for heartbeat in self._driven:
            keeping = self._paths_of_plugins.keep(heartbeat)
            self._openers.append(asyncio.create_task(keeping, name=heartbeat.name))
        self._sessions.start()

    def beat(self, beat: Beat) -> None:
        """Send a heartbeat on every link."""
        if self._sent[0] != beat:
            self._sent = beat, letters.encode_beat(beat)
        for link in tuple(self._links.values()):
            # One number a link: what was heard on one path cannot be played on another.
            link.send(self._sealer.seal(self._sent[1]))

    def drain(self) -> None:
        """Hear every heartbeat that waits to be read."""
        for link in tuple(self._links.values()):
            link.drain()

    @property
    def connected(self) -> frozenset[str]:
        """Give the servers with a session."""
        return frozenset(self._sessions.peers)

    def send(self, to: str, letter: Letter | Dispatch) -> None:
        """Send a letter."""
        self._sessions.send(to, letter)

    async def finish(self, within: float) -> None:
        """Let what was sent arrive, at most so many seconds, then close everything."""
        await self._sessions.finish(within)
        await self.close()

    async def close(self) -> None:
        """Close everything at once."""
        for task in self._openers:
            task.cancel()
        self._sessions.close()
        for listener in self._listeners.values():
            listener.close()
        for link in tuple(self._links.values()):
            link.close()
        self._links.clear()
        self._listeners.clear()
        self._newest.close()

    # -- opening

    def _keep_trying(self, what: str, attempt: Callable[[], Awaitable[None]]) -> None:
        opening = attempts.open_at_last(what, attempt, self._troubles)
        self._openers.append(asyncio.create_task(opening, name=what))

    async def _open_link(self, path: Path) -> None:
        self._links[path.name] = Link(path, self._receive_datagram)

    async def _listen(self, path: Path) -> None:
        self._listeners[path.mine] = await self._sessions.listen(path.mine)

    # -- hearing

    def _receive_frame(self, link: str, frame: bytes) -> None:
        """Hear a frame of a plugin's path: its seal, and no address, says whose it is."""
        self._receive_datagram(link, "", frame)

    def _receive_datagram(self, link: str, source: str, datagram: bytes) -> None:
        try:
            opened = self._opener.open(datagram)
            self._newest.check(opened)
            beat = self._read_beat(opened.sender, opened.payload)
        except Rejected as rejected:
            self.complaints.add(rejected.reason.value, f"on {link}: {rejected.detail}")
            if source:
                self._misheard.dropped(source, rejected.reason)
            return
        self._newest.note(opened)
        self._misheard.heard(opened.sender)
        boot = Boot(opened.incarnation.boot.counter, beat.boot_id)
        self._hear(
            HeardBeat(
                now=clock.now(),
                sender=opened.sender,
                incarnation=Incarnation(boot, opened.incarnation.start),
                link=link,
                beat=beat,
            )
        )
        self._sessions.wake(opened.sender)

    def _read_beat(self, sender: str, payload: bytes) -> Beat:
        """Read a heartbeat; most say what the last one said."""
        known = self._heard.get(sender)
        if known is None or known[0] != payload:
            known = self._heard[sender] = payload, letters.decode_beat(payload)
        return known[1]

    def _receive_letter(
        self, sender: str, incarnation: Incarnation, letter: Letter | Dispatch
    ) -> None:
        if isinstance(letter, Dispatch):
            self._take(sender, letter)
            return
        self._hear(
            GotLetter(now=clock.now(), sender=sender, incarnation=incarnation, letter=letter)
        )

    def _meet(self, peer: Identity) -> None:
        # A session cannot be replayed, heartbeats to an agent that forgot them can.
        self._opener.raise_floor(peer.server, peer.incarnation)
