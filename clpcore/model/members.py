"""The members of a cluster: servers, their heartbeat paths, groups, resources and monitors.

Every default stands here, once, with its documentation. Durations are integer milliseconds.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import attrs

from clpcore.model.driven import Driven
from clpcore.model.fields import setting
from clpcore.model.hooks import HookPoint
from clpcore.model.states import Automatic, FailoverPolicy, FinalAction, Timing

# Words for recovery_target beside the names of groups and resources; no name has a blank.
ALL_GROUPS = "all groups"  # every group that the server runs
LOCAL_SERVER = "local server"  # the server itself: nothing but the final action
COUNTING = "mtw"  # the type of monitor that the core answers itself: it counts others' errors


@attrs.frozen(kw_only=True)
class Server:
    """A member machine: ``[server.NAME]``."""

    name: str
    priority: int = setting("Order of preference as a home, 1 is the first.", example="1", low=1)
    interconnect: tuple[str, ...] = setting(
        "Addresses for heartbeats and orders, the same order on every server.",
        example='["10.5.0.110"]',
    )
    zone: str = setting("Availability zone, for display.", default="", example='"1"')
    metrics: str = setting(
        "Where this server shows its metrics, if not where [cluster] says.",
        default="",
        example='"10.5.0.110:29090"',
    )


@attrs.frozen(kw_only=True)
class Heartbeat:
    """A heartbeat path: ``[heartbeat.NAME]``; without a ``lanhb``, each interconnect gets one."""

    name: str
    type: str
    settings: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Resource(Driven):
    """A thing that a group activates: ``[group.GROUP.resource.NAME]``.

    ``depends_on`` is always explicit here: ``config`` has already turned the default dependencies
    by type into names. *lingers*: for how many ms clients may go on with its former server.
    """

    group: str
    lingers: int = 0
    depends_on: tuple[str, ...] = setting(
        "Resources of the same group that are activated before this one; absent: by type.",
        default=(),
        example='["exec1"]',
    )
    activation_retry: int = setting("Tries again after a failed activation.", default=0, low=0)
    activation_failover: int = setting(
        "Failovers of the group after the tries, per server.", default=1, low=0
    )
    activation_final_action: FinalAction = setting(
        "What is done when the failovers are used up.", default=FinalAction.NONE, example='"none"'
    )
    deactivation_retry: int = setting("Tries again after a failed deactivation.", default=0, low=0)
    deactivation_final_action: FinalAction = setting(
        "What is done when a deactivation failed or stalled: the group must not run twice.",
        default=FinalAction.SHUTDOWN,
        example='"shutdown"',
    )
    activate_timeout: int = setting(
        "Deadline of an activation.", default=1_800_000, unit="ms", example="1800", low=1
    )
    deactivate_timeout: int = setting(
        "Deadline of a deactivation.", default=1_800_000, unit="ms", example="1800", low=1
    )
    probe_timeout: int = setting(
        "Deadline of a probe.", default=10_000, unit="ms", example="10", low=1
    )
    hooks: tuple[HookPoint, ...] = ()


@attrs.frozen(kw_only=True)
class Group:
    """The unit of failover: ``[group.NAME]``."""

    name: str
    startup_servers: tuple[str, ...] = setting(
        "Servers that may run the group, best first; empty: all by server priority.",
        default=(),
        example='["node1", "node2"]',
    )
    startup: Automatic = setting("Start with the cluster.", default=Automatic.AUTO)
    failover: Automatic = setting("Fail over when its server is silent.", default=Automatic.AUTO)
    failback: Automatic = setting(
        "Move back when a better server is online again.", default=Automatic.MANUAL
    )
    failover_policy: FailoverPolicy = setting(
        "order: the first of its servers that can. dynamic: a server whose critical monitors see "
        "an error comes last, and is never moved to.",
        default=FailoverPolicy.ORDER,
    )
    server_groups: tuple[str, ...] = setting(
        "Server groups that may run it, best first: it fails over within one while it can.",
        default=(),
        example='["zone1", "zone2"]',
    )
    manual_between_server_groups: bool = setting(
        "Only an operator brings it from one of its server groups to another.", default=False
    )
    start_after: tuple[str, ...] = setting(
        "Groups that must be online before this one starts.", default=(), example='["failover1"]'
    )
    start_after_same_server: bool = setting(
        "Wait only for those that are, or can still come, where this one starts.", default=False
    )
    start_wait: int = setting(
        "How long it waits for them; then it is not started.",
        default=1_800_000,
        unit="ms",
        example="1800",
        low=1,
    )
    stop_after: tuple[str, ...] = setting(
        "Groups that must be offline before this one stops.", default=(), example='["failover2"]'
    )
    stop_after_at_cluster_stop: bool = setting("Wait when the cluster stops.", default=True)
    stop_after_at_server_stop: bool = setting("Wait when its server stops.", default=False)
    stop_after_at_group_stop: bool = setting("Wait when it alone is stopped.", default=False)
    stop_wait: int = setting(
        "How long it waits for them; then it stops all the same.",
        default=1_800_000,
        unit="ms",
        example="1800",
        low=1,
    )
    resources: tuple[Resource, ...] = ()

    @functools.cached_property
    def by_name(self) -> Mapping[str, Resource]:
        """Give the resources by name."""
        return {resource.name: resource for resource in self.resources}

    @functools.cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """Give, by resource, what must be inactive before it is deactivated."""
        needs = {resource.name: resource.depends_on for resource in self.resources}
        return {name: tuple(n for n, wants in needs.items() if name in wants) for name in needs}


@attrs.frozen(kw_only=True)
class Monitor(Driven):
    """A configured watcher: ``[monitor.NAME]``, or made with its resource.

    Without a target it watches the server that it looks on. *keeps*: its type keeps something
    running between its looks, and must be told when they end.
    """

    group: str = setting("The group of the target.", default="")
    target: str = setting("The resource that it watches.", default="", example='"lbpp1"')
    timing: Timing = setting("Look always, or while the target is active.", default=Timing.ALWAYS)
    interval: int = setting("Between two looks.", default=60_000, unit="ms", example="60", low=10)
    timeout: int = setting("Deadline of one look.", default=60_000, unit="ms", example="60", low=1)
    retry: int = setting("Errors in a row that are forgiven.", default=0, low=0)
    start_delay: int = setting("Wait before the first look.", default=0, unit="ms", low=0)
    servers: tuple[str, ...] = setting("Servers that look; empty: all.", default=())
    recovery_target: str = setting(
        'What is recovered: a resource, a group, "all groups" of the server, or "local server": '
        "the final action only. Absent: the target, without one the server.",
        default="",
        example='"lbpp1"',
    )
    critical: bool = setting(
        "Its error keeps groups with the failover policy dynamic away from the server; absent: "
        "when it has no target.",
        default=False,
    )
    max_reactivations: int = setting("Reactivations before failing over.", default=3, low=0)
    max_failovers: int = setting("Failovers before the final action.", default=1, low=0)
    final_action: FinalAction = setting("The last rung.", default=FinalAction.NONE)
    reset_after: int = setting(
        "How long the monitor must be normal before its counters are forgotten, but at least one "
        "interval.",
        default=0,
        unit="ms",
        low=0,
    )
    keeps: bool = False
    hooks: tuple[HookPoint, ...] = ()

    def looks_on(self, server: str) -> bool:
        """Tell whether *server* is one of those that look."""
        return not self.servers or server in self.servers
