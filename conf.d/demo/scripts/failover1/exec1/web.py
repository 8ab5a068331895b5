"""A web server for the demo: answers every request with this server's name; quick to start."""

# ruff: noqa: INP001 - a script beside its start.sh, in no package
import contextlib
import socket
import sys
import threading

NAME = f"{socket.gethostname()}\n".encode()
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(NAME)


def answer(client: socket.socket) -> None:
    client.settimeout(5)
    with client, contextlib.suppress(OSError):  # it hung up
        if client.recv(65_536):
            client.sendall(HEAD + NAME)


with socket.create_server(("", int(sys.argv[1])), backlog=512) as listening:
    while True:
        threading.Thread(target=answer, args=[listening.accept()[0]], daemon=True).start()
