"""A running simulator in the hands of a test or an operator, wherever it runs."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from clp_azuresim.events import Kind
from clp_azuresim.faults import Fault
from clp_azuresim.journal import Entry
from clp_azuresim.roles import Role
from clp_azuresim.throttle import Use

Ask = Callable[[str, Mapping[str, Any]], Any]

_STEP_S: Final = 0.005
_PATIENCE_S: Final = 10.0


@attrs.frozen(kw_only=True)
class Cloud:
    """The five values that tell Azure from a simulator."""

    resource_manager: str
    authority: str
    audience: str
    ca_bundle: str
    private: bool = True


@attrs.frozen
class Record:
    """A record set as the zone holds it."""

    name: str
    kind: str
    ttl: int
    addresses: tuple[str, ...]
    metadata: Mapping[str, str]
    etag: str
    data: Mapping[str, Any]


@attrs.frozen
class MachineState:
    """A machine: `on` is the truth, `state` what ARM says, such as "stopping"."""

    on: bool
    state: str
    vm_id: str


class Azure:
    """Everything that can be read from and done to a simulator.

    Attributes:
        url: of ARM and Entra, the audience of tokens too.
        imds: the URL of each machine's metadata service.
        name_servers: the address of each name server, by its name with a dot at its end.
        dns_port: on which all four answer, UDP and TCP.
    """

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        status = ask("status", {})
        self.url: str = status["url"]
        self.ca_file = Path(status["ca_file"])
        self.tenant: str = status["tenant"]
        self.subscription: str = status["subscription"]
        self.applications: Mapping[str, str] = status["applications"]
        self.imds: Mapping[str, str] = status["imds"]
        self.name_servers: Mapping[str, str] = status["name_servers"]
        self.dns_port: int = status["dns_port"]

    @property
    def cloud(self) -> Cloud:
        """What a driver's configuration takes to find this Azure instead of the real one."""
        return Cloud(
            resource_manager=self.url,
            authority=self.url,
            audience=self.url,
            ca_bundle=str(self.ca_file),
        )

    @property
    def application(self) -> str:
        """The id of the first application."""
        return next(iter(self.applications.values()))

    @property
    def dns_addresses(self) -> tuple[str, ...]:
        """The four addresses, in the order of the NS records; any resolves the names of all."""
        return tuple(self.name_servers.values())

    def certificate(self, sort: str = "good", application: str | None = None) -> Path:
        """Give the PEM (key and certificate) of an application; the first one when not told.

        The sort is "good", "expired", "early" (not valid yet), "unregistered" or "elliptic".
        """
        name = application or next(iter(self.applications))
        return Path(self.ask("certificate", {"application": name, "sort": sort}))

    def unregister(self, application: str | None = None) -> None:
        """Take all certificates away from an application: nobody signs in as it any more."""
        self.ask("unregister", {"application": application or next(iter(self.applications))})

    def set_roles(self, *roles: Role, application: str | None = None) -> None:
        """Replace what an application may do; tokens that it holds count by the new roles."""
        name = application or next(iter(self.applications))
        told = [attrs.asdict(role) for role in roles]
        self.ask("roles", {"application": name, "roles": told})

    def set_tokens(self, *, lifetime: int | None = None, skew: float | None = None) -> None:
        """Change for how many seconds tokens live, by how many the cloud's clock is ahead."""
        self.ask("tokens", {"lifetime": lifetime, "skew": skew})

    def set_limit(self, use: Use, *, size: float, rate: float) -> None:
        """Give a bucket of the throttle so many tokens, and so many back each second."""
        self.ask("limit", {"use": use.value, "size": size, "rate": rate})

    def fault(self, wrong: str, path: str, **details: Any) -> None:  # noqa: ANN401 - a fault's own
        """Have requests go wrong; words and details are those of faults.Fault.

        fault("status", "powerOff", status=429, headers={"Retry-After": "30"}, count=2)
        """
        made = attrs.asdict(Fault.of(wrong, path, **details))
        self.ask("fault", {**made, "wrong": wrong})

    def clear_faults(self) -> None:
        """Have no request go wrong from now on; what is late or hangs stays so."""
        self.ask("clear_faults", {})

    def set_name_server(
        self, number: int, mood: str = "good", *, lie: str = "192.0.2.66", delay: float = 0.0
    ) -> None:
        """Change how a name server (1 to 4) works; the delay of its answers is in seconds.

        The mood is "good", "dead", "refuses", "fails", "truncates" or "lies", and then the lie is
        the address that it tells.
        """
        self.ask("name_server", {"number": number, "mood": mood, "lie": lie, "delay": delay})

    def journal(self, path: str = "", since: int = 0) -> list[Entry]:
        """Give the requests after a number, those whose path has a text in it."""
        entries = (Entry(**values) for values in self.ask("journal", {"since": since}))
        return [entry for entry in entries if path.lower() in entry.path.lower()]

    def wait_for(
        self, condition: Callable[[], Any], seconds: float = _PATIENCE_S, what: str = ""
    ) -> Any:  # noqa: ANN401 - whatever the condition gives
        """Look every 5 ms until a condition gives something true, which is given; TimeoutError."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what or condition} did not come true in {seconds:g} s")
            time.sleep(_STEP_S)
        return found

    def record(self, zone: str, name: str, kind: str = "A") -> Record | None:
        """Give a record set as the zone holds it now."""
        found = self.ask("record", {"zone": zone, "name": name, "kind": kind})
        return None if found is None else _record(found)

    def put_record(
        self,
        zone: str,
        name: str,
        *addresses: str,
        ttl: int = 3600,
        metadata: Mapping[str, str] | None = None,
    ) -> Record:
        """Write an A record set by hand, as at the portal."""
        details = {"zone": zone, "name": name, "addresses": list(addresses), "ttl": ttl}
        told = None if metadata is None else dict(metadata)
        return _record(self.ask("put_record", {**details, "metadata": told}))

    def put_alias(self, zone: str, name: str, target: str) -> None:
        """Write a CNAME in the place of all that is at a name."""
        self.ask("put_alias", {"zone": zone, "name": name, "target": target})

    def delete_record(self, zone: str, name: str, kind: str = "A") -> None:
        """Delete a record set by hand."""
        self.ask("delete_record", {"zone": zone, "name": name, "kind": kind})

    def machine(self, name: str) -> MachineState:
        return MachineState(**self.ask("machine", {"name": name}))

    def set_power(self, name: str, *, on: bool) -> None:
        """Switch a machine past ARM: it crashed, or somebody else switched it."""
        self.ask("power", {"name": name, "on": on})

    def set_timing(self, *, operation: float | None = None, shutdown: float | None = None) -> None:
        """Change how many seconds operations take, and an orderly shutdown at most."""
        self.ask("timing", {"operation": operation, "shutdown": shutdown})

    def schedule(
        self,
        kind: Kind | str,
        machines: Sequence[str],
        *,
        notice: float | None = None,
        duration: int | None = None,
        source: str = "Platform",
        description: str = "",
        real: bool = False,
        lasts: float | None = None,
    ) -> str:
        """Announce an event to machines and give its id.

        Args:
            kind: of event.
            machines: their names.
            notice: seconds until it starts without approval; None: Azure's usual.
            duration: seconds that it is said to take; -1: not known.
            source: "Platform" or "User".
            description: what people read.
            real: whether at its start the machines lose power or reboot.
            lasts: seconds from its start until it disappears; None: until `end_event`.
        """
        details = {
            "kind": Kind(kind).value,
            "machines": list(machines),
            "notice": notice,
            "duration": duration,
            "source": source,
            "description": description,
            "real": real,
            "lasts": lasts,
        }
        return str(self.ask("schedule", details))

    def event(self, number: str) -> Mapping[str, Any] | None:
        """Give an event as machines read it, and `approved_by`; None when it is over."""
        found: Mapping[str, Any] | None = self.ask("event", {"event": number})
        return found

    def start_event(self, number: str) -> None:
        """Start an event now, approved or not."""
        self.ask("start_event", {"event": number})

    def end_event(self, number: str) -> None:
        """Have an event disappear: over or cancelled, which looks the same."""
        self.ask("end_event", {"event": number})

    def set_first_look(self, delay: float) -> None:
        """Have the first look at scheduled events of a machine take so many seconds."""
        self.ask("first_look", {"delay": delay})


def _record(values: Mapping[str, Any]) -> Record:
    return Record(**{**values, "addresses": tuple(values["addresses"])})
