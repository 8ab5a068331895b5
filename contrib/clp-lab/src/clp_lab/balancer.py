"""The load balancer's forwarding: which server gets a new flow, and the rewriting on the way.

As Azure's does it: a new flow goes to one of the servers whose probe is healthy, chosen by a hash
of its five values; an established flow stays where it is, whatever the probe says later; the
client's address is kept, only the target is rewritten; with nobody healthy a new flow is dropped
without an answer. With direct server return not even the target is rewritten, and the answers of
the server do not come through the balancer at all: it follows a flow by what the client sends.
"""

import zlib
from collections.abc import Callable

import attrs

from clp_lab import frames

_LINGER_NS = 2_000_000_000  # a closed flow is remembered for its last acknowledgements
_SWEEP_NS = 1_000_000_000


@attrs.frozen(kw_only=True)
class Backend:
    """A server of the pool; `slot` is its place on the board."""

    name: str
    slot: int
    address: bytes

    @property
    def mac(self) -> bytes:
        return frames.mac_of(self.address)


@attrs.define(kw_only=True)
class _Flow:
    backend: Backend
    client_mac: bytes
    seen: int
    answered: bool = False
    ended: bool = False
    closing: set[str] = attrs.field(factory=set)

    def note(self, side: str, flags: int, now: int, *, direct: bool = False) -> None:
        """Follow the connection: who has answered, who has closed.

        With *direct* server return a client that acknowledges was answered, and when it closes,
        the server's part of the end is not seen.
        """
        self.seen = now
        known = direct and flags & (frames.SYN | frames.ACK) == frames.ACK
        self.answered = self.answered or side == "server" or known
        if flags & frames.FIN:
            self.closing |= {"client", "server"} if direct else {side}
        if flags & frames.RST or len(self.closing) == 2:  # noqa: PLR2004
            self.ended = True


@attrs.define(kw_only=True)
class Frontend:
    """Bytes in, bytes out; health comes from outside and is asked only for a new flow.

    Addresses are 4 bytes and ports 2, as on the wire. Times are monotonic nanoseconds. *direct*:
    frames go to the server as they are, and it answers the client itself.
    """

    address: bytes
    port: bytes
    backend_port: bytes
    pool: tuple[Backend, ...]
    idle_ns: int
    is_healthy: Callable[[int], bool]
    direct: bool = False
    _flows: dict[bytes, _Flow] = attrs.field(init=False, factory=dict)
    _swept: int = attrs.field(init=False, default=0)

    @property
    def mac(self) -> bytes:
        return frames.mac_of(self.address)

    @property
    def flows(self) -> int:
        """How many flows are remembered, closed ones for two seconds."""
        return len(self._flows)

    def toward_server(self, frame: bytes, now: int) -> tuple[bytes, Backend] | None:
        """Readdress a frame sent to the frontend to its server; None drops it."""
        to_us = frame[frames.TARGET_IP] == self.address and frame[frames.TARGET_PORT] == self.port
        if not frames.is_tcp(frame) or not to_us:
            return None
        self._sweep(now)
        flow = self._flow_of(frame, now)
        if flow is None or flow.backend.address == frame[frames.SOURCE_IP]:
            return None  # a server does not reach its own frontend (no hairpin in Azure either)
        flow.note("client", frames.tcp_flags(frame), now, direct=self.direct)
        if self.direct:
            return flow.backend.mac + self.mac + frame[12:], flow.backend
        rewritten = frames.readdress(
            frame,
            macs=flow.backend.mac + self.mac,
            source=(frame[frames.SOURCE_IP], frame[frames.SOURCE_PORT]),
            target=(flow.backend.address, self.backend_port),
        )
        return rewritten, flow.backend

    def toward_client(self, frame: bytes, now: int) -> bytes | None:
        """Rewrite a server's answer on one of our flows; None says that it is none of ours."""
        if self.direct or not self._flows or frame[frames.SOURCE_PORT] != self.backend_port:
            return None
        if not frames.is_tcp(frame):
            return None
        flow = self._flows.get(frame[frames.TARGET_IP] + frame[frames.TARGET_PORT])
        if flow is None or flow.backend.address != frame[frames.SOURCE_IP]:
            return None
        flow.note("server", frames.tcp_flags(frame), now)
        return frames.readdress(
            frame,
            macs=flow.client_mac + self.mac,
            source=(self.address, self.port),
            target=(frame[frames.TARGET_IP], frame[frames.TARGET_PORT]),
        )

    def _flow_of(self, frame: bytes, now: int) -> _Flow | None:
        key = frame[frames.SOURCE_IP] + frame[frames.SOURCE_PORT]
        flow = self._flows.get(key)
        opens = frames.tcp_flags(frame) & (frames.SYN | frames.ACK) == frames.SYN
        if not opens or (flow is not None and self._stays(flow)):
            return flow
        backend = self._choose(frame)
        if backend is None:
            self._flows.pop(key, None)
            return None
        flow = self._flows[key] = _Flow(backend=backend, client_mac=frame[6:12], seen=now)
        return flow

    def _stays(self, flow: _Flow) -> bool:
        """Tell whether a repeated SYN belongs to the flow that is known for its ports."""
        return not flow.ended and (flow.answered or self.is_healthy(flow.backend.slot))

    def _choose(self, frame: bytes) -> Backend | None:
        healthy = [backend for backend in self.pool if self.is_healthy(backend.slot)]
        if not healthy:
            return None
        five = frame[23:24] + frame[26:38]
        return healthy[zlib.crc32(five) % len(healthy)]

    def _sweep(self, now: int) -> None:
        """Forget flows that are idle or closed; Azure's idle timeout is 4 minutes by default."""
        if now - self._swept < _SWEEP_NS:
            return
        self._swept = now
        for key, flow in list(self._flows.items()):
            if now - flow.seen > (_LINGER_NS if flow.ended else self.idle_ns):
                del self._flows[key]
