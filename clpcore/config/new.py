"""The guide's clusters as files to begin with, from a few answers."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import here
from clpcore.config.clpconf import draft, product
from clpcore.config.reading import NAME
from clpcore.config.wording import listed

_COLUMN: Final = 40


class Shape(enum.Enum):
    """How clients find the server where the group is active."""

    PUBLIC_LB = "public-lb"
    INTERNAL_LB = "internal-lb"
    DNS = "dns"
    ON_PREMISES = "on-premises"

    @property
    def is_probed(self) -> bool:
        """Tell whether a load balancer probes a port."""
        return self in {Shape.PUBLIC_LB, Shape.INTERNAL_LB}


Server = tuple[str, str]  # name and address


@attrs.frozen(kw_only=True)
class Wanted:
    """The answers: *servers* are names and addresses, the preferred one first.

    *port* is what a load balancer probes; *address* the floating one on premises.
    """

    name: str
    servers: tuple[Server, ...]
    shape: Shape
    port: int = 26_001
    address: str = ""


@attrs.frozen(kw_only=True)
class New:
    """Texts by path below /etc/clpcore, and what must still be done for all of it to work."""

    files: Mapping[str, str]
    steps: tuple[str, ...]


def wrong_name(text: str) -> str:
    """Give what is wrong with the name of a cluster or server, empty if nothing is."""
    if NAME.fullmatch(text):
        return ""
    return f"{text!r} is no name: 1 to 31 letters, digits, _ and -; the first is no -"


def wrong_server(server: Server, others: Iterable[Server] = ()) -> str:
    """Give what is wrong with a server beside *others*, empty if nothing is."""
    name, address = server
    if why := wrong_name(name) or _wrong_address(address):
        return why
    for other, taken in others:
        if other == name:
            return f"{name} is given twice: each server has one name and one address here"
        if ipaddress.ip_address(taken) == ipaddress.ip_address(address):
            return f"{address} is the address of {other}: each server has its own"
    return ""


def wrong_floating(text: str, servers: Iterable[Server]) -> str:
    """Give what is wrong with a floating address, which may have a prefix length."""
    address = text.partition("/")[0]
    if why := _wrong_address(address):
        return why
    for name, taken in servers:
        if ipaddress.ip_address(taken) == ipaddress.ip_address(address):
            return f"{address} is the address of {name}: the group needs one of its own"
    return ""


def _wrong_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"{text!r} is no IP address, such as 10.5.0.110"
    return ""


def make(wanted: Wanted, specs: Mapping[tuple[Kind, str], DriverSpec], folder: str) -> New:
    """Give the files; what a driver that is not here would need goes to a file not loaded.

    *folder* is where they will be, as the steps name it.
    """
    type_, lines, why = _address(wanted)
    files = {"conf.d/cluster.toml": _cluster(wanted), **_SCRIPTS}
    steps: list[str] = []
    group = _GROUP
    known = (Kind.RESOURCE, type_) in specs and type_ != "azuredns"
    if known:
        group += f"\n{lines}"
    else:
        off = f"conf.d/{type_}1.toml.off"
        distribution = product.distribution(type_)
        files[off] = f"# Not loaded: the name does not end in .toml.\n\n{lines}"
        why = f"{why}\n# Not yet: that is in {type_}1.toml.off, which is not loaded."
        steps.append(
            f"Clients do not find the group yet: pip install {distribution} on every server, "
            f"fill in {folder}/{off} and take .off off its name."
        )
    files["conf.d/failover1.toml"] = f"# {why}\n\n{group}"
    return New(files=files, steps=(*steps, *_steps(wanted, folder)))


def _steps(wanted: Wanted, folder: str) -> Iterator[str]:
    first, *others = (name for name, _ in wanted.servers)
    if not others:
        yield (
            f"{first} is alone, and nobody can take over from it: give a second server its "
            f"[server.NAME] in {folder}/conf.d/cluster.toml."
        )
    yield (
        "Write what starts and stops your application into start.sh and stop.sh in "
        f"{folder}/scripts/failover1/exec1."
    )
    yield f"Check it: clp config check {folder}/conf.d"
    yield f"Copy conf.d and scripts from {folder} to /etc/clpcore on {listed([first, *others])}."
    copied = f", and copy /etc/clpcore/cluster.key to {listed(others)}, for root alone"
    yield f"On {first}, make the key of the cluster: clp keygen{copied if others else ''}."
    yield "On each server: systemctl enable --now clpcore, then clp status."


def _cluster(wanted: Wanted) -> str:
    azure = wanted.shape is not Shape.ON_PREMISES
    parts = [
        "# The cluster and its servers; what is not written has its default: docs/reference.",
        "",
        "[cluster]",
        f"name = {draft.written(wanted.name)}",
        f'platform = "{"azure" if azure else "onpremises"}"',
    ]
    if azure:
        why = "the default; Azure may pause a machine for 30 s"
        parts.append(_line("# heartbeat_timeout = 90", why))
    for priority, (name, address) in enumerate(wanted.servers, start=1):
        parts += [
            "",
            f"[server.{draft.quoted(name)}]",
            _line("priority = 1", "the best: groups start there if they can")
            if priority == 1
            else f"priority = {priority}",
            f"interconnect = [{draft.written(address)}]",
        ]
        if azure:
            parts.append(_line(f'# zone = "{priority}"', "availability zone, for display"))
    return "\n".join(parts) + "\n"


def _line(text: str, comment: str) -> str:
    return f"{text:<{_COLUMN}}# {comment}"


_GROUP: Final = """\
[group.failover1]
failback = "manual"                     # a repaired server waits for an operator (the default)

