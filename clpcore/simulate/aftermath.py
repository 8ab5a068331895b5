"""When all faults have ended: does the cluster recover, with what an operator is told to do?"""

from __future__ import annotations

from clpcore.model import requests as ops
from clpcore.model.members import Resource
from clpcore.model.ownership import Record, Wanted
from clpcore.model.state import ClusterState, Goal
from clpcore.model.states import FinalAction, Phase, Presence
from clpcore.simulate.cluster import Cluster
from clpcore.simulate.drivers import Drivers
from clpcore.simulate.rights import Violated

PATIENCE_MS = 30_000
_LOOK_MS = 500


def calm(cluster: Cluster) -> None:
    """End every fault: the network carries all, drivers work, every server and agent runs."""
    cluster.network.heal()
    cluster.network.jitter = 0
    cluster.drivers.rules.clear()
    cluster.drivers.times = Drivers().times
    for name, machine in cluster.machines.items():
        machine.fuse = None
        machine.unkillable.clear()
        cluster.wake_up(name)
        cluster.boot(name)
        cluster.start_agent(name)


def recover(cluster: Cluster) -> None:
    """Wait until every group that is wanted is online, doing what the catalogue tells operators.

    Raises:
        Violated: it does not come to that within the bound.

    """
    end = cluster.now + PATIENCE_MS
    while why := _missing(cluster):
        if cluster.now >= end:
            raise Violated(f"no recovery within {PATIENCE_MS} ms: {why}", "everything_recovers")
        _help(cluster)
        cluster.run(_LOOK_MS)


def _states(cluster: Cluster) -> dict[str, ClusterState]:
    return {name: m.agent.state for name, m in cluster.machines.items() if m.agent}


def _missing(cluster: Cluster) -> str:
    """Tell what is not yet as it should be."""
    for name, state in _states(cluster).items():
        if state.phase is not Phase.ONLINE:
            return f"{name} is {state.phase.value}"
        if state.claims or state.operations:
            return f"{name} is busy: {state.claims} {state.operations}"
    known = [(state.kept.troubles, state.kept.maintenance) for state in _states(cluster).values()]
    if any(each != known[0] for each in known):
        return f"not all servers know the same: {known}"
    if any(word.on for _, words in known for word in words.values()):
        return f"operators work on it: {known[0][1]}"
    for group in cluster.config.groups:
        record = _newest(cluster, group.name)
        homes = [name for name in cluster.machines if _online(cluster, name, group.name)]
        serving = [name for name, m in cluster.machines.items() if m.serves(group.name)]
        wanted = [record.owner] if record.wanted is Wanted.AUTO else []
        if not homes == serving == wanted or record.wanted is Wanted.BLOCKED:
            return f"{group.name} is online on {homes}, runs on {serving}: {record}"
        for name, state in _states(cluster).items():
            if group.name not in {each.group for each in state.run.current}:
                return f"{name} is not current for {group.name}"
    return ""


def _newest(cluster: Cluster, group: str) -> Record:
    records = [m.kept.records[group] for m in cluster.machines.values() if m.kept.records]
    return max(records, key=lambda record: record.rank)


def _online(cluster: Cluster, name: str, group: str) -> bool:
    machine, state = cluster.machines[name], _states(cluster).get(name)
    if state is None or state.groups[group].goal is not Goal.UP or not machine.serves(group):
        return False
    resources = cluster.config.group_by_name[group].resources
    return all(
        machine.truth[group, resource.name] is Presence.ACTIVE or _may_stay_down(resource)
        for resource in resources
    )


def _may_stay_down(resource: Resource) -> bool:
    return resource.activation_final_action is FinalAction.CONTINUE


def _help(cluster: Cluster) -> None:
    """Do what only an operator can, and what the cluster has told him to."""
    for name in cluster.machines:
        cluster.boot(name)
        cluster.start_agent(name)
    _end_the_work(cluster)
    for name, state in _states(cluster).items():
        if state.phase is Phase.OFFLINE:
            cluster.ask(name, ops.ServerStart(name))
        elif any(resource.stuck for resource in state.resources.values()):
            cluster.kill(name)
            cluster.boot(name)
        for group in state.groups:
            if (op := _remedy(state, group)) is not None:
                cluster.ask(name, op)


def _remedy(state: ClusterState, group: str) -> ops.Op | None:
    """Give what the sentences about *group* tell an operator to do."""
    local = state.groups[group]
    if local.halted is not None and local.goal is Goal.UP:
        return ops.GroupStop(group)
    if state.kept.records[group].wanted is Wanted.BLOCKED and not state.operations:
        return ops.GroupStart(group)
    if local.note is not None and local.note.key == "rc568":
        return ops.ClusterStart()
    if local.parked and not state.operations:
        return ops.GroupRestart(group)
    awaited = _stopped_one(state, group)
    return ops.GroupStart(awaited) if awaited else None


def _stopped_one(state: ClusterState, group: str) -> str:
    """Give the group that *group* is to start after, if it stays stopped until somebody acts."""
    note = state.groups[group].note
    other = str(dict(note.args)["other"]) if note is not None and note.key == "rc15" else ""
    asked = {operation.group for operation in state.operations.values()}
    if not other or other in asked or state.kept.records[other].wanted is Wanted.AUTO:
        return ""
    return other


def _end_the_work(cluster: Cluster) -> None:
    """Resume, and take every server back into service."""
    for name, state in _states(cluster).items():
        for about, word in state.kept.maintenance.items():
            if word.on and not state.operations:
                done = ops.ServerDrain(about, on=False) if about else ops.ClusterResume()
                cluster.ask(name, done)
