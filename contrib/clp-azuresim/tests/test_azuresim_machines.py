"""Virtual machines through the real azure-mgmt-compute: power, operations, read-back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute import ComputeManagementClient

from clp_azuresim.azure import Azure
from clp_azuresim.machine import Double, Machine, Power
from clp_azuresim.plan import Plan, guide

_GROUP = "TestGroup1"


@pytest.fixture
def azure_plan() -> Plan:
    node1, node2 = guide().machines
    marked = attrs.evolve(node2, computer_name="old-name", tags={"cluster": "Cluster1"})
    return attrs.evolve(guide(), machines=(node1, marked))


@pytest.fixture
def doubles() -> dict[str, Double]:
    return {"node1": Double(), "node2": Double()}


@pytest.fixture
def azure_machines(doubles: dict[str, Double]) -> Mapping[str, Machine]:
    return doubles


def _power(azure_compute: ComputeManagementClient, name: str) -> str:
    view = azure_compute.virtual_machines.instance_view(_GROUP, name)
    codes = [status.code or "" for status in view.statuses or []]
    (word,) = [code for code in codes if code.startswith("PowerState/")]
    return word.partition("/")[2]


def _off(azure_compute: ComputeManagementClient, name: str = "node2") -> None:
    vms = azure_compute.virtual_machines
    vms.begin_power_off(_GROUP, name, skip_shutdown=True, polling_interval=0.05).result(5)


def test_off_and_on_again_is_a_new_life(
    azure_compute: ComputeManagementClient, doubles: dict[str, Double]
) -> None:
    before = doubles["node2"].boot_id
    _off(azure_compute)
    assert (_power(azure_compute, "node2"), doubles["node2"].power) == ("stopped", Power.OFF)
    azure_compute.virtual_machines.begin_start(_GROUP, "node2", polling_interval=0.05).result(5)
    assert _power(azure_compute, "node2") == "running"
    assert doubles["node2"].boot_id not in {"", before}
    assert _power(azure_compute, "node1") == "running"


def test_an_operation_takes_its_time_and_is_seen_meanwhile(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_timing(operation=0.3)
    answers: list[Any] = []
    azure_compute.virtual_machines.begin_power_off(
        _GROUP, "node2", skip_shutdown=True, polling=False, raw_response_hook=answers.append
    )
    headers = answers[0].http_response.headers
    assert answers[0].http_response.status_code == 202
    assert "Retry-After" not in headers
    assert headers["Azure-AsyncNotification"] == "Enabled"
    assert headers["Location"].startswith(headers["Azure-AsyncOperation"].partition("&")[0][:60])
    assert _power(azure_compute, "node2") == "stopping"
    assert azure.machine("node2").on
    azure.wait_for(lambda: not azure.machine("node2").on)
    assert _power(azure_compute, "node2") == "stopped"


def test_without_skip_shutdown_the_system_ends_in_order_or_is_cut(
    azure: Azure, azure_compute: ComputeManagementClient, doubles: dict[str, Double]
) -> None:
    azure.set_timing(shutdown=60)
    azure_compute.virtual_machines.begin_power_off(_GROUP, "node1", polling_interval=0.05).result(
        10
    )
    assert not azure.machine("node1").on
    azure.set_timing(shutdown=0.3)
    doubles["node2"].obeys_shutdown = False
    began = time.monotonic()
    azure_compute.virtual_machines.begin_power_off(_GROUP, "node2", polling_interval=0.05).result(5)
    assert time.monotonic() - began > 0.3
    assert not azure.machine("node2").on


def test_skip_shutdown_asks_nobody(
    azure_compute: ComputeManagementClient, doubles: dict[str, Double]
) -> None:
    doubles["node2"].obeys_shutdown = False
    _off(azure_compute)
    assert doubles["node2"].power is Power.OFF


def test_who_ended_by_itself_is_stopped(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_power("node2", on=False)
    assert _power(azure_compute, "node2") == "stopped"
    _off(azure_compute)
    assert _power(azure_compute, "node2") == "stopped"


def test_deallocated_is_off_but_takes_no_power_off(azure_compute: ComputeManagementClient) -> None:
    vms = azure_compute.virtual_machines
    vms.begin_deallocate(_GROUP, "node2", polling_interval=0.05).result(5)
    assert _power(azure_compute, "node2") == "deallocated"
    with pytest.raises(HttpResponseError, match="OperationNotAllowed") as refused:
        _off(azure_compute)
    assert refused.value.status_code == 409
    vms.begin_start(_GROUP, "node2", polling_interval=0.05).result(5)
    assert _power(azure_compute, "node2") == "running"


def test_a_restart_is_a_new_life(
    azure_compute: ComputeManagementClient, doubles: dict[str, Double]
) -> None:
    before = doubles["node1"].boot_id
    azure_compute.virtual_machines.begin_restart(_GROUP, "node1", polling_interval=0.05).result(5)
    assert doubles["node1"].boot_id != before
    assert doubles["node1"].ends == 1


def test_a_repeated_request_joins_the_first(
    azure: Azure, azure_compute: ComputeManagementClient, doubles: dict[str, Double]
) -> None:
    azure.set_timing(operation=0.3)
    began = time.monotonic()
    while azure.machine("node2").on:
        azure_compute.virtual_machines.begin_power_off(
            _GROUP, "node2", skip_shutdown=True, polling=False
        )
        time.sleep(0.02)  # or the requests are too many for Azure
        assert time.monotonic() - began < 2
    assert doubles["node2"].ends == 1


def test_another_operation_preempts_the_first(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_timing(operation=0.3)
    poller = azure_compute.virtual_machines.begin_power_off(
        _GROUP, "node2", skip_shutdown=True, polling_interval=0.05
    )
    azure_compute.virtual_machines.begin_start(_GROUP, "node2", polling_interval=0.05).result(5)
    with pytest.raises(HttpResponseError, match="preempted"):
        poller.result(5)
    assert azure.machine("node2").on


def test_what_is_accepted_and_not_done(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.fault("forget", "powerOff")
    _off(azure_compute)  # the operation even says that it succeeded
    assert _power(azure_compute, "node2") == "running"
    _off(azure_compute)
    assert _power(azure_compute, "node2") == "stopped"


def test_what_lands_late_hits_whoever_lives_then(
    azure: Azure, azure_compute: ComputeManagementClient, doubles: dict[str, Double]
) -> None:
    azure.fault("late", "powerOff", seconds=0.3)
    azure_compute.virtual_machines.begin_power_off(
        _GROUP, "node2", skip_shutdown=True, polling=False
    )
    azure.set_power("node2", on=False)
    azure.set_power("node2", on=True)
    second_life = doubles["node2"].boot_id
    assert second_life
    assert _power(azure_compute, "node2") == "running"
    azure.wait_for(lambda: not azure.machine("node2").on)
    assert doubles["node2"].ends == 2


def test_a_machine_that_does_not_obey_fails_the_operation(
    azure_compute: ComputeManagementClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_machine: Double) -> None:
        raise RuntimeError("the host is gone")

    monkeypatch.setattr(Double, "power_off", fail)
    with pytest.raises(HttpResponseError, match="the host is gone"):
        _off(azure_compute)
    assert _power(azure_compute, "node2") == "running"


def test_a_machine_tells_who_it_is(azure: Azure, azure_compute: ComputeManagementClient) -> None:
    found = azure_compute.virtual_machines.get(_GROUP, "node1", expand="instanceView")
    assert found.vm_id == azure.machine("node1").vm_id
    assert found.instance_view is not None
    assert found.instance_view.computer_name == "node1"
    assert found.security_profile is not None
    assert found.security_profile.security_type == "TrustedLaunch"
    assert {each.name for each in azure_compute.virtual_machines.list(_GROUP)} == {"node1", "node2"}
    assert {each.name for each in azure_compute.virtual_machines.list_all()} == {"node1", "node2"}


def test_a_machine_may_be_called_otherwise_inside(azure_compute: ComputeManagementClient) -> None:
    found = azure_compute.virtual_machines.get(_GROUP, "node2", expand="instanceView")
    assert found.os_profile is not None
    assert found.instance_view is not None
    assert found.os_profile.computer_name == found.instance_view.computer_name == "old-name"
    assert found.tags == {"cluster": "Cluster1"}


def test_a_retry_after_can_be_added(azure: Azure, azure_compute: ComputeManagementClient) -> None:
    azure.fault("edit", "/operations/", headers={"Retry-After": "1"})
    began = time.monotonic()
    _off(azure_compute)  # which polls every 50 ms, but is told to wait
    assert time.monotonic() - began >= 1


def test_an_operation_that_goes_on(azure: Azure, azure_compute: ComputeManagementClient) -> None:
    azure.fault("edit", "operations", body={"status": "InProgress"}, count=2)
    _off(azure_compute)
    assert len(azure.journal("/operations/")) >= 3
