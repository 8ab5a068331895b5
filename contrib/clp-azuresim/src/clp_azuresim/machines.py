"""Virtual machines: ARM's Microsoft.Compute, whose power is that of what they are bound to."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import attrs

from clp_azuresim.arm import Call
from clp_azuresim.exchange import Refused, Reply, Target, error
from clp_azuresim.faults import Fault, Wrong
from clp_azuresim.machine import Machine, Power
from clp_azuresim.operations import Operation, Operations, Status, now
from clp_azuresim.plan import MachinePlan, Timing

_STEP_S = 0.02
_VERBS: Final = {
    action.lower(): action for action in ("powerOff", "deallocate", "start", "restart", "redeploy")
}
_MEANWHILE: Final = {"powerOff": "stopping", "deallocate": "deallocating", "start": "starting"}
_LEFT = "Microsoft.Compute/UpdateVM3Min;238,Microsoft.Compute/UpdateVM30Min;1192"


@attrs.define(kw_only=True)
class VirtualMachine:
    """A machine as ARM knows it.

    Attributes:
        allocated: whether its place on a host is kept; deallocating gives it up.
        operation: the one that is being worked on.
    """

    plan: MachinePlan
    machine: Machine
    vm_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    allocated: bool = True
    operation: Operation | None = None
    work: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def computer_name(self) -> str:
        return self.plan.computer_name or self.plan.name

    async def power_state(self) -> str:
        """Give the last word of PowerState/...; what is true, unless an operation is under way."""
        if self.operation is not None and self.operation.action in _MEANWHILE:
            return _MEANWHILE[self.operation.action]
        if await self.machine.state() is Power.ON:
            return "running"
        return "stopped" if self.allocated else "deallocated"


Approval = Callable[[VirtualMachine, str], Awaitable[None]]


class Machines:
    """All virtual machines; the provider for them and for their operations."""

    kinds = frozenset({"microsoft.compute/virtualmachines", "microsoft.compute/locations"})
    versions = frozenset(
        {"2019-12-01", "2020-06-01", "2020-12-01", "2021-03-01", "2021-07-01", "2021-11-01"}
        | {"2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01", "2023-07-01", "2023-09-01"}
        | {"2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-04-01"}
    )

    def __init__(
        self,
        *,
        subscription: str,
        location: str,
        machines: Iterable[VirtualMachine],
        timing: Timing,
        approval: Approval,
    ) -> None:
        """Take the machines; approval returns once a user's restart may go on."""
        self._subscription, self._location = subscription, location
        self._approval = approval
        self.timing = timing
        self.machines = {each.name.lower(): each for each in machines}
        self._operations = Operations(subscription, location)
        self._tasks: set[asyncio.Task[None]] = set()

    def named(self, name: str) -> VirtualMachine:
        """Give a machine by name; KeyError lists those that there are."""
        try:
            return self.machines[name.lower()]
        except KeyError:
            raise KeyError(f"no machine {name!r}: there are {', '.join(self.machines)}") from None

    def action(self, method: str, target: Target) -> str | None:
        if target.kind == "microsoft.compute/locations":
            return None  # roles of a resource group poll in practice, though this is above it
        verb = target.types[1] if len(target.types) > 1 else ""
        if verb.lower() == "instanceview":
            return "Microsoft.Compute/virtualMachines/instanceView/read"
        if method == "POST":
            return f"Microsoft.Compute/virtualMachines/{_VERBS.get(verb.lower(), verb)}/action"
        verbs = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
        return f"Microsoft.Compute/virtualMachines/{verbs.get(method, method.lower())}"

    async def answer(self, call: Call) -> Reply:
        target, method = call.target, call.request.method
        if target.kind == "microsoft.compute/locations":
            return self._poll(call)
        if not target.names:
            return Reply(body={"value": [self._body(each) for each in self._group(target)]})
        found, verb = self._machine(target), "".join(target.types[1:]).lower()
        if method == "GET" and not verb:
            return await self._get(call, found)
        if method == "GET" and verb == "instanceview":
            return Reply(body=await _view(found))
        if method == "POST" and verb in _VERBS:
            return await self._act(call, found, _VERBS[verb])
        text = f"The requested resource does not support http method '{method}'."
        raise Refused(error(405, "MethodNotAllowed", text))

    def _group(self, target: Target) -> list[VirtualMachine]:
        group = target.resource_group.lower()
        every = self.machines.values()
        return [each for each in every if not group or each.plan.resource_group.lower() == group]

    def _machine(self, target: Target) -> VirtualMachine:
        found = self.machines.get(target.names[0].lower())
        if found is None or found not in self._group(target):
            text = (
                f"The Resource 'Microsoft.Compute/virtualMachines/{target.names[0]}' under resource"
                f" group '{target.resource_group}' was not found. For more details please go to"
                " https://aka.ms/ARMResourceNotFoundFix"
            )
            raise Refused(error(404, "ResourceNotFound", text))
        return found

    def _poll(self, call: Call) -> Reply:
        number = call.target.names[1] if len(call.target.names) > 1 else ""
        operation = self._operations.find(number)
        if operation is None:
            raise Refused(error(404, "NotFound", "The entity was not found."))
        query = call.request.query
        url = f"{call.request.base}{call.request.path}?monitor=true&api-version={call.version}"
        return self._operations.told(operation, query, url)

    async def _get(self, call: Call, found: VirtualMachine) -> Reply:
        body = self._body(found)
        expand = {name.lower(): value for name, value in call.request.query.items()}
        if expand.get("$expand", "").lower() == "instanceview":
            body["properties"]["instanceView"] = await _view(found)
        return Reply(body=body)

    async def _act(self, call: Call, found: VirtualMachine, action: str) -> Reply:
        power = await found.power_state()
        if action in {"powerOff", "restart", "redeploy"} and power.startswith("dealloc"):
            text = (
                f"Operation '{action}' is not allowed on VM '{found.name}' since the VM is either"
                " deallocated or marked to be deallocated."
            )
            raise Refused(error(409, "OperationNotAllowed", text))
        operation = self._joined(found, action) or self._operations.begin(action)
        if operation is not found.operation:
            self._begin(call, found, operation)
        reply = self._operations.accepted(operation, call.request, call.version)
        name = "x-ms-ratelimit-remaining-resource"
        return attrs.evolve(reply, headers={**reply.headers, name: _LEFT})

    def _joined(self, found: VirtualMachine, action: str) -> Operation | None:
        """Give the operation that a repeated request joins instead of beginning another."""
        current = found.operation
        return current if current is not None and current.action == action else None

    def _begin(self, call: Call, found: VirtualMachine, operation: Operation) -> None:
        query = {name.lower(): value.lower() for name, value in call.request.query.items()}
        gently = operation.action == "powerOff" and query.get("skipshutdown") != "true"
        fault = call.request.fault
        # What is late or forgotten is not seen at the machine, and nothing preempts it.
        hidden = fault is not None and fault.wrong in {Wrong.LATE, Wrong.FORGET}
        work = self._run(found, operation, gently=gently, fault=fault)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if not hidden:
            _preempt(found)
            found.operation, found.work = operation, task

    async def _run(
        self, found: VirtualMachine, operation: Operation, *, gently: bool, fault: Fault | None
    ) -> None:
        """Work on an operation to its end; what the machine says goes to who polls."""
        wrong = fault.wrong if fault else None
        if operation.action in {"restart", "redeploy"}:
            await self._approval(found, operation.action)
        if fault is not None and wrong is Wrong.LATE:
            await asyncio.sleep(fault.seconds)
        try:
            if gently and wrong is not Wrong.FORGET:
                await self._shut_down(found)
            else:
                await asyncio.sleep(self.timing.operation)
            if wrong is not Wrong.FORGET:
                await _switch(found, operation.action)
        except Exception as problem:  # noqa: BLE001 - whatever a machine raises is Azure's failure
            operation.end(
                Status.FAILED, "VMOperationFailed", f"{type(problem).__name__}: {problem}"
            )
        else:
            operation.end(Status.SUCCEEDED)
        finally:
            if found.operation is operation:
                found.operation = found.work = None

    async def _shut_down(self, found: VirtualMachine) -> None:
        """Wait until the operating system has ended, or its time is over."""
        await found.machine.shut_down()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timing.shutdown
        while loop.time() < deadline and await found.machine.state() is Power.ON:  # noqa: ASYNC110
            await asyncio.sleep(_STEP_S)
        await asyncio.sleep(self.timing.operation)

    def _body(self, found: VirtualMachine) -> dict[str, Any]:
        group = (
            f"/subscriptions/{self._subscription}/resourceGroups/{found.plan.resource_group}"
            "/providers"
        )
        card = f"{group}/Microsoft.Network/networkInterfaces/{found.name}-nic"
        return {
            "name": found.name,
            "id": f"{group}/Microsoft.Compute/virtualMachines/{found.name}",
            "type": "Microsoft.Compute/virtualMachines",
            "location": self._location,
            "tags": dict(found.plan.tags),
            "zones": [found.plan.zone],
            "properties": {
                "hardwareProfile": {"vmSize": found.plan.size},
                "provisioningState": "Succeeded",
                "vmId": found.vm_id,
                "osProfile": {"computerName": found.computer_name},
                "networkProfile": {
                    "networkInterfaces": [{"id": card, "properties": {"primary": True}}]
                },
                "securityProfile": {
                    "securityType": "TrustedLaunch",
                    "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
                },
            },
        }

    async def close(self) -> None:
        """End all work."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _preempt(found: VirtualMachine) -> None:
    if found.operation is not None and found.work is not None:
        text = "Operation execution has been preempted by a more recent operation."
        found.operation.end(Status.CANCELED, "OperationPreempted", text)
        found.work.cancel()


async def _switch(found: VirtualMachine, action: str) -> None:
    match action:
        case "powerOff":
            await found.machine.power_off()
        case "deallocate":
            await found.machine.power_off()
            found.allocated = False
        case "start":
            await found.machine.start()
            found.allocated = True
        case _:
            await found.machine.power_off()
            await found.machine.start()


async def _view(found: VirtualMachine) -> dict[str, Any]:
    """Give the instance view; only a machine that runs has an agent to tell of."""
    power = await found.power_state()
    busy = power in _MEANWHILE.values()
    provisioning = ("updating", "Updating") if busy else ("succeeded", "Provisioning succeeded")
    view: dict[str, Any] = {
        "hyperVGeneration": "V2",
        "statuses": [
            _status(f"ProvisioningState/{provisioning[0]}", provisioning[1], time=now()),
            _status(f"PowerState/{power}", f"VM {power}"),
        ],
    }
    if power == "running":
        ready = _status("ProvisioningState/succeeded", "Ready", time=now())
        agent = {**ready, "message": "Guest Agent is running"}
        view |= {"computerName": found.computer_name, "osName": "debian", "osVersion": "12"}
        view["vmAgent"] = {"vmAgentVersion": "2.9.1.1", "statuses": [agent]}
    return view


def _status(code: str, shown: str, **more: str) -> dict[str, str]:
    return {"code": code, "level": "Info", "displayStatus": shown, **more}
