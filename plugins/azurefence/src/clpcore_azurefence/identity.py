"""Whether a virtual machine is the server that is meant: a wrong name must kill no stranger. Pure.

Azure knows names of machines, and the cluster names of servers; what ties them is what the machine
calls itself, or a tag that its owner has put on it.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from clpcore_lib_azure.metadata import Own

TAG: Final = "clpcore-server"  # its value is the server's name in the cluster


@attrs.frozen(kw_only=True)
class Machine:
    """A virtual machine as the resource manager tells it.

    Attributes:
        name, resource_group: as the configuration has them.
        vm_id: Azure's number of it: another one after it was deleted and made anew.
        computer_name: as it calls itself, which Azure has from the agent in it; empty: not known.
        made_as: how it was to call itself when it was made; empty: it was made from a disk.
        tag: the value of the tag ``clpcore-server``; empty: it has none.
        power: the last word of PowerState/...; empty: Azure did not say.

    """

    name: str
    resource_group: str
    vm_id: str
    computer_name: str = ""
    made_as: str = ""
    tag: str = ""
    power: str = ""

    def __str__(self) -> str:
        """Give it as sentences name it."""
        return f"VM {self.name} in {self.resource_group}"


class Kin(enum.Enum):
    """What a machine is to the server that is meant."""

    SAME = "same"
    STRANGER = "stranger"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Meant:
    """Which machine is meant.

    Attributes:
        server: its name in the cluster.
        subscription_id: where the configuration says that it is.
        own: who asks; None: not known, this is no machine of Azure's or it does not say.
        known_as: the vm_id that was found to be it before; empty: none.
        awaited: its end is waited for: only the machine that was known before can have come to it.

    """

    server: str
    subscription_id: str
    own: Own | None = None
    known_as: str = ""
    awaited: bool = False

    def is_new(self, found: Machine) -> bool:
        """Tell whether *found* is another machine than the one that had the name before."""
        return bool(self.known_as) and self.known_as.lower() != found.vm_id.lower()


def tell(meant: Meant, found: Machine) -> tuple[Kin, str]:
    """Say whether *found* is the server that is meant, and if not, why and the next step."""
    kin, why = _by_its_word(meant, found)
    if kin is not Kin.SAME or not (meant.awaited and meant.is_new(found)):
        return kin, why
    # Names and tags are copied with a machine; that the one before is off, this one cannot prove.
    why = f"{found} is not the machine that was {meant.server} before: vmId {_brief(found.vm_id)},"
    why += f" not {_brief(meant.known_as)}. Is that one off or deleted: `clp server confirm-down"
    return Kin.STRANGER, f"{why} {meant.server}`. To take this one for it, restart the agent here"


def _by_its_word(meant: Meant, found: Machine) -> tuple[Kin, str]:
    """Say it by what the machine calls itself, its tag and its place."""
    own = meant.own
    if own is not None and own.vm_id.lower() == found.vm_id.lower():
        return Kin.STRANGER, f"{found} is this server itself, not {meant.server}. {_name(meant)}"
    if found.tag:
        if _same(found.tag, meant.server):
            return Kin.SAME, ""
        why = f"{found} has the tag {TAG} = {found.tag}, and is not {meant.server}. {_name(meant)}"
        return Kin.STRANGER, why
    if meant.known_as and not meant.is_new(found):
        return Kin.SAME, ""
    if own is not None and own.place != (
        meant.subscription_id.lower(),
        found.resource_group.lower(),
    ):
        why = f"{found} is not where this server is: subscription {own.subscription_id}, resource"
        why += f" group {own.resource_group}. Correct them, or {_tag(meant)}"
        return Kin.STRANGER, why
    name = found.computer_name or found.made_as
    if not name:
        why = f"{found} does not say what it calls itself, and may not be {meant.server}:"
        return Kin.UNKNOWN, f"{why} {_tag(meant)}"
    if _same(name, meant.server):
        return Kin.SAME, ""
    why = f"{found} calls itself {name}, and not {meant.server}. {_name(meant)}"
    return Kin.STRANGER, f"{why}, or {_tag(meant)}"


def lasts(server: str, found: Machine) -> bool:
    """Tell whether *found* is known as *server* also when it hangs, and its agent says nothing."""
    return bool(found.tag) or _same(found.made_as, server)


def _same(one: str, other: str) -> bool:
    """Compare names of machines: the first label, in any case."""
    return one.lower().partition(".")[0] == other.lower().partition(".")[0]


def _brief(vm_id: str) -> str:
    return f"{vm_id[:8]}..." if vm_id else "unknown"


def _name(meant: Meant) -> str:
    return f"Correct server.{meant.server}.vm_name"


def _tag(meant: Meant) -> str:
    return f"give the right VM the tag {TAG} = {meant.server}"
