"""The texts of the files to begin with: a table for each answer, with comments for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from clpcore.api import Kind
from clpcore.config import here
from clpcore.config.clpconf import draft, product
from clpcore.config.wanted import Account, Shape, Wanted

_COLUMN: Final = 40
_FENCE_DELAY: Final = 120  # seconds that one try of the forced stop `azure` may take


@attrs.frozen(kw_only=True)
class Part:
    """What needs a driver.

    Attributes:
        text, file: what is written where, when it is there.
        off, alone: the same as a file of its own, when it is not.
        rest: what is in *file* then, empty for no such file.
        lacking: what that means.
        distributions: where it comes from.

    """

    file: str
    text: str
    off: str
    alone: str
    needs: frozenset[tuple[Kind, str]]
    lacking: str
    distributions: str
    rest: str = ""


def cluster(wanted: Wanted) -> str:
    """Give the file of the cluster and its servers."""
    azure = wanted.shape.is_azure
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


def parts(wanted: Wanted) -> Iterator[Part]:
    """Give what the cluster has beside its servers."""
    yield _group(wanted)
    if wanted.forced_stop:
        yield _forced_stop(wanted)
    if wanted.witness:
        yield _witness(wanted.witness)


def _line(text: str, comment: str) -> str:
    return f"{f'{text} ':<{_COLUMN}}# {comment}"  # a long text has its blank, too


# -- the group


def _group(wanted: Wanted) -> Part:
    """Give the application and the address by which clients find it."""
    types, tables, why = _address(wanted)
    off = f"{types[-1]}1"
    not_yet = f"# Not yet: that is in {off}.toml.off, which is not loaded."
    return Part(
        file="failover1.toml",
        text=f"# {why}\n\n{_APPLICATION}\n{tables}",
        rest=f"# {why}\n{not_yet}\n\n{_APPLICATION}",
        off=off,
        alone=tables,
        needs=frozenset((Kind.RESOURCE, each) for each in types),
        lacking="Clients do not find the group",
        distributions=" ".join(map(product.distribution, types)),
    )


_APPLICATION: Final = """\
[group.failover1]
failback = "manual"                     # a repaired server waits for an operator (the default)

[group.failover1.resource.exec1]        # scripts/failover1/exec1/start.sh and stop.sh
type = "exec"
"""
SCRIPTS: Final = {
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


def _address(wanted: Wanted) -> tuple[tuple[str, ...], str, str]:
    """Give the types of the resources by which clients find the group, their tables, the story.

    The last type is an address, activated last; those before it are activated first.
    """
    if wanted.shape is Shape.DNS:
        why = f"Clients find it by {wanted.record_set}.{wanted.zone}, an A record in Azure DNS."
        return ("azuredns",), _azuredns(wanted), why
    if wanted.shape is Shape.ON_PREMISES:
        why = "Clients find it at an address that goes where the group is active."
        return ("fip",), _fip(wanted), why
    side = "a public" if wanted.shape is Shape.PUBLIC_LB else "an internal"
    why = f"Clients find it behind {side} Azure load balancer that probes TCP {wanted.port}."
    if wanted.shape is not Shape.INTERNAL_LB_DSR:
        return ("lbpp",), _lbpp(wanted), why
    why += "\n# Direct server return: its rule has Floating IP, and the same port on both sides."
    return ("loopback", "lbpp"), f"{_loopback(wanted)}\n{_lbpp(wanted)}", why


def _lbpp(wanted: Wanted) -> str:
    return f"""\
[group.failover1.resource.lbpp1]        # activated last; its monitor lbppw1 is made with it
type = "lbpp"
{_line(f"port = {wanted.port}", "the health probe of the load balancer")}
{_line("# reset_ports = [8080]", "of the application: clients are told at once of a move")}
"""


def _loopback(wanted: Wanted) -> str:
    return f"""\
[group.failover1.resource.loopback1]    # activated first: the application may bind to it
type = "loopback"
{_line(f"ip = {draft.written(wanted.address)}", "the front end of the load balancer")}
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
zone = {draft.written(wanted.zone)}
record_set = {draft.written(wanted.record_set)}
{servers}
{_line("ttl = 60", "seconds that clients may go on with the former address")}
{_account(wanted.who, "the zone")}"""


# -- what a takeover rests on


def _forced_stop(wanted: Wanted) -> Part:
    names = "\n".join(
        f"server.{draft.quoted(name)}.vm_name = {draft.written(name)}" for name, _ in wanted.servers
    )
    text = f"""\
# Azure cuts the power of a silent server's machine before its group starts elsewhere.
# docs/howto/azure-forced-stop.md

[cluster]
{_line(f"fence_delay = {_FENCE_DELAY}", "as long as one forced stop may take")}

[fencing.forced_stop]                   # the names are Azure's, of each server's machine
type = "azure"
{names}
{_account(wanted.who, "the machines")}"""
    return _of_its_own(
        "forced_stop", text, (Kind.FENCE, "azure"), "clpcore-azurefence", "Nobody stops a server"
    )


def _witness(url: str) -> Part:
    text = f"""\
# Heartbeats over a witness as well, which also tells a server that it is cut off: httpnp1, made
# with it, asks there. As an arbiter, too, it would need [arbiter.witness1]: docs/howto/witness.md

[heartbeat.witnesshb1]
type = "witnesshb"
url = {draft.written(url)}
"""
    kind, type_ = Kind.HEARTBEAT, "witnesshb"
    return _of_its_own(
        "witness", text, (kind, type_), product.distribution(type_), "The witness is not asked"
    )


def _of_its_own(
    name: str, text: str, needed: tuple[Kind, str], distributions: str, lacking: str
) -> Part:
    return Part(
        file=f"{name}.toml",
        text=text,
        off=name,
        alone=text,
        needs=frozenset({needed}),
        lacking=lacking,
        distributions=distributions,
    )


def _account(account: Account, of: str) -> str:
    lines = [
        f"subscription_id = {draft.written(account.subscription)}",
        _line(f"resource_group = {draft.written(account.resource_group)}", f"of {of}"),
    ]
    if account.application:
        lines += [
            f"application_id = {draft.written(account.application)}",
            f"tenant_id = {draft.written(account.tenant)}",
            _line(f"certificate_file = {draft.written(account.certificate)}", "on each server"),
        ]
    else:
        lines.append(_line("managed_identity = true", "of each machine: it needs a role"))
    return "\n".join(lines) + "\n"
