"""Scenarios: a script of what befalls a cluster, and all that its servers say to it.

A scenario is plain text. ``#`` begins a comment; a line that begins with ``>`` is something that
happens; what follows it is what the servers said, and is recorded. The words are the methods of
``Scenario`` whose names begin with ``do_``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import attrs

from clpcore import decide, messages
from clpcore.model.actions import Answer
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Leave
from clpcore.model.reasons import Because
from clpcore.model.requests import ServerConfirmDown
from clpcore.simulate import aftermath
from clpcore.simulate.cluster import Cluster
from clpcore.simulate.drivers import Rule
from clpcore.simulate.example import (
    altered,
    arbitrated,
    counting,
    example,
    fenced,
    resolved,
    ruled,
    watched,
    zoned,
)
from clpcore.simulate.words import spoken

_UNITS = {"ms": 1, "s": 1_000, "min": 60_000}


class Scenario:
    """One play: a configuration, then a cluster, and the lines that it has spoken."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet  # what the servers say is not written down
        self.config: ClusterConfig = example()
        self.seed = 0
        self.lines: list[str] = []

    @functools.cached_property
    def cluster(self) -> Cluster:
        """Give the cluster; the configuration is fixed from now on."""
        watch = None if self.quiet else self._hear
        cluster = Cluster(self.config, seed=self.seed, watch=watch)
        cluster.history.exclusive = self.config.exclusive
        return cluster

    def do(self, line: str) -> None:
        """Let one thing happen.

        Raises:
            ValueError: no such word, or wrong words after it.
            Violated: a step broke an invariant.

        """
        first, *words = line.split()
        if first.endswith("$"):
            server = first.removesuffix("$")
            self.cluster.ask(server, spoken(server, line.removeprefix(first)))
            return
        happen = getattr(self, f"do_{first.replace('-', '_')}", None)
        if happen is None:
            raise ValueError(f"nothing is called {first}: {line}")
        happen(*words)

    def _hear(self, now: int, server: str, what: object) -> None:
        match what:
            case Because():
                text = f"{what.key:<6} {messages.render(what)}"
            case Answer():
                end = "done" if what.ok else "refused"
                text = " ".join([f"answer {end}.", *map(messages.render, what.because)])
            case str():
                text = f"{server} {what}."
            case _:
                return
        self.lines.append(f"{now / 1_000:10.3f}  {server:<6} {text}")

    # -- the configuration

    def do_cluster(self, servers: str, groups: str = "1") -> None:
        """``cluster 3 2``: three servers, two groups."""
        self.config = example(int(servers), int(groups))

    def do_set(self, path: str, *value: str) -> None:
        """``set unproven_takeover true``, ``set exec1.activation_retry 2``."""
        self.config = altered(self.config, path, " ".join(value))

    def do_rule(self, name: str, rule: str, groups: str) -> None:
        """``rule apart absolute failover1,failover2``: an exclusion rule."""
        self.config = ruled(self.config, name, rule, groups)

    def do_zone(self, name: str, servers: str) -> None:
        """``zone east node1,node2``: a server group."""
        self.config = zoned(self.config, name, servers)

    def do_np(self, name: str, kind: str = "pingnp") -> None:
        """``np np1``: NP resolution; the path to it is cut with ``cut node1 np1``."""
        self.config = resolved(self.config, name, kind)

    def do_fencing(self, name: str) -> None:
        """``fencing power1``: forced stop of every server."""
        self.config = fenced(self.config, name)

    def do_arbiter(self, name: str, lease: str = "10000") -> None:
        """``arbiter witness1 10000``: an arbiter with that lease; 0: without one."""
        self.config = arbitrated(self.config, name, int(lease))

    def do_watcher(self, name: str, *recovery_target: str) -> None:
        """``watcher ipw1 local server``: a monitor of the server itself; or ``all groups``."""
        self.config = watched(self.config, name, " ".join(recovery_target))

    def do_counter(self, name: str, monitors: str, threshold: str = "0") -> None:
        """``counter mtw1 ipw1,ipw2 2``: a monitor that counts the errors of others."""
        self.config = counting(self.config, name, monitors, int(threshold))

    def do_seed(self, number: str) -> None:
        """``seed 7``: the dice of the network."""
        self.seed = int(number)

    def do_exclusive(self) -> None:
        """``exclusive``: no group may run twice, although the configuration allows for it."""
        self.cluster.history.exclusive = True

    def do_take_out(self, server: str) -> None:
        """``take-out node3``: of the configuration; the agents learn it when they start again."""
        servers = tuple(each for each in self.config.servers if each.name != server)
        self.config = self.cluster.config = attrs.evolve(self.config, servers=servers)

    # -- time

    def do_run(self, number: str, unit: str) -> None:
        """``run 500 ms``, ``run 5 s``, ``run 2 min``."""
        self.cluster.run(int(number) * _UNITS[unit])

    # -- servers

    def do_boot(self, *servers: str) -> None:
        """``boot node1 node2``: switch on."""
        for server in servers:
            self.cluster.boot(server)

    def do_begin(self, *servers: str) -> None:
        """``begin node1 node2``: switch on, and leave out what is said until all is at rest."""
        self.do_boot(*servers)
        self.do_run("3", "s")
        self.lines.clear()

    def do_kill(self, server: str, actions: str = "") -> None:
        """``kill node1``: cut the power; ``kill node1 2``: two actions later, amid a decision."""
        if actions:
            machine = self.cluster.machines[server]
            machine.fuse, machine.fused = int(actions), True
        else:
            self.cluster.kill(server)

    def do_reboot(self, server: str) -> None:
        """``reboot node1``: cut the power and switch on again."""
        self.cluster.kill(server)
        self.cluster.boot(server)

    def do_kill_agent(self, server: str, actions: str = "") -> None:
        """``kill-agent node1``: resources go on; ``kill-agent node1 2``: two actions later."""
        if actions:
            machine = self.cluster.machines[server]
            machine.fuse, machine.fused = int(actions), False
        else:
            self.cluster.kill_agent(server)

    def do_start_agent(self, server: str) -> None:
        """``start-agent node1``: a start of the same boot."""
        self.cluster.start_agent(server)

    def do_restart_agent(self, server: str) -> None:
        """``restart-agent node1``: SIGKILL, and the service manager starts it again."""
        self.cluster.kill_agent(server)
        self.cluster.start_agent(server)

    def do_lose_journal(self, server: str) -> None:
        """``lose-journal node1``: the agent ends, and its journal is gone."""
        self.cluster.kill_agent(server, lose_journal=True)

    def do_lossy(self, server: str) -> None:
        """``lossy node1``: a power cut takes from its disk what no action has waited for."""
        self.cluster.machines[server].lossy = True

    def do_wall(self, server: str, number: str, unit: str) -> None:
        """``wall node1 -3600 s``: its wall clock is set otherwise."""
        self.cluster.machines[server].wall += int(number) * _UNITS[unit]

    def do_vouch(self, server: str, other: str, how: str = "") -> None:
        """``vouch node1 node2``: asked at node1, an operator looks whether node2 is off.

        Only then he says so; ``vouch node1 node2 blindly``: he says so without looking.
        """
        awake = self.cluster.machines[server].frozen_until <= self.cluster.now
        if how == "blindly":
            self.cluster.history.words_are_true = False
        if how == "blindly" or (awake and not self.cluster.machines[other].on):
            self.cluster.ask(server, ServerConfirmDown(other))

    def do_leave(self, server: str) -> None:
        """``leave node1``: the service manager stops the agent."""
        self.cluster.feed(server, Leave)

    def do_pause(self, server: str, number: str, unit: str) -> None:
        """``pause node1 20 s``: the agent does not run, its clock does."""
        self.cluster.pause(server, int(number) * _UNITS[unit])

    def do_unwatched(self, server: str) -> None:
        """``unwatched node1``: it has no watchdog."""
        self.cluster.machines[server].watched = False

    def do_forget_arbiter(self) -> None:
        """``forget-arbiter``: it loses all that it knew."""
        self.cluster.surroundings.arbiter.forget()

    def do_copy_arbiter(self) -> None:
        """``copy-arbiter``: somebody keeps a copy of its records."""
        arbiter = self.cluster.surroundings.arbiter
        arbiter.copy = dict(arbiter.records)

    def do_restore_arbiter(self) -> None:
        """``restore-arbiter``: it goes on with that copy, which must do no harm."""
        arbiter = self.cluster.surroundings.arbiter
        arbiter.forget()
        arbiter.records |= arbiter.copy

    def do_restart_arbiter(self) -> None:
        """``restart-arbiter``: it forgets the sessions, and nothing else."""
        self.cluster.surroundings.arbiter.restart(self.cluster.now)

    def do_hang(self, server: str, number: str, unit: str) -> None:
        """``hang node1 20 s``: the agent does not run; the rest of the machine does."""
        self.cluster.hang(server, int(number) * _UNITS[unit])

    # -- the network

    def do_cut(self, one: str, other: str, direction: str = "both") -> None:
        """``cut node1 node2``; ``cut node1 node2 oneway``: from the first to the second."""
        self.cluster.network.cuts.add((one, other))
        if direction == "both":
            self.cluster.network.cuts.add((other, one))

    def do_heal(self) -> None:
        """``heal``: every packet arrives again."""
        self.cluster.network.heal()

    def do_network(self, *pairs: str) -> None:
        """``network loss 0.1 repeat 0.05 late 0.1 late_ms 3000 jitter 20``."""
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            number = float(value) if key in ("loss", "repeat", "late") else int(value)
            setattr(self.cluster.network, key, number)

    # -- drivers

    def do_tell(self, name: str, server: str, verb: str, how: str, *rest: str) -> None:
        """``tell exec1 node1 activate fails [2] [no such file]``: the next two times.

        how: fails, stalls, raises, works; refuses: the configuration is wrong; vanishes: it works,
        and the core never hears of it; of a probe also lies; of an observe also errors, warns; of
        an ask silent; of a fence lies: it says that it is done; late: it comes when nobody waits
        for it any more, as that of an arbitrate can.
        """
        times = int(rest[0]) if rest and rest[0].isdigit() else None
        text = " ".join(rest if times is None else rest[1:])
        rule = Rule(name=name, server=server, verb=verb, how=how, text=text, times=times)
        self.cluster.drivers.tell(rule)

    def do_unkillable(self, resource: str, server: str) -> None:
        """``unkillable exec1 node1``: no signal ends what it runs, until the machine is reset."""
        self.cluster.machines[server].unkillable.add((self._group_of(resource), resource))

    def do_takes(self, verb: str, number: str, unit: str) -> None:
        """``takes activate 3 s``: from now on."""
        self.cluster.drivers.times[verb] = int(number) * _UNITS[unit]

    def do_end(self, resource: str, server: str) -> None:
        """``end exec1 node1``: its process ends."""
        self.cluster.end_process(self._group_of(resource), resource, server)

    def do_by_hand(self, resource: str, server: str) -> None:
        """``by-hand exec1 node1``: somebody starts it outside of the cluster."""
        self.cluster.start_by_hand(self._group_of(resource), resource, server)

    def _group_of(self, resource: str) -> str:
        return next(g.name for g in self.config.groups if resource in g.by_name)

    # -- the end

    def do_calm(self) -> None:
        """``calm``: every fault ends."""
        aftermath.calm(self.cluster)

    def do_recovers(self) -> None:
        """``recovers``: everything that is wanted is online within half a minute, or it fails."""
        aftermath.recover(self.cluster)

    # -- looking

    def do_status(self, server: str) -> None:
        """``status node1``: what its status document says."""
        agent = self.cluster.machines[server].agent
        if agent is None:
            self.lines.append(f"{'':12}no agent runs on {server}.")
            return
        document = decide.snapshot(self.config, agent.state)
        self.lines.extend(f"{'':12}{line}" for line in _status(document))


