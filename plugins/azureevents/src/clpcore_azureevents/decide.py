"""What this server asks for, given Azure's events and the cluster: values in, values out.

Each server sees to itself: it drains itself, or has the others tolerate its silence. Approving is
the one thing that concerns others, as it lets Azure go on with every machine of the event at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from clpcore_azureevents.cluster import Cluster, Server
from clpcore_azureevents.events import Event, Kind
from clpcore_azureevents.machines import Machines
from clpcore_azureevents.memory import Known

_MARGIN: Final = 60  # seconds after the announced end of a freeze
_LONGEST: Final = 1_200  # seconds that one word of a freeze counts in the cluster


@attrs.frozen
class Drain:
    """This server shall run no groups."""


@attrs.frozen
class Undrain:
    """This server may run groups again."""


@attrs.frozen
class ExpectFreeze:
    """Silence of this server shall be tolerated for longer, during *seconds*; 0: no longer."""

    seconds: int


@attrs.frozen
class Approve:
    """Azure may start the event now."""

    event: str


Ask = Drain | Undrain | ExpectFreeze | Approve


@attrs.frozen
class Decision:
    """*asks* in their order; *said* is what is true now, one sentence each."""

    known: Known
    asks: tuple[Ask, ...]
    said: tuple[str, ...]


def decide(
    events: tuple[Event, ...], cluster: Cluster, known: Known, machines: Machines, now: int
) -> Decision:
    """Decide what to ask for now.

    Args:
        events: in the order of their rank.
        cluster: as this server's agent sees it.
        known: what was done before.
        machines: which server each machine is.
        now: seconds since 1970.

    """
    look = _Look(events, cluster, machines)
    drained = _see_to_groups(look, known)
    frozen = _see_to_freezes(look, drained.known, now)
    approved = _approve(look)
    doubt = (machines.doubt,) if machines.doubt else ()
    return Decision(
        frozen.known,
        (*drained.asks, *frozen.asks, *approved.asks),
        (*doubt, *drained.said, *frozen.said, *approved.said),
    )


class _Look:
    """Events and cluster, and what follows from both."""

    def __init__(self, events: tuple[Event, ...], cluster: Cluster, machines: Machines) -> None:
        self.cluster = cluster
        self.me = cluster.myself
        self.machines = machines
        self.events = events
        mine = [event for event in events if self.me.name in self.servers(event)]
        self.drains = [event for event in mine if self.empties(event)]
        self.freezes = [event for event in mine if self.is_short(event)]

    def servers(self, event: Event) -> tuple[str, ...]:
        """Give the servers of this cluster that it happens to."""
        found = (self.machines.servers.get(each.lower()) for each in event.resources)
        return tuple(dict.fromkeys(filter(None, found)))

    def strangers(self, event: Event) -> tuple[str, ...]:
        """Give its machines that are no servers of this cluster."""
        return tuple(each for each in event.resources if each.lower() not in self.machines.servers)

    def is_short(self, event: Event) -> bool:
        """Tell whether it is a freeze that groups can sit out."""
        if event.kind is not Kind.FREEZE or event.duration is None:
            return False
        return event.duration * 1_000 <= self.cluster.endured

    def empties(self, event: Event) -> bool:
        """Tell whether groups move away before it."""
        return event.kind is not None and not self.is_short(event)

    def named(self, event: Event) -> str:
        """Name it for a sentence."""
        by = ", asked for by a user" if event.by_user else ""
        return f"{event.type} of {', '.join(event.resources)} (event {event.id}{by})"

    @property
    def heirs(self) -> tuple[str, ...]:
        """Give who could take this server's groups: an event that comes first spares nobody."""
        busy: set[str] = set()
        for event in self.events:
            busy |= set(self.servers(event)) if self.empties(event) else set()
            if event in self.drains:
                break
        return tuple(
            each.name
            for each in self.cluster.servers
            if each.online and not each.drained and each.name not in {self.me.name, *busy}
        )


# -- groups


def _see_to_groups(look: _Look, known: Known) -> Decision:
    """Drain this server before what it would not survive, and undrain it afterwards."""
    if not look.drains:
        return _take_back(look, known)
    ids, first = tuple(event.id for event in look.drains), look.named(look.drains[0])
    me = look.me
    if not me.online:
        said = f"{first}: {me.name} is {me.state} and takes no part in the cluster."
        return Decision(known, (), (said,))
    if me.drained:
        if _gives_way(look, known):
            said = f"{first}: {me.name} takes groups again: another server was drained as well."
            return Decision(Known(freeze_until=known.freeze_until), (Undrain(),), (said,))
        known = attrs.evolve(known, drained=ids) if known.ours else known
        return Decision(known, (), (_how_far(look, first),))
    if look.cluster.suspended:
        said = f"{first}: the cluster is suspended, so that no group moves: clp cluster resume"
        return Decision(known, (), (said,))
    if set(ids) <= set(known.drained):
        said = f"{first}: an operator has undrained {me.name}; that stands."
        return Decision(attrs.evolve(known, ours=False), (), (said,))
    if not look.heirs:
        said = f"{first}: ON HOLD, as no other server could take the groups; nothing is approved."
        return Decision(known, (), (said,))
    new = next(event for event in look.drains if event.id not in known.drained)
    said = f"{look.named(new)}: {me.name} is drained, its groups move to {', '.join(look.heirs)}."
    return Decision(attrs.evolve(known, ours=True), (Drain(),), (said,))


