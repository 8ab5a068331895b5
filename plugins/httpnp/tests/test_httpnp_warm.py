"""Nothing is loaded at the first question, whose answer may decide that this server stops."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import asyncio, http.server, json, ssl, sys, threading
from pathlib import Path
from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_httpnp import partition

root, scheme = Path(sys.argv[1]), sys.argv[2]

class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

web = http.server.HTTPServer(("127.0.0.1", 0), Handler)
if scheme == "https":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(root / "tls.crt", root / "tls.key")
    web.socket = context.wrap_socket(web.socket, server_side=True)
threading.Thread(target=web.serve_forever, daemon=True).start()

partition.SPEC.warm_up()
url = f"{scheme}://localhost:{web.server_port}/"
config = partition.Config(url=url, ca_file=str(root / "tls.crt") if scheme == "https" else "")
call = api.Call(event=api.Event.START, role=api.Role.ACTIVE, epoch=0, server="node1", home="node1",
                previous="", group="", resource="", entry="httpnp1", deadline=clock.now() + 15_000)
ports = LocalPorts(call, Folders.of_entry(Root(root), call, api.Kind.PARTITION, "ask"), Limits())
driver, known = partition.SPEC.make(config), set(sys.modules)
answer = asyncio.run(driver.ask(call, ports))
print(json.dumps([answer.value, sorted(set(sys.modules) - known)]))
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_first_question_of_a_worker_loads_nothing(scheme: str, tmp_path: Path) -> None:
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    command += f" -subj /CN=w -addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    argv = [sys.executable, "-c", _SCRIPT, str(tmp_path), scheme]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["answered", []]