def _status(document: dict[str, Any]) -> Iterable[str]:
    for server in document["servers"]:
        leads = " leads" if server["name"] == document["leader"] else ""
        yield f"{server['name']}: {server['state']}{leads}"
    for group in document["groups"]:
        where = f" on {group['server']}" if group["server"] else ""
        yield f"{group['name']}: {group['state']}{where}, wanted {group['wanted']}"
        if group["because"]:
            yield f"  because: {_text(group['because'])}"
        for name, row in group["servers"].items():
            refusal = "can take it" if row["can_take"] else _text(row["because"])
            yield f"  {name}: {row['state']}; {refusal}"
    for monitor in document["monitors"]:
        rows = [f"{name} {row['state']}" for name, row in monitor["servers"].items()]
        yield f"{monitor['name']}: {monitor['state']} ({', '.join(rows)})"
    for trouble in document["troubles"]:
        yield f"trouble: {_text(trouble)}"


def _text(sentence: dict[str, Any]) -> str:
    return messages.render(messages.from_plain(sentence))


def play(script: str) -> str:
    """Play a scenario; give it with what the servers say now in place of what they said then."""
    scenario, played = Scenario(), []
    for line in script.splitlines():
        if line.startswith(">"):
            scenario.do(line.removeprefix(">").strip())
            played += [line, *scenario.lines]
            scenario.lines.clear()
        elif not line or line.startswith("#"):
            played.append(line)
    return "\n".join(played) + "\n"