[group.failover1.resource.exec1]        # scripts/failover1/exec1/start.sh and stop.sh
type = "exec"
"""
_SCRIPTS: Final = {
    "scripts/failover1/exec1/start.sh": f"""\
#!/bin/sh
{here.UNEDITED}: it starts nothing. Take this line out when it does.
# Starts the application. Return 0 once it serves: the group counts as active from then on.
# It may be running already: starting what runs must do no harm. A service of systemd:
#   exec systemctl start application.service
echo "$0 is not edited yet: it starts nothing" >&2
""",
    "scripts/failover1/exec1/stop.sh": f"""\
#!/bin/sh
{here.UNEDITED}: it stops nothing. Take this line out when it does.
# Stops the application. Return 0 only when it is stopped: then the group may start elsewhere.
#   exec systemctl stop application.service
echo "$0 is not edited yet: it stops nothing" >&2
""",
}


def _address(wanted: Wanted) -> tuple[str, str, str]:
    """Give the type of the resource by which clients find the group, its table, and the story."""
    if wanted.shape is Shape.DNS:
        return "azuredns", _azuredns(wanted), "Clients find it by an A record in Azure DNS."
    if wanted.shape is Shape.ON_PREMISES:
        why = "Clients find it at an address that goes where the group is active."
        return "fip", _fip(wanted), why
    side = "a public" if wanted.shape is Shape.PUBLIC_LB else "an internal"
    why = f"Clients find it behind {side} Azure load balancer that probes TCP {wanted.port}."
    return "lbpp", _lbpp(wanted), why


def _lbpp(wanted: Wanted) -> str:
    return f"""\
[group.failover1.resource.lbpp1]        # activated last; its monitor lbppw1 is made with it
type = "lbpp"
{_line(f"port = {wanted.port}", "the health probe of the load balancer")}
"""


def _fip(wanted: Wanted) -> str:
    return f"""\
[group.failover1.resource.fip1]         # activated last; its monitor fipw1 is made with it
type = "fip"
{_line(f"ip = {draft.written(wanted.address)}", "in the subnet of an interconnect")}
"""


def _azuredns(wanted: Wanted) -> str:
    servers = "\n".join(
        f"server.{draft.quoted(name)}.ip = {draft.written(address)}"
        for name, address in wanted.servers
    )
    return f"""\
[group.failover1.resource.azuredns1]    # activated last; its monitor azurednsw1 is made with it
type = "azuredns"
{_line('zone = "cluster1.zone"', "of Azure DNS: write yours")}
{_line('record_set = "test-record1"', "the name in it: write yours")}
{servers}
"""
