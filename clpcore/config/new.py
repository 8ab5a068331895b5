"""The guide's clusters as files to begin with, from a few answers."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config.clpconf import draft, product

_COLUMN: Final = 40


class Shape(enum.Enum):
    """How clients find the server where the group is active."""

    PUBLIC_LB = "public-lb"
    INTERNAL_LB = "internal-lb"
    DNS = "dns"
    ON_PREMISES = "on-premises"


@attrs.frozen(kw_only=True)
class Wanted:
    """The answers: *servers* are names and addresses, the preferred one first.

    *port* is what a load balancer probes; *address* the floating one on premises.
    """

    name: str
    servers: tuple[tuple[str, str], ...]
    shape: Shape
    port: int = 26_001
    address: str = ""


@attrs.frozen(kw_only=True)
class New:
    """Texts by path below /etc/clpcore, and what must still be done for all of it to work."""

    files: Mapping[str, str]
    steps: tuple[str, ...]


def make(wanted: Wanted, specs: Mapping[tuple[Kind, str], DriverSpec]) -> New:
    """Give the files; what a driver that is not here would need goes to a file not loaded."""
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
            f"Clients do not find the cluster yet: pip install {distribution} on every server, "
            f"fill in {off} and take .off off its name."
        )
    files["conf.d/failover1.toml"] = f"# {why}\n\n{group}"
    return New(files=files, steps=(*steps, *_steps(wanted)))


def _steps(wanted: Wanted) -> Iterator[str]:
    yield "Write what starts and stops your application into scripts/failover1/exec1/."
    others = " ".join(name for name, _ in wanted.servers[1:])
    yield f"clp keygen makes the key of the cluster; copy it to the same place on {others}."
    yield f"Copy conf.d and scripts to /etc/clpcore here and on {others}, then: clp config check"


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
        parts.append(_line("# heartbeat_timeout = 90", "Azure may pause a machine for up to 30 s"))
    for priority, (name, address) in enumerate(wanted.servers, start=1):
        parts += [
            "",
            f"[server.{draft.quoted(name)}]",
            _line("priority = 1", "where groups run if they can choose")
            if priority == 1
            else f"priority = {priority}",
            f"interconnect = [{draft.written(address)}]",
        ]
        if azure:
            parts.append(_line('# zone = "1"', "availability zone, for display"))
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
    "scripts/failover1/exec1/start.sh": """\
#!/bin/sh
# Starts the application. Return 0 once it serves: the group counts as active from then on.
# It may be running already: starting what runs must do no harm.
exec systemctl start application.service
""",
    "scripts/failover1/exec1/stop.sh": """\
#!/bin/sh
# Stops the application. Return 0 only when it is stopped: then the group may start elsewhere.
exec systemctl stop application.service
""",
}


def _address(wanted: Wanted) -> tuple[str, str, str]:
    """Give the type of the resource by which clients find the group, its table, and the story."""
    if wanted.shape is Shape.DNS:
        return "azuredns", _azuredns(wanted), "Clients find it by an A record in Azure DNS."
    if wanted.shape is Shape.ON_PREMISES:
        why = "Clients find it at an address that goes where the group is active."
        return "fip", _fip(wanted), why
    side = "public" if wanted.shape is Shape.PUBLIC_LB else "internal"
    why = f"Clients find it behind a {side} Azure load balancer that probes TCP {wanted.port}."
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
zone = "cluster1.zone"
record_set = "test-record1"
{servers}
"""
