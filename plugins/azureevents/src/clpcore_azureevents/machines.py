"""Which server each of Azure's machines is, and whether what is written down of that can be so."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Machines:
    """The servers by the names of their machines, in lower case, as Azure compares them.

    Attributes:
        servers: by machine.
        doubt: why no machine but this one is certainly the server that it is taken for, and the
            next step; empty: nothing speaks against it.

    """

    servers: Mapping[str, str]
    doubt: str = ""


def told(written: Mapping[str, str], me: str, machine: str, servers: tuple[str, ...]) -> Machines:
    """Give the servers by their machines.

    Args:
        written: what the file calls the machine of each server; the server's name without that.
        me: this server.
        machine: what Azure itself calls its machine; nobody knows better.
        servers: all of the cluster.

    """
    others: dict[str, str] = {}
    doubt = ""
    for name in servers:
        called = written.get(name, name)
        if name != me and (other := others.setdefault(called.lower(), name)) != name:
            doubt = f"the file takes {called} for {other} and {name}: nothing is approved here."
            doubt += f" Write what Azure calls the machine of {other} below [machines]."
    mine = {machine.lower(): me}
    return Machines(servers=others | mine, doubt=_doubt(written, me, machine, others) or doubt)


def _doubt(written: Mapping[str, str], me: str, machine: str, others: Mapping[str, str]) -> str:
    said = written.get(me, me)
    if said.lower() != machine.lower():
        return (
            f"Azure calls this machine {machine}, not {said}: nothing is approved here. Write {me}"
            f' = "{machine}" below [machines] on EVERY server, or the others wait in vain.'
        )
    if other := others.get(machine.lower()):
        return (
            f"{machine} is this machine, and the file takes it for {other} as well: nothing is"
            f" approved here. Write what Azure calls the machine of {other} below [machines]."
        )
    return ""
