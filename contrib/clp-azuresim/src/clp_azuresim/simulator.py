"""All parts of one Azure together, in the running event loop."""

import asyncio
import errno
import random
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clp_azuresim import events, records
from clp_azuresim.arm import Arm, Provider
from clp_azuresim.balancers import Balancers
from clp_azuresim.dns_server import NameServers
from clp_azuresim.dns_zones import Zone, Zones
from clp_azuresim.entra import Application, Directory
from clp_azuresim.events import Event, Events, Kind
from clp_azuresim.exchange import Reply, Request
from clp_azuresim.faults import Faults
from clp_azuresim.front import Front
from clp_azuresim.imds import Imds, shared
from clp_azuresim.journal import Journal
from clp_azuresim.machine import Double, Machine
from clp_azuresim.machines import Machines, VirtualMachine
from clp_azuresim.plan import ApplicationPlan, MachinePlan, Plan, ZonePlan
from clp_azuresim.throttle import Throttle
from clp_azuresim.tokens import Tokens
from clp_azuresim.vault import Vault, load_certificates

_TRIES = 20
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Simulator:
    """One Azure; `start` opens its sockets, `stop` closes them and ends all work."""

    def __init__(
        self, plan: Plan, folder: Path, machines: Mapping[str, Machine] | None = None
    ) -> None:
        """Make all parts; nothing listens yet.

        Args:
            plan: what there is.
            folder: with its certificates; what is missing is made.
            machines: what virtual machines are bound to, by name; others to a test double.
        """
        self.plan, self.vault = plan, Vault(folder)
        self.tokens = Tokens(plan.tenant)
        self.directory = Directory(self.tokens, [self._application(a) for a in plan.applications])
        self.faults, self.journal = Faults(), Journal()
        bound = machines or {}
        made = [
            VirtualMachine(plan=m, machine=bound.get(m.name) or Double()) for m in plan.machines
        ]
        self.events = Events(self._set_of, plan.timing.events_first)
        self.machines = Machines(
            subscription=plan.subscription,
            location=plan.location,
            machines=made,
            timing=plan.timing,
            approval=self._approved,
        )
        self.zones = Zones(plan.subscription, [_zone(each) for each in plan.zones])
        self.balancers = Balancers(plan)
        self.arm = self._arm((self.machines, self.zones, self.balancers))
        self.front = Front(_service_of, self._answer, self.faults, self.journal)
        self.name_servers: NameServers | None = None
        self._fronts = self._imds(made)

    def _application(self, plan: ApplicationPlan) -> Application:
        files = (self.vault.application_file(plan.name), *plan.certificates)
        return Application(
            name=plan.name,
            id=plan.id,
            certificates=[each for file in files for each in load_certificates(file.read_bytes())],
            roles=list(plan.roles),
        )

    def _arm(self, providers: tuple[Provider, ...]) -> Arm:
        plan = self.plan
        groups = {zone.resource_group for zone in plan.zones}
        groups |= {machine.resource_group for machine in plan.machines}
        groups |= {balancer.resource_group for balancer in plan.balancers}
        return Arm(
            subscription=plan.subscription,
            location=plan.location,
            directory=self.directory,
            limits=Throttle(asyncio.get_running_loop().time),
            groups=groups,
            providers=providers,
        )

    def _imds(self, machines: list[VirtualMachine]) -> dict[str, Front]:
        """Make a metadata service for each place; where machines share one, by their addresses."""
        fronts = {}
        for place, sharers in _by_place(machines).items():
            services = [self._service(each) for each in sharers]
            answer = services[0].answer if len(services) == 1 else shared(services)
            fronts[place] = Front(lambda _: "imds", answer, self.faults, self.journal)
        return fronts

    def _service(self, found: VirtualMachine) -> Imds:
        return Imds(
            found,
            subscription=self.plan.subscription,
            location=self.plan.location,
            directory=self.directory,
            events=self.events,
        )

    async def _answer(self, request: Request) -> tuple[Reply, str]:
        if _service_of(request.path) == "arm":
            return await self.arm.answer(request)
        return self.directory.answer(request)

    def _set_of(self, machine: str) -> str:
        plan = self.machines.named(machine).plan
        return f"set {plan.availability_set}" if plan.availability_set else f"machine {plan.name}"

    async def _approved(self, found: VirtualMachine, action: str) -> None:
        """Wait, as Azure does, until a user's restart is approved where events are looked at."""
        if not self.events.is_enabled(found.name):
            return
        kind = Kind.REDEPLOY if action == "redeploy" else Kind.REBOOT
        event = self.events.schedule(events.make(kind, (found.name,), source="User"))
        await event.started.wait()
        self.events.remove(event.id)

    def schedule(self, event: Event, *, real: bool, lasts: float | None) -> Event:
        """Announce an event.

        Args:
            event: the event.
            real: whether at its start it is done to the machines: reboots and ends of power.
            lasts: seconds from its start to its end; None: until it is removed.
        """
        return self.events.schedule(event, on_start=self._befall if real else None, lasts=lasts)

    async def _befall(self, event: Event) -> None:
        for name in event.resources:
            machine = self.machines.named(name).machine
            if event.kind is not Kind.FREEZE:
                await machine.power_off()
            if event.kind in {Kind.REBOOT, Kind.REDEPLOY}:
                await machine.start()

    @property
    def url(self) -> str:
        return f"https://{_host(self.plan.listen)}:{self.front.port}".removesuffix(":443")

    def imds_url(self, machine: MachinePlan) -> str:
        """Give where a machine finds its metadata service, once that is open."""
        return f"http://{_host(machine.imds)}:{self._fronts[_place(machine)].port}"

    async def start(self) -> None:
        """Open all sockets; OSError names the one that is taken."""
        host, port = _split(self.plan.listen)
        hosts = tuple(dict.fromkeys((*_LOOPBACK, host, *self.plan.hosts)))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.vault.server_file(hosts))
        try:
            await self.front.start(host, port, context)
            for place, imds in self._fronts.items():
                await imds.start(*_split(place.partition(" ")[0]))
            self.name_servers = await self._start_name_servers()
        except BaseException:
            await self.stop()
            raise

    async def _start_name_servers(self) -> NameServers:
        """Start the four; where nobody wants certain addresses, on four of loopback."""
        for left in reversed(range(_TRIES)):
            addresses = self.plan.dns or _four_of_loopback()
            found = NameServers(self.zones, addresses, self.journal)
            try:
                await found.start(self.plan.dns_port)
            except OSError as problem:
                wanted = self.plan.dns and self.plan.dns_port
                if wanted or not left or problem.errno != errno.EADDRINUSE:
                    raise
            else:
                return found
        raise AssertionError("unreachable: the last try raises")

    async def stop(self) -> None:
        """Close everything; what hangs ends."""
        await self.machines.close()
        await self.events.close()
        for front in (self.front, *self._fronts.values()):
            await front.stop()
        if self.name_servers is not None:
            await self.name_servers.stop()


def _service_of(path: str) -> str:
    return "arm" if path.lower().startswith("/subscriptions") else "entra"


def _place(machine: MachinePlan) -> str:
    """Give a word for the metadata service of a machine: any free port is a place of its own."""
    own = machine.imds.endswith(":0")
    return f"{machine.imds} {machine.name}" if own else machine.imds


def _by_place(machines: list[VirtualMachine]) -> dict[str, list[VirtualMachine]]:
    places: dict[str, list[VirtualMachine]] = {}
    for each in machines:
        places.setdefault(_place(each.plan), []).append(each)
    return places


def _zone(plan: ZonePlan) -> Zone:
    zone = Zone(name=plan.name, resource_group=plan.resource_group)
    for each in plan.records:
        zone.put(records.a_records(each.name, each.addresses, each.ttl))
    return zone


def _four_of_loopback() -> tuple[str, ...]:
    third = random.randrange(256)
    return tuple(f"127.53.{third}.{last}" for last in range(1, 5))


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _host(listen: str) -> str:
    return listen.rpartition(":")[0]
