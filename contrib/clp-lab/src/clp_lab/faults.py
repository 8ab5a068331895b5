"""The verbs of `clp lab fault`: what can be done to a server, and to the way between two places."""

import os
import signal
import time
from collections.abc import Callable

import attrs

from clp_lab.channel import Message
from clp_lab.cluster import Cluster
from clp_lab.errors import LabError
from clp_lab.outlets import Outlets
from clp_lab.place import Place, Power
from clp_lab.plan import BALANCER, CLIENT
from clp_lab.ways import GOOD

EVERYBODY = "all"
_LONGEST_BURN_S = 600.0
_MOST_BURNERS = 64


class Faults:
    """One method per verb; each gives the monotonic nanosecond at which it took effect."""

    def __init__(self, cluster: Cluster, outlets: Outlets) -> None:
        self._cluster, self._outlets = cluster, outlets
        self._on_machines: dict[str, Callable[[Place], int]] = {
            "kill": self._kill,
            "start": self._start,
            "stop": self._stop,
            "pause": self._pause,
            "resume": self._resume,
            "agent-kill": self._agent_kill,
            "agent-stop": self._agent_stop,
            "agent-start": self._agent_start,
        }

    def do(self, request: Message) -> int:
        """Carry out one request; LabError says what is wrong with it."""
        verb = str(request["verb"])
        if verb in self._on_machines:
            return self._on_machines[verb](self._cluster.machine(request["server"]))
        match verb:
            case "power":
                return self._outlets.set_mood(request["mood"], int(request["delay_ms"]))
            case "burn":
                return self._burn(request)
            case "unplug" | "plug":
                return self._cable(request["server"], plugged=verb == "plug")
            case "shape":
                return self._shape(request)
            case "heal":
                return self._heal(request)
        raise LabError(f"no fault {verb!r}: see 'clp lab fault --help'")

    def _kill(self, place: Place) -> int:
        at = place.kill()
        self._cluster.wait_end(place)
        return at

    def _start(self, place: Place) -> int:
        if place.power is not Power.OFF:
            raise LabError(f"{place.name} is {place.power.value} already")
        self._outlets.stays_off(place)
        self._cluster.boot(place)
        return place.since

    def _stop(self, place: Place) -> int:
        """Begin an orderly shutdown; the keeper sees its end."""
        place.must_be_up()
        at = time.monotonic_ns()
        os.kill(place.pid, signal.SIGTERM)
        return at

    def _pause(self, place: Place) -> int:
        place.pause()
        return place.since

    def _resume(self, place: Place) -> int:
        place.resume()
        return place.since

    def _agent_kill(self, place: Place) -> int:
        return self._tell_agent(place, "kill")

    def _agent_stop(self, place: Place) -> int:
        return self._tell_agent(place, "stop")

    def _agent_start(self, place: Place) -> int:
        return self._tell_agent(place, "start")

    def _tell_agent(self, place: Place, verb: str) -> int:
        channel = place.must_be_up()
        if place.agent_pid is None and verb != "start":
            raise LabError(f"no agent runs on {place.name} ({place.agent.value})")
        if place.agent_pid is not None and verb == "start":
            raise LabError(f"the agent of {place.name} runs already (pid {place.agent_pid} there)")
        at = time.monotonic_ns()
        channel.send({"agent": verb})
        return at

    def _burn(self, request: Message) -> int:
        place = self._cluster.server(request["server"])
        seconds, processes = float(request["seconds"]), int(request["processes"])
        if not (0 < seconds <= _LONGEST_BURN_S and 1 <= processes <= _MOST_BURNERS):
            raise LabError(
                f"burn takes up to {_LONGEST_BURN_S:.0f} s and 1 to {_MOST_BURNERS} processes, "
                f"not {seconds:g} s and {processes}"
            )
        place.must_be_up().send({"burn": seconds, "processes": processes})
        return time.monotonic_ns()

    def _cable(self, name: str, *, plugged: bool) -> int:
        place = self._cluster.machine(name)
        at = time.monotonic_ns()
        self._cluster.network.set_cable(name, place.life.slot, plugged=plugged)
        return at

    def _shape(self, request: Message) -> int:
        faults, at = request["faults"], time.monotonic_ns()
        for pair in self._pairs(request):
            self._cluster.network.change(pair, lambda way: attrs.evolve(way, **faults))
        return at

    def _heal(self, request: Message) -> int:
        """Make ways good again: those of the request, or all of them."""
        changed, at = list(self._cluster.network.ways), time.monotonic_ns()
        if request["a"] is not None:
            changed = self._pairs(request)
        for pair in changed:
            self._cluster.network.change(pair, lambda _way: GOOD)
        return at

    def _pairs(self, request: Message) -> list[tuple[str, str]]:
        a, b = request["a"], request["b"] or EVERYBODY
        sources, targets = self._named(a), self._named(b)
        there = [(source, target) for source in sources for target in targets if source != target]
        if not there:
            raise LabError(f"{a} and {b} are one place: name two")
        if {a, b} == {CLIENT, BALANCER}:
            raise LabError(
                "the load balancer is not on the way between client and server, it only probes: "
                "name the client and a server"
            )
        back = [] if request["one_way"] else [(target, source) for source, target in there]
        return there + [pair for pair in back if pair not in there]

    def _named(self, name: str) -> list[str]:
        if name == EVERYBODY:
            return list(self._cluster.places)
        return [self._cluster.place(name).name]
