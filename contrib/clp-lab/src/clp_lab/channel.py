"""JSON messages between the lab's processes: one a packet, with descriptors beside them."""

import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Self

from clp_lab.errors import LabError, LabGoneError

Message = dict[str, Any]
"""A message as JSON gives it; each receiver knows the shapes of its own verbs."""

_LARGEST = 1 << 20
_MOST_FDS = 8


class Channel:
    """One end of a Unix SEQPACKET connection.

    Packets keep their borders, so a reader never holds half a message, and the other end's death
    is an empty packet.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)

    @classmethod
    def pair(cls) -> tuple[Self, Self]:
        """Give two connected ends for a parent and the child it will fork."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    @classmethod
    def connect(cls, path: str) -> Self:
        """Connect to the keeper that listens at `path`; LabGoneError when there is none."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.connect(path)
        except OSError as error:
            sock.close()
            message = f"no lab answers at {path} ({error.strerror}): start one with 'clp lab up'"
            raise LabGoneError(message) from error
        return cls(sock)

    def fileno(self) -> int:
        """Give the descriptor, for selectors."""
        return self.sock.fileno()

    def close(self) -> None:
        """End the connection."""
        self.sock.close()

    def send(self, message: Mapping[str, object], fds: Sequence[int] = ()) -> None:
        """Send one message; the descriptors arrive as duplicates."""
        try:
            socket.send_fds(self.sock, [json.dumps(message).encode()], fds)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise LabGoneError("the lab ended") from error

    def receive(self) -> tuple[Message, list[int]] | None:
        """Wait for one message and its descriptors; None when the other end is gone."""
        try:
            data, fds, _flags, _address = socket.recv_fds(
                self.sock, _LARGEST, _MOST_FDS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return None
        if not data:
            return None
        return json.loads(data), fds

    def ask(self, message: Mapping[str, object], fds: Sequence[int] = ()) -> Message:
        """Send a request and give its answer; LabError carries the refusal's own words."""
        self.send(message, fds)
        received = self.receive()
        if received is None:
            raise LabGoneError("the lab ended")
        answer = received[0]
        if "refused" in answer:
            raise LabError(str(answer["refused"]))
        return answer
