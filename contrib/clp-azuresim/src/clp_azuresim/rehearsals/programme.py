"""Every rehearsal by its name: what it shows, where it plays, and how it goes."""

import time
from collections.abc import Callable, Mapping

import attrs

from clp_azuresim.rehearsals import (
    azure_dns,
    balancers,
    events,
    freeze,
    partition,
    server_dies,
    trouble,
)
from clp_azuresim.rehearsals.scene import Scene
from clp_azuresim.rehearsals.stage import Stage, raised
from clp_lab.errors import LabError


@attrs.frozen
class Rehearsal:
    """One of the programme; `shows` is a line for who chooses."""

    shows: str
    scene: Scene
    play: Callable[[Stage], None]


PROGRAMME: Mapping[str, Rehearsal] = {
    "azure-dns": Rehearsal(
        "a name in Azure DNS: its record is deleted, the group fails over",
        azure_dns.AS_THE_GUIDE,
        azure_dns.fails_over,
    ),
    "azure-dns-ladder": Rehearsal(
        "the same with the default ladder: the record is written again",
        azure_dns.WITH_LADDER,
        azure_dns.is_restored,
    ),
    "public-balancer": Rehearsal(
        "a public load balancer: a move, and a server that dies",
        balancers.PUBLIC,
        balancers.public,
    ),
    "internal-balancer": Rehearsal(
        "an internal load balancer: the same, and open connections are reset",
        balancers.INTERNAL,
        balancers.internal,
    ),
    "direct-server-return": Rehearsal(
        "the same with direct server return and a loopback resource",
        balancers.DIRECT,
        balancers.direct,
    ),
    "direct-server-return-scripts": Rehearsal(
        "the same with the guide's scripts in its place",
        balancers.DIRECT_BY_SCRIPTS,
        balancers.direct,
    ),
    "server-dies": Rehearsal(
        "a server hangs, Azure powers it off, it comes back; another one dies",
        server_dies.SCENE,
        server_dies.play,
    ),
    "partition-witness": Rehearsal(
        "the network between the servers fails; a witness decides",
        partition.WITH_WITNESS,
        partition.with_witness,
    ),
    "partition-web": Rehearsal(
        "a server is cut off; a static web site tells who is",
        partition.WITH_WEB_SITE,
        partition.with_web_site,
    ),
    "partition-ping": Rehearsal(
        "a server is cut off; a machine that answers ping tells who is",
        partition.WITH_PING,
        partition.with_ping,
    ),
    "freeze": Rehearsal(
        "a server is frozen, below and above the heartbeat timeout",
        freeze.SCENE,
        freeze.play,
    ),
    "scheduled-events": Rehearsal(
        "Azure announces a reboot, then a freeze",
        events.SCENE,
        events.play,
    ),
    "azure-dns-trouble": Rehearsal(
        "a name in Azure DNS while Azure throttles, then refuses",
        trouble.WITH_A_NAME,
        trouble.of_a_name,
    ),
    "server-dies-trouble": Rehearsal(
        "a forced stop while Azure is broken, then throttles without end",
        trouble.WITH_FORCED_STOP,
        trouble.of_a_forced_stop,
    ),
}


def rehearse(name: str) -> int:
    """Play one; 0 only when all of it was seen.

    Raises:
        LabError: there is none of that name, or something was not as it should be.

    """
    if name not in PROGRAMME:
        raise LabError(f"no rehearsal is called {name!r}", f"there are {', '.join(PROGRAMME)}")
    began, rehearsal = time.monotonic_ns(), PROGRAMME[name]
    print(f"\n== {name}: {rehearsal.shows}", flush=True)
    with raised(rehearsal.scene) as stage:
        rehearsal.play(stage)
    seconds = (time.monotonic_ns() - began) / 1e9
    print(f"\nAll of it was seen; never two actives. {seconds:.1f} s.")
    return 0


def listing() -> str:
    """Give the names, each with what it shows."""
    width = max(map(len, PROGRAMME))
    return "\n".join(f"{name.ljust(width)}  {each.shows}" for name, each in PROGRAMME.items())
