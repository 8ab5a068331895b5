"""One question of a driver: bounded by the settings and the call's deadline, errors in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from clpcore import api
from clpcore_azuredns.settings import Config
from clpcore_lib_azure import Silent

_T = TypeVar("_T")

MARGIN: Final = 300  # ms before the deadline: what came of it must be told in time
_LATE: Final = 100  # ms after which a question that should have ended is given up


def left(call: api.Call, ports: api.Ports) -> int:
    """Give the milliseconds in which the call may still ask."""
    return call.deadline - ports.now() - MARGIN


async def ask(
    call: api.Call,
    ports: api.Ports,
    config: Config,
    question: Callable[..., Coroutine[Any, Any, _T]],
    *about: object,
) -> _T:
    """Ask Azure: ``question(config, *about, timeout)``; raises as ``within``."""
    return await within(config.request_timeout, call, ports, config, question, config, *about)


async def within(
    timeout: int,  # noqa: ASYNC109 - milliseconds
    call: api.Call,
    ports: api.Ports,
    config: Config,
    question: Callable[..., Coroutine[Any, Any, _T]],
    *about: object,
) -> _T:
    """Ask ``question(*about, timeout)``, for *timeout* milliseconds at most.

    Raises:
        Silent: nothing came in time, or there is no time left to ask.
        DriverError: what *question* raises.

    """
    timeout = min(timeout, left(call, ports))
    if timeout <= 0:
        raise Silent(f"{config.about}: there is no time left to ask before the deadline")
    try:
        async with asyncio.timeout((timeout + _LATE) / 1_000):
            return await ports.outside_async(question, *about, timeout)
    except TimeoutError:
        text = f"{config.about}: no answer within {timeout / 1_000:g} s"
        raise Silent(f"{text}. Look at the network of this server") from None
    except OSError as error:
        raise Silent(
            f"{config.about}: cannot be asked ({error}). Look at the network of this server"
        ) from error