def _how_far(look: _Look, first: str) -> str:
    me = look.me
    if not me.groups:
        return f"{first}: {me.name} is drained and empty."
    why = "" if look.heirs else "; no other server could take them: clp server undrain"
    return f"{first}: {me.name} is drained, and still has {', '.join(me.groups)}{why}."


def _gives_way(look: _Look, known: Known) -> bool:
    """Tell whether two servers were drained at once, and this one is to take groups again.

    Machines in different zones do not see each other's events. Of those that are drained, the one
    with the best priority goes on.
    """
    if not known.ours or look.heirs or not look.me.groups:
        return False
    better = look.cluster.servers[: look.cluster.servers.index(look.me)]
    return any(each.online and each.drained for each in better)


def _take_back(look: _Look, known: Known) -> Decision:
    """Undrain this server when nothing threatens it any more, if this service has drained it."""
    if not known.ours:
        return Decision(attrs.evolve(known, drained=()), (), ())
    if not look.me.drained:
        return Decision(Known(freeze_until=known.freeze_until), (), ())
    if not look.me.online:
        return Decision(known, (), ())  # its agent learns of the end of it when it is back
    said = f"No event threatens {look.me.name} any more: it takes groups again."
    return Decision(known, (Undrain(),), (said,))


# -- freezes


def _see_to_freezes(look: _Look, known: Known, now: int) -> Decision:
    """Have the others tolerate a longer silence of this server while it may be frozen."""
    if not look.freezes:
        return _end_of_freezes(look, known)
    if not look.me.online:
        return Decision(known, (), ())
    until = max(_end(event, now) for event in look.freezes)
    first, names = look.freezes[0], ", ".join(look.named(event) for event in look.freezes)
    said = (f"{names}: up to {first.duration} s of silence of {look.me.name} are tolerated.",)
    if look.me.freeze is not None and known.freeze_until - now >= min(_MARGIN, until - now):
        return Decision(known, (), said)
    seconds = min(until - now, _LONGEST)
    known = attrs.evolve(known, freeze_until=now + seconds)
    return Decision(known, (ExpectFreeze(seconds),), said)


def _end(event: Event, now: int) -> int:
    """Give until when it may freeze the machine; Azure may be late."""
    start = max(event.not_before or now, now)
    return start + (event.duration or 0) + _MARGIN


def _end_of_freezes(look: _Look, known: Known) -> Decision:
    if not known.freeze_until:
        return Decision(known, (), ())
    if look.me.freeze is None or not look.me.online:
        return Decision(attrs.evolve(known, freeze_until=0), (), ())
    said = f"No freeze of {look.me.name} is announced any more."
    return Decision(known, (ExpectFreeze(0),), (said,))


# -- approval


def _approve(look: _Look) -> Decision:
    asks, said = [], []
    for event in look.events:
        if event.kind is None:
            said.append(f"{look.named(event)}: no type that is known here; it is left alone.")
        elif event.started or not look.servers(event) or not _is_mine_to_approve(look, event):
            continue
        elif obstacle := next(_obstacles(look, event), ""):
            said.append(f"{look.named(event)}: not approved yet, as {obstacle}.")
        else:
            asks.append(Approve(event.id))
            said.append(f"{look.named(event)}: approved, as every machine in it is ready.")
    return Decision(Known(), tuple(asks), tuple(said))


def _is_mine_to_approve(look: _Look, event: Event) -> bool:
    """Tell whether this server speaks for the event: one of its servers, else the leader."""
    names = look.servers(event)
    if any(look.cluster.server(name).online for name in names):
        return look.me.name in names
    return look.me.name in names or look.me.name == look.cluster.leader


def _obstacles(look: _Look, event: Event) -> Iterator[str]:
    """Give why it may not start yet: an approval lets Azure go on with all its machines at once."""
    if look.machines.doubt:
        yield "it is not certain which servers its machines are"
    for each in look.events:
        if each.id == event.id:  # one word for all that is announced under the id
            yield from _obstacles_of(look, each)


def _obstacles_of(look: _Look, event: Event) -> Iterator[str]:
    if strangers := look.strangers(event):
        yield f"{', '.join(strangers)} is no server of this cluster"
    for name in look.servers(event):
        server = look.cluster.server(name)
        if obstacle := _obstacle(server, short=look.is_short(event)):
            yield obstacle


def _obstacle(server: Server, *, short: bool) -> str:
    """Tell why the event may not happen to *server* yet; "": it may."""
    if server.gone or server.empty or (short and server.freeze == "expected"):
        return ""
    if server.silent:
        # It may serve all the same: who asked for the event, a user or Azure, does not matter.
        step = f"is it certainly off: clp server confirm-down {server.name}"
        return f"{server.name} is silent and not proven to be stopped; {step}"
    if short:
        return f"not every server knows yet that {server.name} may freeze"
    if not server.drained:
        return f"{server.name} is not drained"
    return f"{server.name} still has {', '.join(server.groups) or 'something on its way'}"
