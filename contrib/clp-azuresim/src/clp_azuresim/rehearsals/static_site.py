"""A static web site as one of Azure's storage: `python -m ... CERTIFICATE ADDRESS`.

What a target of NP resolution must be: there whatever becomes of the cluster, and asked over HTTPS.
It prints a line when it listens.
"""

import http.server
import ssl
import sys
from pathlib import Path

PORT = 443
_PAGE = b"<!doctype html><title>np</title>\n"
_HEADERS = {
    "Content-Type": "text/html",
    "Content-Length": str(len(_PAGE)),
    "Last-Modified": "Mon, 02 Nov 2026 04:05:06 GMT",
    "Accept-Ranges": "bytes",
    "ETag": '"0x8DE19F3A5C7B210"',
    "x-ms-request-id": "5d1c2b6a-501e-0043-12a3-5be0f0000000",
    "x-ms-version": "2018-03-28",
}


class _Site(http.server.BaseHTTPRequestHandler):
    """One page, as the service has it."""

    def version_string(self) -> str:
        """Give the Server header."""
        return "Windows-Azure-Web/1.0 Microsoft-HTTPAPI/2.0"

    def do_HEAD(self) -> None:
        self.send_response(200)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(_PAGE)


def _serve(certificate: Path, address: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer((address, PORT), _Site)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("listens", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
