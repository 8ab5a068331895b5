"""What must hold in every world, and after every step in it; looked at from outside."""

from __future__ import annotations

from collections.abc import Mapping

from clpcore.model import arbitration
from clpcore.model.actions import Activate, Arbitrate, Fence
from clpcore.model.arbitration import Holder
from clpcore.model.config import ClusterConfig
from clpcore.model.ownership import Evidence, EvidenceKind
from clpcore.model.state import Decision
from clpcore.simulate.exhaustive.world import Server


class Violated(AssertionError):
    """A world broke a rule."""


Servers = Mapping[str, Server]


def never_two(config: ClusterConfig, servers: Servers, group: str) -> None:
    """No group may be running on two servers."""
    found = [each.name for each in servers.values() if each.serves(group)]
    if len(found) > 1 and config.exclusive:
        raise Violated(f"TWO SERVE: {group} on {', '.join(found)}")


def step(
    config: ClusterConfig,
    servers: Servers,
    served: dict[str, tuple[int, str, int]],
    name: str,
    decision: Decision,
) -> None:
    """Hold one step of *name* against every rule; *served* learns of activations."""
    _wakes_later(name, decision)
    _journal_never_regresses(servers[name], decision)
    _releases_only_what_is_down(servers[name], decision)
    _begins_by_true_evidence(config, servers, name, decision)
    for action in decision.actions:
        if isinstance(action, Activate):
            _rises(served, name, action, decision)
        elif isinstance(action, Fence) and action.call.victim not in decision.state.kept.intents:
            raise Violated(f"{name} stops {action.call.victim} by force, and no journal says so")


def _wakes_later(name: str, decision: Decision) -> None:
    if decision.wake_at is not None and decision.wake_at <= decision.state.now:
        raise Violated(f"{name} never comes to rest: {dict(decision.state.due)}")


def _journal_never_regresses(server: Server, decision: Decision) -> None:
    for group, record in decision.state.kept.records.items():
        known = server.kept.records.get(group)
        if known is not None and record.rank < known.rank:
            raise Violated(f"{server.name} replaced {known} by {record}")


def _releases_only_what_is_down(server: Server, decision: Decision) -> None:
    """Nothing is given back of which something may still run here."""
    before = server.state
    for group, local in decision.state.groups.items():
        was = 0 if before is None else before.groups[group].epoch
        if was and not local.epoch and server.serves(group):
            raise Violated(f"{server.name} lets go of {group}, and it runs")
    for action in decision.actions:
        match action:
            case Arbitrate(call=call, ask=arbitration.Release() | arbitration.Disclaim()):
                if server.serves(call.group):
                    raise Violated(f"{server.name} gives {call.group} back, and it runs")


def _rises(
    served: dict[str, tuple[int, str, int]], name: str, action: Activate, decision: Decision
) -> None:
    """An activation rests on a journaled record of this boot, with a higher epoch than before."""
    group, epoch, boot = action.call.group, action.call.epoch, decision.state.incarnation.boot
    record = decision.state.kept.records[group]
    if (record.owner, record.boot, record.epoch) != (name, boot, epoch):
        raise Violated(f"{name} boot {boot.counter} activates {group}@{epoch} under {record}")
    last = served.get(group, (0, "", 0))
    me = (name, boot.counter)
    if epoch < last[0] or (epoch == last[0] and last[1:] != me):
        raise Violated(f"EPOCH REGRESSES: {group}@{epoch} on {me} after {last}")
    served[group] = (epoch, *me)


def _begins_by_true_evidence(
    config: ClusterConfig, servers: Servers, name: str, decision: Decision
) -> None:
    """Whoever begins to hold a group rests on evidence that is true."""
    before = servers[name].state
    for group, local in decision.state.groups.items():
        if not local.confirmed or (before is not None and before.groups[group].confirmed):
            continue
        for each in decision.state.kept.records[group].evidence:
            if not _is_true(config, servers, each):
                raise Violated(f"{group} is held on {name} as {each}, which is not true")


def _is_true(config: ClusterConfig, servers: Servers, evidence: Evidence) -> bool:
    if not evidence.kind.proven:
        return not config.exclusive
    server = servers.get(evidence.server)
    if evidence.kind is EvidenceKind.LEASE or server is None or not server.on:
        return True  # that nobody serves beside a lapsed lease, never_two looks after
    stays_away = server.run.left  # its agent runs, and takes part in nothing
    return stays_away or server.life.over or server.life.boot.counter > evidence.boot


def covered(
    config: ClusterConfig,
    servers: Servers,
    records: Mapping[str, arbitration.Record],
    name: str,
) -> None:
    """Whatever may be running here, the arbiter's record names: as the holder or a suspect."""
    server = servers[name]
    if config.arbiter is None or server.state is None:
        return
    for group in {group for group, _ in server.up}:
        record = records.get(group, arbitration.Record())
        boot = server.state.incarnation.boot
        named = (record.holder, *record.suspects)
        lives = any(h is not None and (h.server, h.boot) == (name, boot) for h in named)
        if not lives and not config.needs_watchdog:
            raise Violated(f"{group} may run on {name}, and the arbiter knows only {record}")


def token_first(
    config: ClusterConfig,
    records: Mapping[str, arbitration.Record],
    name: str,
    decision: Decision,
) -> None:
    """With an arbiter, only who has won a record stops its suspects by force.

    As it read the record last: a suspect may have said meanwhile that it has stopped.
    """
    me, boot = name, decision.state.incarnation.boot
    read = (tenure.record for tenure in decision.state.tenures.values())
    won = [
        each.suspects
        for each in (*records.values(), *read)
        if each and each.holder and (each.holder.server, each.holder.boot) == (me, boot)
    ]
    for action in decision.actions:
        if not isinstance(action, Fence) or config.arbiter is None:
            continue
        if not any(each.server == action.call.victim for suspects in won for each in suspects):
            raise Violated(f"{name} stops {action.call.victim} by force, and has won nothing of it")


def record(before: arbitration.Record | None, now: arbitration.Record | None) -> None:
    """The arbiter's record forgets nobody without proof: a claim takes the former holder along."""
    if before is None or now is None or now.epoch == before.epoch:
        return
    holder = before.holder
    former: set[Holder] = {*before.suspects, *(() if holder is None else (holder,))}
    if now.epoch < before.epoch or former - set(now.suspects):
        raise Violated(f"the arbiter's record {before} became {now}")
