"""Questions to the kernel, through a driver's ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from clpcore import api

_T = TypeVar("_T")


async def ask(ports: api.Ports, what: str, function: Callable[..., _T], *args: object) -> _T:
    """Give what *function* gives.

    Raises:
        NotInstalled: this process may not do that.
        Failed: the kernel refuses otherwise; the text begins with *what*.

    """
    try:
        return await ports.outside(function, *args)
    except PermissionError as error:
        raise api.NotInstalled(
            f"{what}: {error}; run the agent as root (CAP_NET_ADMIN, CAP_NET_RAW), outside of"
            " containers that forbid it"
        ) from error
    except OSError as error:
        raise api.Failed(f"{what}: {error.strerror or error}") from error
