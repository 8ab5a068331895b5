"""Drivers of a forecast: calls take what they were measured to take, or else their timeout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clpcore.model.actions import Activate, Deactivate, Driven, Hook, Probe
from clpcore.model.config import ClusterConfig
from clpcore.model.states import Presence
from clpcore.simulate.drivers import Drivers, Rule
from clpcore.simulate.machine import Machine

_CALLS: Final = {Probe: "probe", Activate: "activate", Deactivate: "deactivate"}
_PROBE_MS: Final = 20  # of a call that is quick by its nature


class TimedDrivers(Drivers):
    """Calls take as long as they were measured to take; what never was, takes its timeout.

    *assumed*: the timeouts that counted, in ms, by "type/call".
    """

    def __init__(self, config: ClusterConfig, took: Mapping[str, int]) -> None:
        super().__init__()
        self.took = took
        self.used: dict[str, int] = {}
        self.assumed: dict[str, int] = {}
        self.truth: Mapping[str, Machine] = {}  # by server: what is down already ends at once
        self._types = {(g.name, r.name): r.type for g in config.groups for r in g.resources}
        self._ways = {way.name: way for way in config.fencings}

    def rule(self, name: str, server: str, verb: str) -> Rule | None:
        """Give none, and note how long a forced stop takes that begins now."""
        way = self._ways.get(name)
        if way is not None and verb == "fence":
            self.times[verb] = self._time(way.type, verb, way.timeout)
        return super().rule(name, server, verb)

    def begin(self, server: str, action: Driven) -> tuple[Rule | None, int]:
        """Give how long this call takes."""
        rule, time = super().begin(server, action)
        call = _CALLS.get(type(action))
        kind = self._types.get((action.call.group, action.call.resource))
        if rule is not None or kind is None:
            return rule, time
        if call is None:
            hook = isinstance(action, Hook)
            return rule, self._time("hook", "run", action.timeout) if hook else time
        if call == "probe" or self._is_down(server, action):
            return rule, _PROBE_MS
        return rule, self._time(kind, call, action.timeout)

    def _is_down(self, server: str, action: Driven) -> bool:
        machine, key = self.truth.get(server), (action.call.group, action.call.resource)
        if machine is None or not isinstance(action, Deactivate):
            return False
        return machine.truth.get(key) is Presence.INACTIVE

    def _time(self, kind: str, call: str, timeout: int) -> int:
        key = f"{kind}/{call}"
        measured = self.took.get(key)
        if measured is not None:
            self.used[key] = measured
            return min(measured, max(1, timeout - 1))
        self.assumed[key] = timeout
        return max(1, timeout - 1)  # the call itself is still in time
