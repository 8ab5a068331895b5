"""What a running simulator can be asked: words in, values out, for tests and the socket."""

import inspect
from typing import Any

import attrs

from clp_azuresim import events, records
from clp_azuresim.dns_server import Mood, NameServer
from clp_azuresim.events import Event, Kind
from clp_azuresim.faults import Fault
from clp_azuresim.machine import Power
from clp_azuresim.records import RecordSet
from clp_azuresim.roles import Role
from clp_azuresim.simulator import Simulator
from clp_azuresim.throttle import Limit, Use
from clp_azuresim.vault import UNTIMELY, load_certificates

Answer = Any  # what JSON can hold


class Refusal(ValueError):
    """The simulator cannot do what it was asked: the text says why, and what there is."""


class Desk:
    """Serves one simulator; each method below `ask` is a word that can be asked."""

    def __init__(self, simulator: Simulator) -> None:
        self._azure = simulator

    async def ask(self, word: str, details: dict[str, Any]) -> Answer:
        """Do what a word says; Refusal when that cannot be."""
        method = None if word.startswith("_") or word == "ask" else getattr(self, word, None)
        if method is None:
            raise Refusal(f"the simulator does not know how to {word!r}")
        try:
            bound = inspect.signature(method).bind(**details)
            answer = method(*bound.args, **bound.kwargs)
            return await answer if inspect.isawaitable(answer) else answer
        except KeyError as problem:
            raise Refusal(f"{word}: {problem.args[0]}") from problem
        except (TypeError, ValueError) as problem:
            raise Refusal(f"{word}: {problem}") from problem

    # What there is.

    async def status(self) -> Answer:
        """Tell where everything is."""
        azure = self._azure
        servers = azure.name_servers
        return {
            "url": azure.url,
            "ca_file": str(azure.vault.ca_file),
            "tenant": azure.plan.tenant,
            "subscription": azure.plan.subscription,
            "applications": {each.name: each.id for each in azure.directory.applications},
            "imds": {each.name: azure.imds_url(each) for each in azure.plan.machines},
            "dns_port": servers.port if servers else 0,
            "name_servers": {each.name: each.address for each in servers.servers}
            if servers
            else {},
        }

    def journal(self, since: int = 0) -> Answer:
        return [attrs.asdict(entry) for entry in self._azure.journal.since(since)]

    # What goes wrong.

    def fault(self, wrong: str, path: str, **details: Any) -> None:  # noqa: ANN401 - a fault's own
        self._azure.faults.add(Fault.of(wrong, path, **details))

    def clear_faults(self) -> None:
        self._azure.faults.clear()

    def name_server(
        self, number: int, mood: str = "good", lie: str = "192.0.2.66", delay: float = 0.0
    ) -> None:
        """Change how a name server works, counted from 1."""
        server = self._server(number)
        server.mood, server.lie, server.delay = Mood(mood), lie, delay

    def _server(self, number: int) -> NameServer:
        servers = self._azure.name_servers
        if servers is None or not 1 <= number <= len(servers.servers):
            raise Refusal(f"no name server {number}: there are 1 to 4")
        return servers.servers[number - 1]

    # The directory.

    def certificate(self, application: str, sort: str = "good") -> str:
        """Give the file of a certificate, made if need be; untimely ones get registered by it."""
        found = self._azure.directory.named(application)
        path = self._azure.vault.application_file(found.name, sort)
        if sort in UNTIMELY:
            (made,) = load_certificates(path.read_bytes())
            if made not in found.certificates:
                found.certificates.append(made)
        return str(path)

    def unregister(self, application: str) -> None:
        """Take all certificates away from an application."""
        self._azure.directory.named(application).certificates.clear()

    def roles(self, application: str, roles: list[dict[str, Any]]) -> None:
        """Replace what an application may do; it holds for tokens that were issued, too."""
        made = [
            Role(
                actions=tuple(each["actions"]),
                scope=each.get("scope", "/"),
                not_actions=tuple(each.get("not_actions", ())),
            )
            for each in roles
        ]
        self._azure.directory.named(application).roles[:] = made

    def tokens(self, lifetime: int | None = None, skew: float | None = None) -> None:
        """Change for how many seconds tokens live, and by how many the cloud's clock is ahead."""
        tokens = self._azure.tokens
        tokens.lifetime = tokens.lifetime if lifetime is None else lifetime
        tokens.skew = tokens.skew if skew is None else skew

    def limit(self, use: str, size: float, rate: float) -> None:
        """Change a bucket of the throttle: reads, writes or deletes."""
        self._azure.arm.limits.set_limit(Use(use), Limit(size, rate))

    # Zones.

    def record(self, zone: str, name: str, kind: str = "A") -> Answer:
        """Give a record set, or None."""
        found = self._azure.zones.named(zone).sets.get((kind.upper(), name.lower()))
        return None if found is None else _shown(found)

    def put_record(
        self,
        zone: str,
        name: str,
        addresses: list[str],
        ttl: int = 3600,
        metadata: dict[str, str] | None = None,
    ) -> Answer:
        """Write an A record set as somebody at the portal does, past all roles and faults."""
        body = {
            "properties": {
                "TTL": ttl,
                "ARecords": [{"ipv4Address": address} for address in addresses],
                "metadata": metadata,
            }
        }
        made = records.read(name, "A", body)
        self._azure.zones.named(zone).put(made)
        return _shown(made)

    def put_alias(self, zone: str, name: str, target: str, ttl: int = 3600) -> None:
        """Write a CNAME, in the place of whatever is there."""
        found = self._azure.zones.named(zone)
        for each in found.at(name):
            found.drop(each.key)
        data = {"CNAMERecord": {"cname": target}}
        found.put(RecordSet(name=name, kind="CNAME", ttl=ttl, data=data))

    def delete_record(self, zone: str, name: str, kind: str = "A") -> None:
        self._azure.zones.named(zone).drop((kind.upper(), name.lower()))

    # Machines.

    async def machine(self, name: str) -> Answer:
        """Tell the power of what a machine is bound to, and what ARM says of it."""
        found = self._azure.machines.named(name)
        return {
            "on": await found.machine.state() is Power.ON,
            "state": await found.power_state(),
            "vm_id": found.vm_id,
        }

    async def power(self, name: str, on: bool) -> None:  # noqa: FBT001 - from JSON
        """Switch a machine past ARM, as if it had ended by itself or somebody else had done it."""
        found = self._azure.machines.named(name)
        await (found.machine.start() if on else found.machine.power_off())
        found.allocated = found.allocated or on

    def timing(self, operation: float | None = None, shutdown: float | None = None) -> None:
        timing = self._azure.machines.timing
        self._azure.machines.timing = attrs.evolve(
            timing,
            operation=timing.operation if operation is None else operation,
            shutdown=timing.shutdown if shutdown is None else shutdown,
        )

    # Scheduled events.

    def schedule(
        self,
        kind: str,
        machines: list[str],
        notice: float | None = None,
        duration: int | None = None,
        source: str = "Platform",
        description: str = "",
        real: bool = False,  # noqa: FBT001, FBT002 - from JSON
        lasts: float | None = None,
    ) -> str:
        """Announce an event and give its id; see Simulator.schedule and events.make."""
        resources = tuple(self._azure.machines.named(name).name for name in machines)
        event = events.make(
            Kind(kind),
            resources,
            notice=notice,
            duration=duration,
            source=source,
            description=description,
        )
        return self._azure.schedule(event, real=real, lasts=lasts).id

    def start_event(self, event: str) -> None:
        self._azure.events.start(self._event(event).id)

    def end_event(self, event: str) -> None:
        """Take an event away: over, or cancelled."""
        self._azure.events.remove(self._event(event).id)

    def event(self, event: str) -> Answer:
        """Give an event with who approved it, or None when it is over."""
        found = self._azure.events.find(event)
        return None if found is None else {**found.body(), "approved_by": found.approved_by}

    def first_look(self, delay: float) -> None:
        """Have the first look of a machine that never looked take so many seconds."""
        self._azure.events.first_delay = delay

    def _event(self, number: str) -> Event:
        found = self._azure.events.find(number)
        if found is None:
            raise Refusal(f"no event {number!r}: it is over, or never was")
        return found


def _shown(found: RecordSet) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "ttl": found.ttl,
        "addresses": list(found.addresses),
        "metadata": dict(found.metadata),
        "etag": found.etag,
        "data": dict(found.data),
    }
