"""The probe-port process: accepts and closes, for ever; descriptor 3 is the listening socket.

Run by itself with ``python -I -S``. It uses ``_socket`` and not ``socket``: that takes half the
time to start, and a megabyte less for a process that lives as long as the service.
"""

import _socket
import posix
import time


def serve(listening: _socket.socket) -> None:
    """Answer whoever connects. Nothing that comes from outside ends this."""
    while True:
        try:
            connection, _ = listening._accept()  # type: ignore[attr-defined] # noqa: SLF001
            posix.close(connection)
        except ConnectionError:  # it has gone before its turn came
            continue
        except OSError:  # the machine has no descriptors or no memory left
            time.sleep(0.05)


if __name__ == "__main__":
    serve(_socket.socket(fileno=3))
