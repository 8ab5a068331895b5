"""The probe-port process for a balancer that asks by HTTP; descriptor 3 is the listening socket.

Every request is answered with 200, whatever its path. Run by itself with ``python -I -S``, like
``listener.py``. What is open when this process ends is reset, which a balancer takes for a failure
at once; an answered connection is closed in order.
"""

import _socket
import select
import struct
import time

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_END = b"\r\n\r\n"
_LONGEST = 8192  # bytes of a request's head
_PATIENCE = 5.0  # seconds for it: the shortest interval of Azure's probes
_MOST = 256  # connections at once; the oldest makes room
_RESET, _CLOSE = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)


class _Caller:
    """A connection, and what of its request has come."""

    def __init__(self, connection: _socket.socket) -> None:
        self.connection = connection
        self.heard = b""
        self.until = time.monotonic() + _PATIENCE

    def listen(self) -> bool:
        """Take what has come, and answer a whole request; tells whether more is to come."""
        try:
            more = self.connection.recv(_LONGEST)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.heard += more
        if _END in self.heard:
            self.connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _CLOSE)
            self.connection.send(_ANSWER)
            return False
        return bool(more) and len(self.heard) < _LONGEST


class _Desk:
    """All who are connected, the oldest first."""

    def __init__(self, listening: _socket.socket) -> None:
        self._listening = listening
        listening.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(listening.fileno(), select.EPOLLIN)
        self._callers: dict[int, _Caller] = {}

    def serve(self) -> None:
        """Answer whoever connects. Nothing that comes from outside ends this."""
        while True:
            for fd, _ in self._poll.poll(1.0 if self._callers else None):
                if fd == self._listening.fileno():
                    self._accept()
                elif fd in self._callers and not self._goes_on(self._callers[fd]):
                    self._forget(fd)  # else it has just made room
            now = time.monotonic()
            for fd in [fd for fd, caller in self._callers.items() if caller.until < now]:
                self._forget(fd)

    def _accept(self) -> None:
        try:
            fd, _ = self._listening._accept()  # type: ignore[attr-defined] # noqa: SLF001
        except (BlockingIOError, ConnectionError):  # it has gone before its turn came
            return
        except OSError:  # the machine has no descriptors or no memory left
            time.sleep(0.05)
            return
        connection = _socket.socket(fileno=fd)
        connection.setblocking(False)
        connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
        self._callers[fd] = _Caller(connection)
        self._poll.register(fd, select.EPOLLIN)
        if len(self._callers) > _MOST:
            self._forget(next(iter(self._callers)))

    @staticmethod
    def _goes_on(caller: _Caller) -> bool:
        try:
            return caller.listen()
        except OSError:  # it has gone before its answer
            return False

    def _forget(self, fd: int) -> None:
        self._callers.pop(fd).connection.close()


if __name__ == "__main__":
    _Desk(_socket.socket(fileno=3)).serve()
