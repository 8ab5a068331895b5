"""The smoke test itself, as far as it goes without Azure: a simulated one, and no `az`."""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from clp_azuresim.azure import Azure
from clp_azuresim.plan import Plan, guide

sys.path.insert(0, str(Path(__file__).parents[1]))  # scripts, in no package

import smoke
import smoke_machines

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def azure_plan() -> Plan:
    """What the template makes: only the public balancer."""
    return attrs.evolve(guide(), balancers=guide().balancers[:1])


@attrs.define
class Service:
    """The service behind a balancer; `who` answers new connections."""

    who: str = ""
    port: int = 0


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    service = Service()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            who = service.who
            for _ in self.rfile:
                self.wfile.write(f"{who}\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        monkeypatch.setattr(smoke_machines, "_PORT", server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield service
        server.shutdown()
        thread.join()


@attrs.define
class Commands:
    """Stands for the Azure CLI: answers what the script asks, and notes it."""

    azure: Azure
    service: Service
    said: list[str] = attrs.field(factory=list)
    broken: str = ""

    def __call__(self, *words: str) -> Any:  # noqa: ANN401 - as az
        line = " ".join(words)
        self.said.append(line)
        if self.broken and line.startswith(self.broken):
            raise smoke.StepError(f"az {words[0]}: no")
        answers = {
            "account show": {"id": self.azure.subscription},
            "group create": {"id": "/subscriptions/x/resourceGroups/y"},
            "ad sp create": {
                "appId": self.azure.application,
                "tenant": self.azure.tenant,
                "fileWithCertAndPrivateKey": str(self.azure.certificate()),
            },
            "deployment": {"properties": {"outputs": {"address": {"value": "127.0.0.1"}}}},
            "vm run-command": self._run(words),
        }
        return next((each for begin, each in answers.items() if line.startswith(begin)), None)

    def _run(self, words: tuple[str, ...]) -> object:
        script = words[-1]
        if script == smoke_machines.OPEN:
            self.service.who = words[words.index("--name") + 1]
        return {"value": [{"message": "[stdout]\nat=1.5\ninstance: 200 after 0.01 s\n"}]}


@pytest.fixture
def commands(azure: Azure, service: Service, monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands(azure, service)
    monkeypatch.setattr(smoke, "az", made)
    monkeypatch.setattr("secrets.token_hex", lambda _: "1")
    return made


@pytest.fixture
def run(commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run steps with the simulator's values; gives the report. Its only group is TestGroup1."""

    azure = commands.azure

    def main(*steps: Any) -> str:  # noqa: ANN401 - functions
        (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA me\n")
        monkeypatch.setattr(smoke, "STEPS", steps)
        cloud = {**attrs.asdict(azure.cloud), "resource_group": "TestGroup1"}
        servers = [f"{address}:{azure.dns_port}" for address in azure.dns_addresses]
        words = ["--key", tmp_path / "key.pub", "--report", tmp_path / "report.md"]
        words += ["--cloud", json.dumps(cloud), "--patience", "8", "--name-servers", *servers]
        smoke.main(list(map(str, words)))
        return (tmp_path / "report.md").read_text()

    return main


def test_the_guides_balancer_fits(run: Callable[..., str]) -> None:
    report = run(smoke.deploy, smoke.balancer_is_read)
    assert "0 of 2 steps failed." in report
    assert "* ok: the probe TestHealthProbe of TestLoadBalancer asks the port of lbpp1" in report
    assert "error" not in report


def test_what_clients_see_is_measured(run: Callable[..., str]) -> None:
    report = run(smoke.deploy, smoke.balancer_follows_the_probe)
    assert "0 of 2 steps failed." in report
    assert "the open connection is answered by node1 (expected: node1 still)" in report


def test_a_name_moves(run: Callable[..., str], azure: Azure) -> None:
    report = run(smoke.deploy, smoke.name_moves)
    assert "0 of 2 steps failed." in report
    assert "* 10.5.0.111: written in" in report
    assert azure.record("cluster1.zone", "test-record1") is None


def test_a_server_is_stopped(run: Callable[..., str], azure: Azure) -> None:
    azure.set_timing(operation=0.1)
    report = run(smoke.deploy, smoke.server_is_stopped)
    assert "0 of 2 steps failed." in report
    assert not azure.machine("node2").on


def test_the_metadata_service_is_told(run: Callable[..., str]) -> None:
    assert "* instance: 200 after 0.01 s" in run(smoke.deploy, smoke.machine_knows_itself)


def test_all_is_removed_whatever_fails(run: Callable[..., str], commands: Commands) -> None:
    commands.broken = "deployment"
    report = run(smoke.deploy, smoke.balancer_is_read)
    assert "* FAILED: StepError: az deployment: no" in report
    assert "balancer is read" not in report
    removed = [
        "group delete --name clp-smoke-1 --yes --no-wait",
        f"ad app delete --id {commands.azure.application}",
    ]
    assert commands.said[-2:] == removed


def test_what_could_not_be_removed_is_told(run: Callable[..., str], commands: Commands) -> None:
    commands.broken = "group delete"
    report = run(smoke.deploy)
    assert "NOT REMOVED, do it by hand: az group delete --name clp-smoke-1 --yes" in report
    assert commands.said[-1].startswith("ad app delete")


def test_a_step_that_fails_does_not_keep_the_others_from_being_tried(
    run: Callable[..., str], azure: Azure
) -> None:
    azure.fault("status", "loadBalancers", status=500)
    report = run(smoke.deploy, smoke.balancer_is_read, smoke.machine_knows_itself)
    assert "* unknown: the load balancer cannot be looked at" in report
    assert "* instance: 200" in report


def test_the_programs_for_the_machines_are_good() -> None:
    for source in (smoke_machines._SERVE, smoke_machines._PROBE):
        compile(source, "on the machine", "exec")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert smoke_machines._visit("127.0.0.1") == ""
