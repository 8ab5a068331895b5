"""What somebody wants of a new cluster, and what is wrong with an answer."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore.config.reading import NAME

_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Shape(enum.Enum):
    """How clients find the server where the group is active."""

    PUBLIC_LB = "public-lb"
    INTERNAL_LB = "internal-lb"
    INTERNAL_LB_DSR = "internal-lb-dsr"
    DNS = "dns"
    ON_PREMISES = "on-premises"

    @property
    def is_probed(self) -> bool:
        """Tell whether a load balancer probes a port."""
        return self in {Shape.PUBLIC_LB, Shape.INTERNAL_LB, Shape.INTERNAL_LB_DSR}

    @property
    def has_address(self) -> bool:
        """Tell whether the active server gets an address from the cluster."""
        return self in {Shape.INTERNAL_LB_DSR, Shape.ON_PREMISES}

    @property
    def is_azure(self) -> bool:
        """Tell whether its servers are machines of Azure."""
        return self is not Shape.ON_PREMISES


Server = tuple[str, str]  # name and address


@attrs.frozen(kw_only=True)
class Account:
    """Who asks Azure, and where: the machines' own identity, unless there is an *application*.

    *certificate* is a path on the servers.
    """

    subscription: str
    resource_group: str
    application: str = ""
    tenant: str = ""
    certificate: str = ""


@attrs.frozen(kw_only=True)
class Wanted:
    """The answers: *servers* are names and addresses, the preferred one first.

    *port* is what a load balancer probes; *address* the floating one on premises, the balancer's
    front end with direct server return. *forced_stop* needs an account, as the zone does.
    """

    name: str
    servers: tuple[Server, ...]
    shape: Shape
    port: int = 26_001
    address: str = ""
    zone: str = ""
    record_set: str = ""
    account: Account | None = None
    forced_stop: bool = False
    witness: str = ""

    @property
    def who(self) -> Account:
        """Give the account.

        Raises:
            ValueError: there is none, and nothing of this cluster may ask Azure.

        """
        if self.account is None:
            raise ValueError(f"{self.name} asks Azure for something, and has no account")
        return self.account


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


def wrong_id(text: str) -> str:
    """Give what is wrong with the id of a subscription or application."""
    if _ID.fullmatch(text):
        return ""
    return f"{text!r} is no id, such as 22222222-2222-2222-2222-222222222222"


def _wrong_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"{text!r} is no IP address, such as 10.5.0.110"
    return ""
