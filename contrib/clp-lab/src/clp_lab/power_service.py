"""The power service of a lab: what a cloud or a power strip is to a cluster, over HTTP.

`GET /SERVER` says "on" or "off"; `POST /SERVER/off` is answered with 202 when it was accepted, and
proves nothing. `python -m clp_lab.power_service FOLDER` runs on a machine of its own and has the
keeper do the work, which nothing but the way to here and `clp lab fault power` can hold up.
"""

import contextlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from clp_lab.channel import Channel, Message
from clp_lab.errors import LabError
from clp_lab.folders import CONTROL
from clp_lab.plan import POWER_ADDRESS

PORT = 80
_OK, _ACCEPTED, _NOT_FOUND, _UNAVAILABLE = 200, 202, 404, 503
_PATIENCE_S = 5.0


def _handler(folder: Path) -> type[BaseHTTPRequestHandler]:
    def keeper(**request: object) -> Message:
        channel = Channel.connect(str(folder / CONTROL))
        with contextlib.closing(channel):
            return channel.ask({"do": "power", **request})

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_GET(self) -> None:
            server = self.path.strip("/")
            try:
                word = "off" if keeper(read=server)["off"] else "on"
            except LabError as error:
                self._answer(_UNAVAILABLE, str(error))
            else:
                self._answer(_OK, word)

        def do_POST(self) -> None:
            server, _, what = self.path.strip("/").partition("/")
            if what != "off":
                self._answer(_NOT_FOUND, "POST /SERVER/off")
                return
            try:
                keeper(off=server)
            except LabError as error:
                self._answer(_UNAVAILABLE, str(error))
            else:
                self._answer(_ACCEPTED, "accepted")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

    return Handler


def serve(folder: Path) -> None:
    """Serve for ever."""
    with ThreadingHTTPServer((POWER_ADDRESS, PORT), _handler(folder)) as service:
        service.daemon_threads = True
        service.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
