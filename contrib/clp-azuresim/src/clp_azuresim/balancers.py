"""Load balancers and what belongs to them: ARM's Microsoft.Network, to be read."""

import uuid
from typing import Any

from clp_azuresim.arm import Call
from clp_azuresim.exchange import Refused, Reply, Target, error
from clp_azuresim.plan import BalancerPlan, MachinePlan, Plan, ProbePlan, RulePlan

_NAMESPACE = "Microsoft.Network"
_DONE = {"provisioningState": "Succeeded"}


class Balancers:
    """Load balancers, network cards and public addresses, made of the plan and not changed."""

    kinds = frozenset(
        f"microsoft.network/{kind}"
        for kind in ("loadbalancers", "networkinterfaces", "publicipaddresses")
    )
    versions = frozenset(
        {"2020-11-01", "2021-08-01", "2022-07-01", "2023-04-01", "2023-09-01", "2023-11-01"}
        | {"2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01", "2024-10-01", "2025-01-01"}
        | {"2025-03-01", "2025-05-01", "2025-07-01", "2026-01-01", "2026-03-01"}
    )

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._etag = f'W/"{uuid.uuid4()}"'

    def action(self, method: str, target: Target) -> str | None:
        verb = {"GET": "read", "PUT": "write", "DELETE": "delete"}.get(method, method.lower())
        types = [_SPELLED.get(kind.lower(), kind) for kind in target.types]
        return f"{_NAMESPACE}/{'/'.join(types)}/{verb}"

    async def answer(self, call: Call) -> Reply:
        target = call.target
        if call.request.method != "GET":
            text = f"This rehearsal does not change {target.types[0]}: only GET is answered."
            raise Refused(error(405, "MethodNotAllowed", text))
        found = self._all(target)
        if not target.names:
            return Reply(body={"value": found})
        resource = _named(found, target.names[0], target)
        if len(target.types) == 1:
            return Reply(body=resource, headers={"ETag": self._etag})
        children = _children(resource, target)
        if len(target.names) == 1:
            return Reply(body={"value": children})
        return Reply(body=_named(children, target.names[1], target))

    def _all(self, target: Target) -> list[dict[str, Any]]:
        group = target.resource_group.lower()

        def here(resource_group: str) -> bool:
            return not group or resource_group.lower() == group

        balancers = [each for each in self._plan.balancers if here(each.resource_group)]
        match target.types[0].lower():
            case "loadbalancers":
                return [self.body(each) for each in balancers]
            case "publicipaddresses":
                return [self._public_address(each) for each in balancers if not each.internal]
            case _:
                machines = (each for each in self._plan.machines if here(each.resource_group))
                return [self._card(each) for each in machines if each.address]

    def body(self, plan: BalancerPlan) -> dict[str, Any]:
        """Give a load balancer as ARM writes it."""
        own = self._id(plan.resource_group, "loadBalancers", plan.name)
        frontend = f"{own}/frontendIPConfigurations/{plan.name}Frontend"
        pool = f"{own}/backendAddressPools/{plan.pool_name}"
        parts = {
            "frontendIPConfigurations": [self._frontend(plan, frontend)],
            "backendAddressPools": [self._pool(plan, pool)],
            "loadBalancingRules": [
                self._rule(each, own, frontend=frontend, pool=pool) for each in plan.rules
            ],
            "probes": [self._probe(each, plan, own) for each in plan.probes],
        }
        rest: dict[str, list[str]] = {
            name: [] for name in ("inboundNatRules", "outboundRules", "inboundNatPools")
        }
        return {
            "name": plan.name,
            "id": own,
            "etag": self._etag,
            "type": f"{_NAMESPACE}/loadBalancers",
            "location": self._plan.location,
            "properties": {**_DONE, "resourceGuid": _guid(own), **parts, **rest},
            "sku": {"name": "Standard", "tier": "Regional"},
        }

    def _frontend(self, plan: BalancerPlan, own: str) -> dict[str, Any]:
        if plan.internal:
            address: dict[str, Any] = {
                "privateIPAddress": plan.frontend,
                "privateIPAllocationMethod": "Static",
                "privateIPAddressVersion": "IPv4",
            }
        else:
            public = self._id(plan.resource_group, "publicIPAddresses", f"{plan.name}-ip")
            address = {"privateIPAllocationMethod": "Dynamic", "publicIPAddress": {"id": public}}
        return self._part(own, address)

    def _pool(self, plan: BalancerPlan, own: str) -> dict[str, Any]:
        cards = [
            {"id": f"{self._card_id(each)}/ipConfigurations/ipconfig1"}
            for each in self._members(plan)
        ]
        addresses = [
            {"name": each.name, "properties": {"ipAddress": each.address}}
            for each in self._members(plan)
        ]
        told = {"backendIPConfigurations": cards, "loadBalancerBackendAddresses": addresses}
        return self._part(own, told)

    def _rule(self, plan: RulePlan, balancer: str, *, frontend: str, pool: str) -> dict[str, Any]:
        return self._part(
            f"{balancer}/loadBalancingRules/{plan.name}",
            {
                "frontendIPConfiguration": {"id": frontend},
                "frontendPort": plan.port,
                "backendPort": plan.backend_port,
                "enableFloatingIP": plan.floating,
                "idleTimeoutInMinutes": plan.idle,
                "protocol": "Tcp",
                "enableTcpReset": True,
                "loadDistribution": "Default",
                "disableOutboundSnat": False,
                "backendAddressPool": {"id": pool},
                "backendAddressPools": [{"id": pool}],
                "probe": {"id": f"{balancer}/probes/{plan.probe}"},
            },
        )

    def _probe(self, plan: ProbePlan, balancer: BalancerPlan, own: str) -> dict[str, Any]:
        rules = [
            {"id": f"{own}/loadBalancingRules/{rule.name}"}
            for rule in balancer.rules
            if rule.probe == plan.name
        ]
        told = {
            "protocol": plan.protocol,
            "port": plan.port,
            "intervalInSeconds": plan.interval,
            "numberOfProbes": plan.threshold,
            "probeThreshold": plan.threshold,
            "noHealthyBackendsBehavior": "AllProbedDown",
            "loadBalancingRules": rules,
        }
        path = {"requestPath": plan.path} if plan.path else {}
        return self._part(f"{own}/probes/{plan.name}", {**told, **path})

    def _card(self, machine: MachinePlan) -> dict[str, Any]:
        own = self._card_id(machine)
        pools = [
            {
                "id": f"{self._id(plan.resource_group, 'loadBalancers', plan.name)}"
                f"/backendAddressPools/{plan.pool_name}"
            }
            for plan in self._plan.balancers
            if machine in self._members(plan)
        ]
        address = {
            "privateIPAddress": machine.address,
            "privateIPAllocationMethod": "Static",
            "primary": True,
            "privateIPAddressVersion": "IPv4",
            "loadBalancerBackendAddressPools": pools,
        }
        vm = (
            f"/subscriptions/{self._plan.subscription}/resourceGroups/{machine.resource_group}"
            f"/providers/Microsoft.Compute/virtualMachines/{machine.name}"
        )
        properties = {
            **_DONE,
            "ipConfigurations": [self._part(f"{own}/ipConfigurations/ipconfig1", address)],
            "enableIPForwarding": False,
            "primary": True,
            "virtualMachine": {"id": vm},
        }
        return self._top(own, "networkInterfaces", properties)

    def _public_address(self, plan: BalancerPlan) -> dict[str, Any]:
        own = self._id(plan.resource_group, "publicIPAddresses", f"{plan.name}-ip")
        properties = {
            **_DONE,
            "ipAddress": plan.frontend,
            "publicIPAddressVersion": "IPv4",
            "publicIPAllocationMethod": "Static",
            "idleTimeoutInMinutes": 4,
        }
        return self._top(own, "publicIPAddresses", properties)

    def _top(self, own: str, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": own.rpartition("/")[2],
            "id": own,
            "etag": self._etag,
            "type": f"{_NAMESPACE}/{kind}",
            "location": self._plan.location,
            "properties": properties,
        }

    def _part(self, own: str, properties: dict[str, Any]) -> dict[str, Any]:
        name = own.rpartition("/")[2]
        return {"name": name, "id": own, "etag": self._etag, "properties": _DONE | properties}

    def _members(self, plan: BalancerPlan) -> list[MachinePlan]:
        return [each for each in self._plan.machines if each.name in plan.pool]

    def _card_id(self, machine: MachinePlan) -> str:
        return self._id(machine.resource_group, "networkInterfaces", f"{machine.name}-nic")

    def _id(self, group: str, kind: str, name: str) -> str:
        return (
            f"/subscriptions/{self._plan.subscription}/resourceGroups/{group}"
            f"/providers/{_NAMESPACE}/{kind}/{name}"
        )


_SPELLED = {
    name.lower(): name
    for name in (
        "loadBalancers",
        "networkInterfaces",
        "publicIPAddresses",
        "probes",
        "loadBalancingRules",
        "backendAddressPools",
        "frontendIPConfigurations",
        "ipConfigurations",
    )
}


def _children(resource: dict[str, Any], target: Target) -> list[dict[str, Any]]:
    kinds = {name.lower(): value for name, value in resource["properties"].items()}
    found = kinds.get(target.types[1].lower())
    if not isinstance(found, list):
        text = f"There is no {target.types[1]} in {target.types[0]}."
        raise Refused(error(404, "InvalidResourceType", text))
    return found


def _named(found: list[dict[str, Any]], name: str, target: Target) -> dict[str, Any]:
    for each in found:
        if each["name"].lower() == name.lower():
            return each
    text = (
        f"The Resource '{target.namespace}/{'/'.join(target.types)}/{name}' under resource group"
        f" '{target.resource_group}' was not found. For more details please go to"
        " https://aka.ms/ARMResourceNotFoundFix"
    )
    raise Refused(error(404, "ResourceNotFound", text))


def _guid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))
