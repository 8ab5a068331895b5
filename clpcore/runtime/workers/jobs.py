"""What an action asks of which plugin, by the configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from clpcore import api
from clpcore.model.actions import (
    Activate,
    Arbitrate,
    AskNp,
    CanFence,
    Deactivate,
    Driven,
    Fence,
    Hook,
    Observe,
    Probe,
    Rest,
)
from clpcore.model.arbitration import Renew
from clpcore.model.config import ClusterConfig
from clpcore.runtime import clock
from clpcore.runtime.workers.exchange import Ask, Do

OwnerOf: TypeAlias = Callable[[api.Kind, str], str | None]

DO: Final[dict[type[Driven], Do]] = {
    Probe: Do.PROBE,
    Activate: Do.ACTIVATE,
    Deactivate: Do.DEACTIVATE,
    Observe: Do.OBSERVE,
    Rest: Do.REST,
    Hook: Do.HOOK,
    AskNp: Do.ASK,
    CanFence: Do.CAN_FENCE,
    Fence: Do.FENCE,
    Arbitrate: Do.ARBITRATE,
}
_RENEWALS: Final = "renewals"


class NoSuch(Exception):
    """What the call is about is not there; says what."""


@attrs.frozen(kw_only=True)
class Job:
    """A call to make, and who drives it.

    *lane*: calls of one lane share workers, so that nothing slow or stuck in another lane delays
    them. *probe_timeout*: how long a probe of its resource may take.
    """

    ask: Ask
    plugin: str
    lane: str = ""
    probe_timeout: int = 0


@attrs.frozen
class _Target:
    """What is called: its type, and its settings for this call."""

    type: str
    settings: Mapping[str, Any]


def job(ident: int, action: Driven, config: ClusterConfig, owner_of: OwnerOf) -> Job:
    """Make the job of an action.

    Raises:
        NoSuch: the configuration does not have it, or no plugin drives its type.

    """
    do, call = DO[type(action)], action.call
    kind = _kind(do, call)
    target = _target(kind, call, config)
    plugin = owner_of(kind, target.type)
    if plugin is None:
        raise NoSuch(f"no plugin on this server drives {kind.value} type {target.type}")
    homes = config.homes.get(call.group, ())
    ask = Ask(
        id=ident,
        do=do,
        type=target.type,
        call=attrs.evolve(
            call,
            deadline=clock.now() + action.timeout,
            priority=homes.index(call.server) + 1 if call.server in homes else 0,
        ),
        settings=json.dumps(target.settings),
        at=action.at if isinstance(action, Hook) else None,
        question=action.ask if isinstance(action, Arbitrate) else None,
    )
    group = config.group_by_name.get(call.group)
    resource = group.by_name.get(call.resource) if group else None
    timeout = resource.probe_timeout if resource else 0
    return Job(ask=ask, plugin=plugin, lane=_lane(kind, ask), probe_timeout=timeout)


def type_of(action: Driven, config: ClusterConfig) -> str:
    """Give the type of what an action is about; empty when the configuration does not have it."""
    found = _find(_kind(DO[type(action)], action.call), action.call, config)
    return found.type if found else ""


def _kind(do: Do, call: api.Call) -> api.Kind:
    """Give whose call it is; a hook is its monitor's, or else its resource's."""
    return api.Kind.MONITOR if call.monitor else do.kind


def _lane(kind: api.Kind, ask: Ask) -> str:
    if isinstance(ask.question, Renew):
        return _RENEWALS  # a lease does not wait for 512 claims, nor for a claim that is stuck
    return "" if kind in {api.Kind.RESOURCE, api.Kind.MONITOR} else kind.value


def _target(kind: api.Kind, call: api.Call, config: ClusterConfig) -> _Target:
    found = _find(kind, call, config)
    if found is None:
        about = f"{_TABLES.get(kind, kind.value)} {call.entry or call.monitor or call.resource}"
        raise NoSuch(f"the configuration has no {about}")
    return found


def _find(kind: api.Kind, call: api.Call, config: ClusterConfig) -> _Target | None:
    match kind:
        case api.Kind.PARTITION:
            np = config.np_by_name.get(call.entry)
            return _Target(np.type, np.settings_for(call.server)) if np else None
        case api.Kind.FENCE:
            fencing = next((each for each in config.fencings if each.name == call.entry), None)
            return _Target(fencing.type, fencing.settings_for(call.victim)) if fencing else None
        case api.Kind.ARBITER:
            arbiter = config.arbiter
            if arbiter is None or arbiter.name != call.entry:
                return None
            return _Target(arbiter.type, arbiter.settings_for(call.server))
        case api.Kind.MONITOR:
            monitor = config.monitor_by_name.get(call.monitor)
            return _Target(monitor.type, monitor.settings_for(call.server)) if monitor else None
    group = config.group_by_name.get(call.group)
    resource = group.by_name.get(call.resource) if group else None
    return _Target(resource.type, resource.settings_for(call.server)) if resource else None


_TABLES: Final = {api.Kind.PARTITION: "NP resolution", api.Kind.FENCE: "forced stop"}
