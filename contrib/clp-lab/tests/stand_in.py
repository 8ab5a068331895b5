"""Stand-ins for what a real cluster runs; started in a lab's server by its path.

stand_in.py agent          an agent whose application answers on 8080 (TCP) and 9000 (UDP)
stand_in.py stubborn       an agent that ignores SIGTERM
stand_in.py crash          an agent that cannot start
stand_in.py listen PORT    only a listener, such as a probe port
stand_in.py ask PORT       talks to 203.0.113.10:PORT: each input line is sent, each answer printed
stand_in.py echoes ADDRESS COUNT GAP_MS   UDP echoes: prints what came back and when
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

_ECHO_PATIENCE = 0.1  # more than any delay that a test sets
_ME = os.environ.get("CLP_SERVER", "?")


def agent() -> None:
    """Write down that it began, answer until SIGTERM, write down that it ended in order."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    journal = Path(os.environ["CLP_ROOT"], "var", "journal")
    with journal.open("a") as file:
        file.write(f"began {os.environ['CLP_LAB']} {_ME} {os.getpid()}\n")
    try:
        _answer()
    finally:
        with journal.open("a") as file:
            file.write("ended\n")


def _answer() -> None:
    selector = selectors.DefaultSelector()
    web, echo = _listener(8080), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind(("", 9000))
    selector.register(web, selectors.EVENT_READ)
    selector.register(echo, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is web:
                selector.register(web.accept()[0], selectors.EVENT_READ)
            elif key.fileobj is echo:
                data, sender = echo.recvfrom(2000)
                echo.sendto(data, sender)
            else:
                _serve(selector, key.fileobj)  # type: ignore[arg-type]  # the rest are sockets


def _serve(selector: selectors.BaseSelector, connection: socket.socket) -> None:
    try:
        data = connection.recv(4096)
    except OSError:
        data = b""
    if data.startswith(b"GET"):
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + _ME.encode() + b"\n")
    elif data:
        peer = connection.getpeername()[0]
        connection.sendall(f"{_ME} {peer} {data.decode()}".encode())
        return
    selector.unregister(connection)
    connection.close()


def _listener(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    sock.listen(64)
    return sock


def listen(port: int) -> None:
    sock = _listener(port)
    while True:
        sock.accept()[0].close()


def ask(port: int) -> None:
    with socket.create_connection(("203.0.113.10", port), timeout=5) as sock:
        print("connected", flush=True)
        for line in sys.stdin:
            sock.sendall(line.encode())
            print(sock.recv(4096).decode().strip(), flush=True)


def echoes(address: str, count: int, gap: float) -> None:
    """Print a JSON list of [number, milliseconds] in the order of arrival."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sent: dict[int, float] = {}
    came: list[tuple[int, float]] = []
    begin = time.monotonic()
    number = 0
    while time.monotonic() < begin + count * gap + _ECHO_PATIENCE:
        if number < count and time.monotonic() >= begin + number * gap:
            sent[number] = time.monotonic()
            sock.sendto(str(number).encode(), (address, 9000))
            number += 1
        try:
            came.append((int(sock.recv(100)), time.monotonic()))
        except BlockingIOError:
            time.sleep(0.0001)
    print(json.dumps([[one, (at - sent[one]) * 1000] for one, at in came]))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["agent"]:
            agent()
        case ["stubborn"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("deaf", flush=True)
            while True:
                signal.pause()
        case ["crash"]:
            sys.exit(3)
        case ["listen", port]:
            listen(int(port))
        case ["ask", port]:
            ask(int(port))
        case ["echoes", address, count, gap]:
            echoes(address, int(count), int(gap) / 1000)
