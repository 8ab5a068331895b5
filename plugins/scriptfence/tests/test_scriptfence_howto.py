"""The page docs/howto/forced-stop-by-script.md: its script stops a stand-in for a machine."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import threading
import tomllib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clpcore import config, host
from clpcore.api import Kind
from clpcore.config import settings
from clpcore.model.protection import Fencing

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "forced-stop-by-script.md"
_SYSTEM = "/redfish/v1/Systems/1"
_LOGIN = "Basic " + b64encode(b"clpcore:PASSWORD").decode()


@attrs.define
class Machine:
    """node2, as its management controller sees it."""

    power: str = "On"
    looks_until_off: int = 2
    deaf: bool = False
    refuses: bool = False  # every request to stop, although it is carried out
    requests: list[str] = attrs.field(factory=list)
    _stopping: bool = False

    def stop(self) -> bool:
        self.requests.append("stop")
        self._stopping = not self.deaf
        return not self.refuses

    def look(self) -> str:
        self.requests.append("look")
        if self._stopping:
            self.looks_until_off -= 1
            self.power = "Off" if self.looks_until_off <= 0 else "PoweringOff"
        return self.power


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def controller(machine: Machine) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"Id": "1", "Links": {"PowerState": "Off"}, "PowerState": machine.look()}
            self._answer(200 if self.path == _SYSTEM else 404, body)

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert said == {"ResetType": "ForceOff"}
            assert self.path == f"{_SYSTEM}/Actions/ComputerSystem.Reset"
            allowed = self.headers["Authorization"] == _LOGIN
            self._answer(204 if allowed and machine.stop() else 500, {})

        def _answer(self, status: int, body: object) -> None:
            if self.headers["Authorization"] != _LOGIN:
                status = 401
            text = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@attrs.frozen
class Page:
    """The page's script, with the controller of node2 where the stand-in listens."""

    script: Path

    def run(self, mode: str, server: str = "node2") -> tuple[int, str]:
        told = {"CLP_SERVER_LOCAL": "node1", "CLP_SERVER_VICTIM": server}
        down = {"CLP_SERVER_DOWN": server} if mode == "1" else {}
        environment = os.environ | told | down | {"CLP_FORCESTOP_MODE": mode, "WAIT": "0.01"}
        done = subprocess.run(
            [self.script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.strip()


@pytest.fixture
def page(tmp_path: Path, controller: str) -> Page:
    blocks = re.findall(r"```sh\n(#!.*?)```", PAGE.read_text(), re.DOTALL)
    (text,) = blocks
    login, script = tmp_path / "login", tmp_path / "forcestop.sh"
    login.write_text('user = "clpcore:PASSWORD"\n')
    text = text.replace("/etc/clpcore/forcestop.login", str(login))
    script.write_text(text.replace("https://10.9.0.12", controller))
    script.chmod(0o755)
    return Page(script)


def test_it_stops_and_waits_until_the_machine_is_off(page: Page, machine: Machine) -> None:
    assert page.run("1") == (0, "")
    assert machine.power == "Off"
    assert machine.requests == ["stop", "look", "look"]
    assert page.run("1") == (0, "")  # off already


def test_a_controller_that_accepts_and_does_nothing_is_not_believed(
    page: Page, machine: Machine
) -> None:
    machine.deaf = True
    assert page.run("1") == (1, "node2 is not off: On")
    assert machine.requests.count("look") == 5


def test_the_power_state_decides_and_not_the_answer_to_the_request(
    page: Page, machine: Machine
) -> None:
    machine.refuses = True
    code, _ = page.run("1")
    assert code == 0
    assert machine.requests.count("stop") == 3


def test_the_check_changes_nothing(page: Page, machine: Machine) -> None:
    assert page.run("0") == (0, "node2 is On")
    assert machine.requests == ["look"]


def test_a_wrong_password_is_seen_by_the_check(page: Page, machine: Machine) -> None:
    page.script.with_name("login").write_text('user = "clpcore:old"\n')
    assert page.run("0")[0] != 0
    assert page.run("1")[0] == 1
    assert machine.power == "On"


@pytest.mark.parametrize("mode", ["0", "1"])
def test_a_server_that_it_does_not_know_is_an_error(page: Page, mode: str) -> None:
    assert page.run(mode, "node3") == (2, "no management controller of 'node3' is known")


def test_another_mode_does_nothing(page: Page, machine: Machine) -> None:
    assert page.run("2")[0] == 2
    assert machine.requests == []


def test_its_configuration_is_the_drivers_and_the_cores() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    ((_, table),) = tomllib.loads(text)["fencing"].items()
    spec = host.load_one("scriptfence").specs[Kind.FENCE, table.pop("type")]
    core = settings.keys(Fencing)
    for key in core.keys() & table.keys():
        core[key].convert(table.pop(key))
    assert config.structure(spec, table)
