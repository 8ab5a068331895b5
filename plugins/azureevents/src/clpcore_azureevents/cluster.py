"""The part of the agent's status document that scheduled events have to do with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

_PROOFS: Final = ("clean leave", "new boot", "forced stop", "lease lapsed", "operator's word")


@attrs.frozen(kw_only=True)
class Server:
    """One server as this server's agent sees it.

    Attributes:
        name: in the configuration.
        state: ``Online``, ``Offline``, ``Unknown`` when it is silent, and others on the way.
        drained: it is to run no groups.
        freeze: ``announcing`` until the others can know of it, then ``expected``.
        stopped: it is proven to run nothing.
        groups: what it runs, or may be running.

    """

    name: str
    state: str
    drained: bool = False
    freeze: str | None = None
    stopped: bool = False
    groups: tuple[str, ...] = ()

    @property
    def online(self) -> bool:
        """Tell whether it can run groups."""
        return self.state == "Online"

    @property
    def silent(self) -> bool:
        """Tell whether nobody hears it."""
        return self.state == "Unknown"

    @property
    def gone(self) -> bool:
        """Tell whether it certainly runs nothing, as its life has ended or it has left."""
        return not self.groups and (self.state == "Offline" or (self.silent and self.stopped))

    @property
    def empty(self) -> bool:
        """Tell whether it runs nothing and is given nothing."""
        return self.online and self.drained and not self.groups


@attrs.frozen(kw_only=True)
class Cluster:
    """The cluster: *servers* in the order of their priority, *endured* the longest freeze in ms."""

    me: str
    servers: tuple[Server, ...]
    endured: int
    leader: str = ""
    suspended: bool = False

    def server(self, name: str) -> Server:
        """Give a server by its name."""
        return next(each for each in self.servers if each.name == name)

    @property
    def myself(self) -> Server:
        """Give the server that the service runs on."""
        return self.server(self.me)


class Unreadable(ValueError):
    """The agent's answer has another shape."""


def cluster(status: Mapping[str, Any]) -> Cluster:
    """Read the status document.

    Raises:
        Unreadable: it lacks something; agent and service may be of different versions.

    """
    try:
        found = Cluster(
            me=status["server"],
            servers=tuple(_server(each, status["groups"]) for each in status["servers"]),
            endured=status["endured_freeze_ms"],
            leader=status["leader"] or "",
            suspended=status["suspended"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"the status document of the agent has no {error}") from error
    if not any(each.name == found.me for each in found.servers):
        raise Unreadable(f"{found.me} is no server of its own cluster any more")
    return found


def _server(one: Mapping[str, Any], groups: list[Mapping[str, Any]]) -> Server:
    name = one["name"]
    return Server(
        name=name,
        state=one["state"],
        drained=one["drained"],
        freeze=one["freeze"],
        stopped=one["evidence"] in _PROOFS,
        groups=tuple(group["name"] for group in groups if _may_run(group, name)),
    )


def _may_run(group: Mapping[str, Any], server: str) -> bool:
    here = group["servers"].get(server)
    return group["server"] == server or (here is not None and here["epoch"] != 0)
