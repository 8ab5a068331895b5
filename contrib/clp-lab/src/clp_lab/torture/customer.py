"""The client of the torture: appends one word after the other, and writes down what it was told.

`python -m clp_lab.torture.customer ADDRESS PORT` runs on the client's machine; each line of its
output is `WORD BEGIN END SERVER`, in monotonic nanoseconds; SERVER is "-" where nobody said yes.
"""

import contextlib
import socket
import sys
import time

import attrs

_PATIENCE_S = 0.5
_PAUSE_S = 0.02
_OK = b"200"


@attrs.frozen
class Asked:
    """One word that the service was asked to append; `server` is empty if nobody said yes."""

    word: str
    begin: int
    end: int
    server: str

    @classmethod
    def of(cls, line: str) -> "Asked":
        word, begin, end, server = line.split()
        return cls(word, int(begin), int(end), "" if server == "-" else server)


def _append(address: tuple[str, int], word: str) -> str:
    """Ask for one word to be appended; gives who has done it."""
    with contextlib.suppress(OSError), socket.create_connection(address, _PATIENCE_S) as link:
        link.settimeout(_PATIENCE_S)
        link.sendall(f"GET /append/{word} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while chunk := link.recv(4096):
            answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        words = head.split(None, 2)
        if len(words) > 1 and words[1] == _OK and body.endswith(b"\n"):
            return body.decode().strip()
    return ""


def main(host: str, port: int) -> None:
    """Ask until killed."""
    number = 0
    while True:
        number += 1
        begin = time.monotonic_ns()
        server = _append((host, port), f"w{number}")
        print(f"w{number}", begin, time.monotonic_ns(), server or "-", flush=True)
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
