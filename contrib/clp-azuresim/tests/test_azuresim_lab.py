"""Virtual machines that are servers of a real lab."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from azure.mgmt.compute import ComputeManagementClient

from clp_azuresim import control, main
from clp_azuresim.azure import Azure
from clp_azuresim.lab import LabMachine
from clp_azuresim.machine import Machine
from clp_lab.errors import LabFileError
from clp_lab.file import load as load_lab
from clp_lab.lab import Lab
from clp_lab.plan import Plan as LabPlan
from clp_lab.plan import servers

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

_GROUP = "TestGroup1"
_STOP_NODE2 = """
import sys
from azure.identity import CertificateCredential
from azure.mgmt.compute import ComputeManagementClient
url, net = "https://10.5.0.62", {"connection_verify": "/var/lib/azure-ca.pem", "retry_total": 0}
application, tenant, subscription = sys.argv[1:]
with CertificateCredential(
    tenant, application, "/var/lib/azure.pem", authority=url, disable_instance_discovery=True, **net
) as credential, ComputeManagementClient(
    credential, subscription, base_url=url, credential_scopes=[url + "/.default"], **net
) as compute:
    compute.virtual_machines.begin_power_off(
        "TestGroup1", "node2", skip_shutdown=True, polling_interval=0.1
    ).result(20)
"""
_RESOLVE = """
import dns.message, dns.query
for last in range(62, 66):
    question = dns.message.make_query("test-record1.cluster1.zone", "A")
    for ask in dns.query.udp, dns.query.tcp:
        print(ask(question, f"10.5.0.{last}", timeout=5).answer[0][0])
"""
_WHO = """
import urllib.request
url = "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text"
request = urllib.request.Request(url, headers={"Metadata": "true"})
print(urllib.request.urlopen(request, timeout=5).read().decode())
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(LabPlan(servers=servers(2), agent=("sleep", "600"), stop=200)) as found:
        yield found


@pytest.fixture
def azure_machines(lab: Lab) -> Mapping[str, Machine]:
    return {name: LabMachine(lab.folder, name) for name in ("node1", "node2")}


def _boot(lab: Lab) -> str | None:
    return lab.status().server("node2").boot_id


def test_power_off_kills_the_server_and_start_gives_it_a_new_life(
    lab: Lab, azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    vms, before = azure_compute.virtual_machines, _boot(lab)
    vms.begin_power_off(_GROUP, "node2", skip_shutdown=True, polling_interval=0.05).result(10)
    assert lab.status().server("node2").power == "off"
    assert azure.machine("node2").state == "stopped"
    assert lab.status().server("node1").power == "up"
    vms.begin_start(_GROUP, "node2", polling_interval=0.05).result(10)
    assert _boot(lab) not in {None, before}
    assert azure.machine("node2").state == "running"
    vms.begin_restart(_GROUP, "node2", polling_interval=0.05).result(10)
    assert lab.status().server("node2").lives == 3


def test_a_frozen_server_runs_and_is_cut_all_the_same(
    lab: Lab, azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    lab.pause("node2")
    assert azure.machine("node2").state == "running"
    azure_compute.virtual_machines.begin_power_off(_GROUP, "node2", polling_interval=0.05).result(
        10
    )
    assert lab.status().server("node2").power == "off"


def test_a_server_that_ends_by_itself_is_stopped(lab: Lab, azure: Azure) -> None:
    lab.kill("node2")
    assert azure.machine("node2").state == "stopped"


def test_a_server_shuts_down_in_order_when_there_is_time(
    lab: Lab, azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_timing(shutdown=20)
    azure_compute.virtual_machines.begin_power_off(_GROUP, "node2", polling_interval=0.05).result(
        25
    )
    assert lab.status().server("node2").power == "off"
    assert lab.status().server("node2").because != "switched off"


def test_a_lab_without_its_azure_is_told(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text('[lab]\nazure = "none"\n')
    with pytest.raises(LabFileError, match="write one with 'clp-azuresim new'"):
        load_lab(file)


@pytest.fixture
def prepared(tmp_path: Path, azure_folder: Path) -> Path:
    """A folder as `clp-azuresim new` makes it."""
    for name in ("ca.pem", "ca.key", "cluster.pem"):
        if (azure_folder / name).exists():
            shutil.copy(azure_folder / name, tmp_path / name)
    file = tmp_path / "azuresim.toml"
    assert main.main(["--config", str(file), "--folder", str(tmp_path), "new"]) == 0
    return tmp_path


@pytest.fixture
def lab_with_azure(prepared: Path) -> Iterator[Lab]:
    plan = LabPlan(
        servers=servers(2),
        agent=("sleep", "600"),
        stop=200,
        azure=str(prepared),
        files={
            "var/lib/azure.pem": str(prepared / "cluster.pem"),
            "var/lib/azure-ca.pem": str(prepared / "ca.pem"),
        },
    )
    with Lab(plan) as found:
        yield found


def _azure_of(lab: Lab) -> Azure:
    deadline = time.monotonic() + 20
    while True:
        try:
            return control.connect(lab.folder / "azure")
        except control.Gone:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _python(lab: Lab, server: str, code: str, *arguments: str) -> str:
    done = lab.server(server).run([sys.executable, "-P", "-c", code, *arguments], timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_azure_is_a_machine_of_the_lab(lab_with_azure: Lab) -> None:
    lab = lab_with_azure
    azure = _azure_of(lab)
    assert azure.url == "https://10.5.0.62"
    azure.put_record("cluster1.zone", "test-record1", "10.5.0.110")
    assert _python(lab, "node1", _RESOLVE).split() == ["10.5.0.110"] * 8
    for server in ("node1", "node2"):
        assert _python(lab, server, _WHO) == f"{server}\n"
    ids = (azure.application, azure.tenant, azure.subscription)
    _python(lab, "node1", _STOP_NODE2, *ids)
    assert lab.status().server("node2").because == "switched off"
    assert azure.machine("node2").state == "stopped"
    azure.set_power("node2", on=True)
    assert lab.status().server("node2").lives == 2
    assert {entry.who for entry in azure.journal("powerOff")} == {"cluster"}
