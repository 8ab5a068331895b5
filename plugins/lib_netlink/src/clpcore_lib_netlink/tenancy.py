"""Which addresses of this server are a resource's own: what it noted when it added them."""

from __future__ import annotations

import json
import posixpath
from typing import Final

import attrs

from clpcore import api
from clpcore_lib_netlink import kernel
from clpcore_lib_netlink.asking import ask
from clpcore_lib_netlink.kernel import Held

_LONGEST_LABEL: Final = 15  # the kernel's limit
_SETTLED: Final = 5_000  # ms for the kernel's own question whether an IPv6 address is free
_PAUSE: Final = 50  # ms between two looks


def label(link: str, resource: str) -> str:
    """Give the label by which ``ip address`` shows whose an IPv4 address is."""
    return f"{link}:{resource}"[:_LONGEST_LABEL]


async def held(ports: api.Ports, ip: str) -> tuple[Held, ...]:
    """Give every place where this server has the address."""
    everything = await ask(ports, "this server's addresses cannot be read", kernel.addresses)
    return tuple(each for each in everything if each.ip == ip)


async def presence(call: api.Call, ports: api.Ports, ip: str) -> api.Presence:
    """Tell whether the address is where the resource put it.

    One that is here and not ours is INACTIVE: the resource does not run here. To refuse it is the
    activation's business, to complain the monitor's.
    """
    found = await held(ports, ip)
    if not found or not _is_ours(call, ports, found):
        return api.Presence.INACTIVE
    if len(found) == 1 and not found[0].duplicate and _place(found[0]) == _noted(ports):
        return api.Presence.ACTIVE
    return api.Presence.BROKEN


async def stranger(call: api.Call, ports: api.Ports, ip: str) -> str:
    """Say where the address is if it is here and not ours; empty: it is not so."""
    found = await held(ports, ip)
    if not found or _is_ours(call, ports, found):
        return ""
    places = " and ".join(f"{each.address} on {each.link}" for each in found)
    return f"this server already has {places}, and not from this resource"


async def look(call: api.Call, ports: api.Ports, ip: str) -> api.Observation:
    """Look for a monitor: where the group is active the address is in its place, elsewhere not."""
    found = await held(ports, ip)
    here = " and ".join(f"{each.address} on {each.link}" for each in found)
    if call.role is not api.Role.ACTIVE:
        if not found:
            return api.Observation(api.Health.NORMAL, f"{ip} is not on this server")
        return api.Observation(
            api.Health.ERROR,
            f"the group is not active here, but this server has {here}: if the cluster has not just"
            " moved the group, take it out of the system's network configuration",
        )
    if not found:
        return api.Observation(api.Health.ERROR, f"{ip} is gone from this server", certain=True)
    if await presence(call, ports, ip) is api.Presence.ACTIVE:
        return api.Observation(api.Health.NORMAL, f"this server has {here}")
    meant = _noted(ports)
    place = (
        f"{meant.address} on {meant.link}, label {meant.label or 'none'}" if meant else "unknown"
    )
    return api.Observation(
        api.Health.ERROR, f"this server has {here}, but not as it was added ({place})"
    )


async def move_in(ports: api.Ports, place: Held) -> None:
    """Add the address at *place*; return when it can be used.

    The note is written first: whatever ends us in between, the address is known as ours.

    Raises:
        Failed: the kernel refuses it, or has found another machine that has it.

    """
    ports.write(_note(ports), json.dumps(attrs.asdict(_place(place)), indent=1) + "\n")
    what = f"{place.address} cannot be added to {place.link}"
    try:
        await ask(ports, what, kernel.add, place.link, place.address, place.label)
    except api.Failed as refused:
        if isinstance(refused.__cause__, FileExistsError):
            ports.remove(_note(ports))  # somebody else was faster: it is not ours
        raise
    deadline = ports.now() + _SETTLED
    while (found := await held(ports, place.ip)) and ports.now() < deadline:
        if any(each.duplicate for each in found):
            raise api.Failed(
                f"another machine on {place.link} has {place.ip}: find it (its MAC address is in"
                " the kernel's log: dmesg) and take the address from it"
            )
        if not any(each.tentative for each in found):
            return
        await ports.sleep(_PAUSE)
    what = "still asks whether another machine has it" if found else "has removed it at once"
    raise api.Failed(f"{place.address} was added to {place.link}, but the kernel {what}")


async def move_out(call: api.Call, ports: api.Ports, ip: str) -> None:
    """Remove the address wherever it is on this server, if it is ours; return when it is gone.

    Raises:
        Failed: it is still here.

    """
    found = await held(ports, ip)
    if found and not _is_ours(call, ports, found):
        ports.tell(f"{ip} stays on {found[0].link}: it is not ours")
        return
    for each in found:
        what = f"{each.address} cannot be removed from {each.link}"
        await ask(ports, what, kernel.remove, each.link, each.address)
    if left := await held(ports, ip):
        raise api.Failed(
            f"{left[0].address} was removed and is on {left[0].link} again: find what adds it (a"
            " DHCP client or network manager), and configure it nowhere but here"
        )
    ports.remove(_note(ports))


def _is_ours(call: api.Call, ports: api.Ports, found: tuple[Held, ...]) -> bool:
    """Tell by the note; where that was lost, by a label that only we would give."""
    if ports.read(_note(ports)) is not None:
        return True
    labels = (each for each in found if each.label and each.label != each.link)
    return any(each.label == label(each.link, call.resource) for each in labels)


def _place(place: Held) -> Held:
    return Held(link=place.link, address=place.address, label=place.label)


def _note(ports: api.Ports) -> str:
    return posixpath.join(ports.places.run, "address.json")


def _noted(ports: api.Ports) -> Held | None:
    """Give the place that was noted; None for a note that nobody can read."""
    try:
        return Held(**json.loads(ports.read(_note(ports)) or ""))
    except (ValueError, TypeError):
        return None
