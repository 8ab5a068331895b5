"""A cluster's configuration as one value; ``clpcore.config`` makes it from files.

Every default stands here, once, with its documentation. Durations are integer milliseconds.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import attrs

from clpcore.model.alerts import Alert
from clpcore.model.fields import setting
from clpcore.model.members import COUNTING, Group, Heartbeat, Monitor, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution, OnFenceFailure, Policy
from clpcore.model.relations import ExclusionRule, ServerGroup
from clpcore.model.states import (
    FailoverPolicy,
    FinalAction,
    Platform,
    Profile,
)


@attrs.frozen(kw_only=True)
class ClusterConfig:
    """The whole configuration: servers by priority, groups and monitors in file order.

    The scalar fields are the keys of ``[cluster]``.
    """

    name: str = setting(
        "Name of the cluster, unique where witnesses are shared.", example='"Cluster1"'
    )
    platform: Platform = setting(
        "Where it runs: drivers that make no sense there are refused.",
        default=Platform.AZURE,
        example='"azure"',
    )
    profile: Profile = setting(
        "Which defaults times have that are not written: docs/howto/never-twice.md.",
        default=Profile.AZURE,
        example='"onpremises"',
    )
    heartbeat_interval: int = setting(
        "Between two heartbeats.", default=3_000, unit="ms", example="3", low=10
    )
    heartbeat_timeout: int = setting(
        "Silence on every path that makes a server count as silent.",
        default=90_000,
        unit="ms",
        example="90",
        low=30,
    )
    freeze_timeout: int = setting(
        "Silence that makes a server count as silent whose freeze was announced; nothing below "
        "heartbeat_timeout changes anything.",
        default=0,
        unit="ms",
        example="40",
        low=0,
    )
    startup_wait: int = setting(
        "How long a starting server waits for the others.",
        default=300_000,
        unit="ms",
        example="300",
        low=0,
    )
    unproven_takeover: bool = setting(
        "Take over from a silent server without proof that it stopped. THE GROUP CAN RUN TWICE "
        "when only the network failed.",
        default=False,
        example="true",
    )
    last_server_guard: bool = setting(
        "Hold a final action back when no other server is online.", default=True
    )
    reboot_limit: int = setting(
        "Machine-ending final actions allowed within the window.", default=3, low=0
    )
    reboot_window: int = setting(
        "The window of reboot_limit.", default=3_600_000, unit="ms", example="3600", low=0
    )
    hook_timeout: int = setting(
        "Deadline of a hook script; what it stands before waits for it.",
        default=60_000,
        unit="ms",
        example="60",
        low=1,
    )
    stop_budget: int = setting(
        "What an orderly stop may take once the right to run is lost.",
        default=10_000,
        unit="ms",
        example="10",
        low=1,
    )
    np_action: FinalAction = setting(
        "What a server does with itself that is cut off, as nobody answers its NP resolution; "
        "none: it only warns.",
        default=FinalAction.SHUTDOWN,
        example='"shutdown"',
    )
    on_fence_failure: OnFenceFailure = setting(
        "What follows when a forced stop could not be confirmed. failover: THE GROUP CAN RUN "
        "TWICE.",
        default=OnFenceFailure.BLOCK,
        example='"block"',
    )
    fence_delay: int = setting(
        "How long the side of less rank waits before it stops the other one by force; longer than "
        "a forced stop takes. With a lease nobody waits.",
        default=120_000,
        unit="ms",
        example="120",
        low=0,
    )
    metrics: str = setting(
        "Address and port where every server shows its metrics; empty: only on its Unix socket. "
        "WHOEVER REACHES IT CAN READ THEM.",
        default="",
        example='"127.0.0.1:29090"',
    )
    servers: tuple[Server, ...] = ()
    heartbeats: tuple[Heartbeat, ...] = ()
    nps: tuple[NpResolution, ...] = ()
    fencings: tuple[Fencing, ...] = ()
    arbiter: Arbiter | None = None
    groups: tuple[Group, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    exclusions: tuple[ExclusionRule, ...] = ()
    server_groups: tuple[ServerGroup, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @functools.cached_property
    def policy(self) -> Policy:
        """Give what a takeover rests on."""
        if self.arbiter is None:
            return Policy.COHORT
        if self.arbiter.lease == 0:
            return Policy.FENCE
        return Policy.BOTH if self.fencings else Policy.LEASE

    @functools.cached_property
    def exclusive(self) -> bool:
        """Tell whether no group can run twice, as far as this configuration is true."""
        failover = self.fencings and self.on_fence_failure is OnFenceFailure.FAILOVER
        return not (self.unproven_takeover or self.np_only or failover)

    def ways_to_stop(self, server: str) -> tuple[Fencing, ...]:
        """Give the ways to stop *server* by force, in order of their levels."""
        return self._ways_to_stop.get(server, ())

    @functools.cached_property
    def _ways_to_stop(self) -> Mapping[str, tuple[Fencing, ...]]:
        names = self.server_names
        return {name: tuple(way for way in self.fencings if way.stops(name)) for name in names}

    @functools.cached_property
    def needs_watchdog(self) -> bool:
        """Tell whether a lapsed lease is proof: then only a watchdog can vouch for it (T4)."""
        failure = self.on_fence_failure is OnFenceFailure.LEASE
        return self.policy is Policy.LEASE or (self.policy is Policy.BOTH and failure)

    @functools.cached_property
    def np_by_name(self) -> Mapping[str, NpResolution]:
        """Give the ways of NP resolution by name."""
        return {each.name: each for each in self.nps}

    @functools.cached_property
    def np_only(self) -> bool:
        """Tell whether an answer of NP resolution is all that a takeover can rest on."""
        return bool(self.nps) and not self.fencings and self.arbiter is None

    @functools.cached_property
    def longest_silence(self) -> int:
        """Give after how much silence every server counts as silent, in ms: frozen or not."""
        return max(self.heartbeat_timeout, self.freeze_timeout)

    @functools.cached_property
    def endured_freeze(self) -> int:
        """Give the longest announced freeze, in ms, before which no group need move away.

        A quarter of the timeout is left for heartbeats that are lost, and for a freeze that takes
        longer than announced. Whoever wakes up when its lease is about to lapse stops its groups.
        """
        endured, arbiter = self.longest_silence * 3 // 4, self.arbiter
        if arbiter is None or arbiter.lease == 0:
            return endured
        return min(endured, arbiter.endured_freeze(self.stop_budget))

    @functools.cached_property
    def np_wait(self) -> int:
        """Give how long, after silence, the other side may take to find out and to stop, in ms.

        It asks from the second lost heartbeat on, and stops when its timeout is over: a longer one
        where it expects a freeze of whom it does not hear.
        """
        asking = 2 * self.heartbeat_interval + max((each.time for each in self.nps), default=0)
        late = max(asking, self.longest_silence) - self.heartbeat_timeout
        return late + self.heartbeat_interval + self.stop_budget

    @functools.cached_property
    def server_by_name(self) -> Mapping[str, Server]:
        """Give the servers by name."""
        return {server.name: server for server in self.servers}

    @functools.cached_property
    def group_by_name(self) -> Mapping[str, Group]:
        """Give the groups by name."""
        return {group.name: group for group in self.groups}

    @functools.cached_property
    def monitor_by_name(self) -> Mapping[str, Monitor]:
        """Give the monitors by name."""
        return {monitor.name: monitor for monitor in self.monitors}

    @functools.cached_property
    def server_names(self) -> tuple[str, ...]:
        """Give the servers' names, best priority first."""
        return tuple(server.name for server in self.servers)

    @functools.cached_property
    def place_of_server(self) -> Mapping[str, int]:
        """Give where in the order of priority each server stands."""
        return {server.name: place for place, server in enumerate(self.servers)}

    @functools.cached_property
    def place_of_group(self) -> Mapping[str, int]:
        """Give where in the file order each group stands."""
        return {group.name: place for place, group in enumerate(self.groups)}

    @functools.cached_property
    def monitors_of(self) -> Mapping[str, tuple[Monitor, ...]]:
        """Give each group's monitors, in file order."""
        found: dict[str, list[Monitor]] = {group.name: [] for group in self.groups}
        for monitor in self.monitors:
            if monitor.group in found:
                found[monitor.group].append(monitor)
        return {name: tuple(monitors) for name, monitors in found.items()}

    def metrics_of(self, server: str) -> str:
        """Give address and port where *server* shows its metrics, empty for nowhere."""
        here = self.server_by_name.get(server)
        return (here.metrics if here else "") or self.metrics

    @functools.cached_property
    def server_monitors(self) -> tuple[Monitor, ...]:
        """Give the monitors without a target: they watch the server that they look on."""
        return tuple(monitor for monitor in self.monitors if not monitor.target)

    @functools.cached_property
    def critical_monitors(self) -> tuple[Monitor, ...]:
        """Give the monitors whose error says that their server is ill."""
        return tuple(monitor for monitor in self.monitors if monitor.critical)

    @functools.cached_property
    def counted_by(self) -> Mapping[str, tuple[str, ...]]:
        """Give, by monitor, the monitors that count its errors."""
        found: dict[str, tuple[str, ...]] = {}
        for monitor in self.monitors:
            for name in monitor.settings.get("monitors", ()) if monitor.type == COUNTING else ():
                found[name] = (*found.get(name, ()), monitor.name)
        return found

    @functools.cached_property
    def apart_from(self) -> Mapping[str, tuple[tuple[ExclusionRule, str], ...]]:
        """Give, by group, the others that a rule keeps it apart from."""
        found: dict[str, list[tuple[ExclusionRule, str]]] = {}
        for rule in self.exclusions:
            for name in rule.groups:
                found.setdefault(name, []).extend((rule, o) for o in rule.groups if o != name)
        return {name: tuple(pairs) for name, pairs in found.items()}

    @functools.cached_property
    def concerns(self) -> Mapping[str, tuple[str, ...]]:
        """Give, by group, the others whose next step can depend on how it is.

        Under "" are those that heed how the servers themselves are.
        """
        found: dict[str, dict[str, None]] = {}
        dynamic = FailoverPolicy.DYNAMIC
        if self.critical_monitors:
            found[""] = {g.name: None for g in self.groups if g.failover_policy is dynamic}
        for name, pairs in self.apart_from.items():
            found.setdefault(name, {}).update((other, None) for _, other in pairs)
        for group in self.groups:
            for name in (*group.start_after, *group.stop_after):
                found.setdefault(name, {})[group.name] = None
        return {name: tuple(others) for name, others in found.items()}

    @functools.cached_property
    def server_group_by_name(self) -> Mapping[str, ServerGroup]:
        """Give the server groups by name."""
        return {group.name: group for group in self.server_groups}

    def server_group_of(self, group: Group, server: str) -> str:
        """Give in which of the server groups of *group* a server is; "" in none."""
        by_name = self.server_group_by_name
        return next((n for n in group.server_groups if server in by_name[n].servers), "")

    @functools.cached_property
    def homes(self) -> Mapping[str, tuple[str, ...]]:
        """Give the servers that may run each group, best first."""
        return {g.name: self._homes_of(g) for g in self.groups}

    def _homes_of(self, group: Group) -> tuple[str, ...]:
        if group.startup_servers or not group.server_groups:
            return group.startup_servers or self.server_names
        members = (self.server_group_by_name[name].servers for name in group.server_groups)
        return tuple(dict.fromkeys(name for servers in members for name in servers))
