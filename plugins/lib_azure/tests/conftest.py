"""An account of the simulator for the tests of this library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clpcore_lib_azure import Account

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure


class Make(Protocol):
    """Makes an account of the test's Azure, with changes."""

    def __call__(self, **changes: Any) -> Account: ...  # noqa: ANN401 - settings


@pytest.fixture
def account(azure: Azure) -> Make:
    def make(**changes: Any) -> Account:  # noqa: ANN401
        settings: dict[str, Any] = {
            "subscription_id": azure.subscription,
            "resource_group": "TestGroup1",
            "application_id": azure.application,
            "tenant_id": azure.tenant,
            "certificate_file": str(azure.certificate()),
            "resource_manager": azure.cloud.resource_manager,
            "authority": azure.cloud.authority,
            "audience": azure.cloud.audience,
            "ca_bundle": str(azure.cloud.ca_bundle),
            "private": azure.cloud.private,
        }
        return Account(**settings | changes)

    return make
