"""The questions to Azure, through its SDK: what the machine is, that it stops, how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineResponse
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.core.polling.async_arm_polling import AsyncARMPolling

from clpcore_azurefence.identity import TAG, Machine
from clpcore_azurefence.settings import Config
from clpcore_lib_azure import Silent, permissions, session

STOP: Final = "Microsoft.Compute/virtualMachines/powerOff/action"
_POWER: Final = "PowerState/"
_ASLEEP: Final = ("hibernationstate/hibernated", "hibernationstate/hibernating")


async def read(config: Config, name: str, timeout: int) -> Machine:  # noqa: ASYNC109 - milliseconds
    """Give what Azure says of the virtual machine and of its power.

    Raises:
        DriverError: it did not say; as ``Session.ask``.

    """
    azure, group = session.session(config), config.resource_group
    machines = azure.client(ComputeManagementClient).virtual_machines
    # One question for both: who is read as off is who was meant.
    question = machines.get(group, name, expand="instanceView")
    found = await azure.ask(f"VM {name} in {group}", question, timeout)
    try:
        return _machine(config, name, found)
    except (AttributeError, TypeError, ValueError) as error:
        raise Silent(
            f"VM {name} in {group}: what {config.resource_manager} answered is no virtual machine."
            " Is a proxy in the way?"
        ) from error


def _machine(config: Config, name: str, found: Any) -> Machine:  # noqa: ANN401 - the SDK's
    view = found.instance_view
    return Machine(
        name=name,
        resource_group=config.resource_group,
        vm_id=found.vm_id or "",
        computer_name=(view.computer_name or "") if view else "",
        made_as=(found.os_profile.computer_name or "") if found.os_profile else "",
        tag=_tag(found.tags or {}),
        power=_power(view.statuses or () if view else ()),
    )


async def request(
    config: Config,
    name: str,
    timeout: int,  # noqa: ASYNC109 - milliseconds
) -> Progress | None:
    """Ask Azure to cut the machine's power; what returns is taken, and not done.

    Returns:
        what to ask how far it is; None: Azure gave nothing to ask.

    Raises:
        DriverError: it may have been taken or not; as ``Session.ask``.

    """
    azure, group = session.session(config), config.resource_group
    machines = azure.client(ComputeManagementClient).virtual_machines
    progress = Progress(config.resource_manager)
    # skip_shutdown: who hangs does not shut down. Never `restart`: with scheduled events it waits
    # up to 15 minutes for an approval, and gives no power state to read.
    question = machines.begin_power_off(group, name, skip_shutdown=True, polling=progress)
    _ = await azure.ask(f"powerOff of VM {name} in {group}", question, timeout)
    return progress if progress.can_be_asked else None


async def has_ended(
    config: Config,
    progress: Progress,
    timeout: int,  # noqa: ASYNC109 - milliseconds
) -> bool:
    """Tell whether the operation has ended, well or badly; raises as ``Session.ask``."""
    if not progress.finished():
        azure = session.session(config)
        await azure.ask("the operation powerOff", progress.update_status(), timeout)
    return bool(progress.finished())


async def lacking(
    config: Config,
    name: str,
    timeout: int,  # noqa: ASYNC109 - milliseconds
) -> tuple[str, ...]:
    """Give the actions on the machine that our role lacks; raises as ``permissions.missing``."""
    return await permissions.missing(config, scope(config, name), (STOP,), timeout)


async def budget(config: Config, _name: str, _timeout: int) -> Mapping[str, int]:
    """Give what Azure last said that may still be asked, by the name of each budget."""
    return session.session(config).budget


def scope(config: Config, name: str) -> str:
    """Give the machine's id."""
    group = f"/subscriptions/{config.subscription_id}/resourceGroups/{config.resource_group}"
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


class Progress(AsyncARMPolling):
    """The SDK's look at an operation, one at a time and without its sleeps."""

    def __init__(self, resource_manager: str) -> None:
        super().__init__(timeout=0)
        self._home = urlsplit(resource_manager).netloc.lower()
        self.can_be_asked = False

    def initialize(
        self,
        client: Any,  # noqa: ANN401 - the SDK's
        initial_response: PipelineResponse[Any, Any],
        deserialization_callback: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        """Take the answer to the request; where it leads elsewhere, our token does not follow."""
        super().initialize(client, initial_response, deserialization_callback)
        headers = initial_response.http_response.headers
        places = [headers[key] for key in ("Azure-AsyncOperation", "Location") if key in headers]
        self.can_be_asked = bool(places) and all(map(self._is_home, places))

    def _is_home(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc.lower() == self._home


def _tag(tags: Mapping[str, str]) -> str:
    return next((value for key, value in tags.items() if key.lower() == TAG), "")


def _power(statuses: Any) -> str:  # noqa: ANN401 - the SDK's
    """Give the power of an instance view; empty: it tells none, or two.

    Who hibernates is deallocated as well, but its memory is kept: it would go on where it was.
    """
    codes = [each.code or "" for each in statuses]
    if any(code.lower().startswith(_ASLEEP) for code in codes):
        return "hibernated"
    found = {code[len(_POWER) :].lower() for code in codes if code.startswith(_POWER)}
    return found.pop() if len(found) == 1 else ""
