"""Which machine this is, as Azure's metadata service (IMDS) tells it on the machine itself."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

import attrs

from clpcore import api

if TYPE_CHECKING:
    from aiohttp import StreamReader

_ADDRESS: Final = "http://169.254.169.254"
_SAME: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"  # where the SDK looks for it, too
IDENTITY: Final = "/metadata/identity/"  # below which it gives tokens
_PATH: Final = "/metadata/instance/compute?api-version=2021-02-01"
_HEADERS: Final = {"Metadata": "true"}
_LONGEST: Final = 1 << 20  # bytes of an answer


@attrs.frozen(kw_only=True)
class Own:
    """The machine on which this runs, as its metadata service tells it."""

    name: str
    resource_group: str
    subscription_id: str
    vm_id: str

    @property
    def place(self) -> tuple[str, str]:
        """Give subscription and resource group, to compare."""
        return self.subscription_id.lower(), self.resource_group.lower()


def address() -> str:
    """Give where the metadata service of this machine is asked."""
    return os.environ.get(_SAME, _ADDRESS)


async def own(timeout: int) -> Own:  # noqa: ASYNC109 - milliseconds
    """Give what this machine is in Azure.

    With the library that the session uses anyway: another one would have to be loaded for it.

    Raises:
        Failed: it does not say, or this is no machine of Azure's.

    """
    import aiohttp  # noqa: PLC0415 - heavy, and `Own` is for the pure, too

    service = address()
    limit = aiohttp.ClientTimeout(total=timeout / 1_000)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as http,  # through no proxy
            http.get(service + _PATH, headers=_HEADERS, allow_redirects=False) as answer,
        ):
            body = await _bounded(answer.content)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        why = f"{service} does not answer ({type(error).__name__})"
        raise api.Failed(f"which machine this server is in Azure is not known: {why}") from error
    return read(body)


async def _bounded(content: StreamReader) -> bytes:
    """Give all of it: an answer of a few KiB comes in several pieces."""
    body = b""
    async for piece in content.iter_any():
        body += piece
        if len(body) > _LONGEST:
            raise api.Failed(f"the metadata service answers with more than {_LONGEST} bytes")
    return body


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
