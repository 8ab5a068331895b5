"""The application of the torture: a web server that appends lines to a file that all servers see.

`GET /append/WORD` is answered with 200 once the line is on the disk; any other path with the name
of the server, as the demo's. A line is `WORD LIFE`; LIFE is one run of this program. Whoever
starts, writes a line of his own first, before he answers anybody.
"""

import contextlib
import os
import socket
import sys
import threading

_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b"
_APPEND = "/append/"
_PATIENCE_S = 5


def main(port: int, path: str) -> None:
    """Serve until killed."""
    name = socket.gethostname()
    life = f"{name}/{os.urandom(4).hex()}"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(word: str) -> None:
        os.write(file, f"{word} {life}\n".encode())
        os.fsync(file)

    def answer(client: socket.socket) -> None:
        client.settimeout(_PATIENCE_S)
        with client, contextlib.suppress(OSError):  # the client hung up
            words = client.recv(65_536).decode("latin-1").split()
            if len(words) > 1 and words[1].startswith(_APPEND):
                append(words[1].removeprefix(_APPEND))
            body = f"{name}\n".encode()
            client.sendall(_HEAD % (len(body), body))

    with socket.create_server(("", port), backlog=512) as listening:
        append("begin")
        while True:
            threading.Thread(target=answer, args=[listening.accept()[0]], daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
