"""What administrators write for ``azure``, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

import clpcore_lib_azure
from clpcore import api

_VM: Final = re.compile(r"[A-Za-z0-9_](?:[-\w.]{0,78}[-A-Za-z0-9_])?")


@attrs.frozen(kw_only=True)
class Config(clpcore_lib_azure.Account):
    """``[fencing.NAME]`` of type ``azure``; ``server.node2.KEY`` is about stopping node2."""

    vm_name: str = api.setting(
        "The virtual machine's name in Azure; empty: the server's name.",
        default="",
        example='"node2"',
    )
    request_timeout: int = api.setting(
        "How long one request to Azure may take; then it is asked again.",
        default=5_000,
        unit="ms",
        example="5",
        low=100,
        high=60_000,
    )

    def machine(self, server: str) -> str:
        """Give the name of the virtual machine that *server* is."""
        return self.vm_name or server


def validate(config: Config) -> Iterable[api.Problem]:
    """Find what Azure would refuse."""
    yield from clpcore_lib_azure.validate(config)
    if config.vm_name and not _VM.fullmatch(config.vm_name):
        what = f"{config.vm_name} is no name of a virtual machine."
        yield api.Problem("vm_name", what, "Write the name alone, as `az vm list` prints it.")
