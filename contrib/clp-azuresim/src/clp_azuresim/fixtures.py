"""Fixtures for tests that need an Azure; `pytest --fixtures` shows them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from azure.identity import CertificateCredential
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.dns import DnsManagementClient
    from azure.mgmt.network import NetworkManagementClient

    from clp_azuresim.azure import Azure
    from clp_azuresim.machine import Machine
    from clp_azuresim.plan import Plan

# What a fixture needs is imported in it: this module is loaded by every run of pytest, and the
# clients of Azure belong to whoever uses their fixtures.


@pytest.fixture(scope="session")
def azure_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the session's certificates."""
    return tmp_path_factory.mktemp("azure")


@pytest.fixture
def azure_plan() -> Plan:
    """What the `azure` of a test consists of: the guide's; override it for another."""
    from clp_azuresim import plan  # noqa: PLC0415

    return plan.guide()


@pytest.fixture
def azure_machines() -> Mapping[str, Machine]:
    """What virtual machines are bound to, by name; override it for others than test doubles."""
    return {}


@pytest.fixture
def azure(
    azure_plan: Plan, azure_folder: Path, azure_machines: Mapping[str, Machine]
) -> Iterator[Azure]:
    """An Azure of the test's own, on loopback, beside it in the same process."""
    from clp_azuresim.beside import simulated  # noqa: PLC0415

    with simulated(azure_plan, azure_folder, azure_machines) as found:
        yield found


@pytest.fixture
def azure_sign_in(azure: Azure) -> Iterator[Callable[..., CertificateCredential]]:
    """Make a credential of azure-identity; sort, tenant and application can be wrong ones."""
    from azure.identity import CertificateCredential  # noqa: PLC0415

    with contextlib.ExitStack() as stack:

        def make(
            sort: str = "good", tenant: str = "", application: str = ""
        ) -> CertificateCredential:
            return stack.enter_context(
                CertificateCredential(
                    tenant or azure.tenant,
                    application or azure.application,
                    str(azure.certificate(sort)),
                    authority=azure.url,
                    disable_instance_discovery=True,
                    connection_verify=str(azure.ca_file),
                    retry_total=0,
                )
            )

        yield make


@pytest.fixture
def azure_settings(azure: Azure) -> dict[str, Any]:
    """What every client of ARM is told: where, for which audience, and to try once."""
    return {
        "base_url": azure.url,
        "credential_scopes": [f"{azure.url}/.default"],
        "connection_verify": str(azure.ca_file),
        "retry_total": 0,
    }


@pytest.fixture
def azure_dns(
    azure: Azure,
    azure_sign_in: Callable[..., CertificateCredential],
    azure_settings: dict[str, Any],
) -> Iterator[DnsManagementClient]:
    """The client of azure-mgmt-dns, signed in."""
    from azure.mgmt.dns import DnsManagementClient  # noqa: PLC0415

    with DnsManagementClient(azure_sign_in(), azure.subscription, **azure_settings) as client:
        yield client


@pytest.fixture
def azure_compute(
    azure: Azure,
    azure_sign_in: Callable[..., CertificateCredential],
    azure_settings: dict[str, Any],
) -> Iterator[ComputeManagementClient]:
    """The client of azure-mgmt-compute, signed in; operations take 50 ms, a shutdown 300 ms."""
    from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415

    azure.set_timing(operation=0.05, shutdown=0.3)
    with ComputeManagementClient(azure_sign_in(), azure.subscription, **azure_settings) as client:
        yield client


@pytest.fixture
def azure_network(
    azure: Azure,
    azure_sign_in: Callable[..., CertificateCredential],
    azure_settings: dict[str, Any],
) -> Iterator[NetworkManagementClient]:
    """The client of azure-mgmt-network, signed in."""
    from azure.mgmt.network import NetworkManagementClient  # noqa: PLC0415

    with NetworkManagementClient(azure_sign_in(), azure.subscription, **azure_settings) as client:
        yield client
