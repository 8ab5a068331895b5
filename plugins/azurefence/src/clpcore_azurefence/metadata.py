"""Which machine this is, as Azure's metadata service (IMDS) tells it on the machine itself."""

from __future__ import annotations

import json
import os
from typing import Final

import aiohttp

from clpcore import api
from clpcore_azurefence.identity import Own

_ADDRESS: Final = "http://169.254.169.254"
_SAME: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"  # where the SDK looks for it, too
_PATH: Final = "/metadata/instance/compute?api-version=2021-02-01"
_HEADERS: Final = {"Metadata": "true"}
_LONGEST: Final = 1 << 20  # bytes of an answer


async def own(timeout: int) -> Own:  # noqa: ASYNC109 - milliseconds
    """Give what this machine is in Azure.

    With the library that the SDK uses anyway: another one would have to be loaded for it.

    Raises:
        Failed: it does not say, or this is no machine of Azure's.

    """
    service = os.environ.get(_SAME, _ADDRESS)
    limit = aiohttp.ClientTimeout(total=timeout / 1_000)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as http,  # through no proxy
            http.get(service + _PATH, headers=_HEADERS, allow_redirects=False) as answer,
        ):
            body = await answer.content.read(_LONGEST)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = f"{service} does not answer ({type(error).__name__})"
        raise api.Failed(f"which machine this server is in Azure is not known: {why}") from error
    return read(body)


def read(body: bytes) -> Own:
    """Give what an answer says; raises Failed where it is none of the metadata service's."""
    try:
        compute = json.loads(body)
        return Own(
            name=_text(compute, "name"),
            resource_group=_text(compute, "resourceGroupName"),
            subscription_id=_text(compute, "subscriptionId"),
            vm_id=_text(compute, "vmId"),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise api.Failed(
            f"the metadata service does not say which machine this is ({error!r:.80}). Does"
            " something else answer at its address?"
        ) from error


def _text(compute: dict[str, object], key: str) -> str:
    value = compute[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"no {key}")
    return value
