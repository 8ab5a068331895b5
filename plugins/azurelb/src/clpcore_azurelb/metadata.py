"""What this machine's metadata service says: the subscription and the resource group."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Final

from clpcore import api
from clpcore_lib_azure import Account

_ADDRESS: Final = "http://169.254.169.254"
_SAME: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"  # where the SDK looks for it, too
_PATH: Final = "/metadata/instance/compute?api-version=2021-02-01"
_PATIENCE: Final = 2.0  # seconds
_LONGEST: Final = 1 << 20


def account() -> Account:
    """Give the account of the machine's own managed identity.

    Raises:
        Failed: this is no machine of Azure's, or its metadata service is silent.

    """
    request = urllib.request.Request(  # noqa: S310 - http, as the service is
        os.environ.get(_SAME, _ADDRESS) + _PATH, headers={"Metadata": "true"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=_PATIENCE) as answer:
            compute = json.loads(answer.read(_LONGEST))
        return Account(
            subscription_id=str(compute["subscriptionId"]),
            resource_group=str(compute["resourceGroupName"]),
            managed_identity=True,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise api.Failed(f"the metadata service of the machine does not answer: {error}") from error
