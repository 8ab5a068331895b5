"""The state of a server whose agent has just started."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.guards import Tenure, Wants
from clpcore.model.ids import Incarnation
from clpcore.model.kept import BootKept, Current, Kept, Rungs
from clpcore.model.members import Group
from clpcore.model.ownership import Record, Wanted
from clpcore.model.state import (
    Claim,
    ClusterState,
    Goal,
    LocalGroup,
    LocalMonitor,
    LocalResource,
    Peer,
)
from clpcore.model.states import Automatic, Event, Phase


def start(
    config: ClusterConfig,
    me: str,
    incarnation: Incarnation,
    kept: Kept,
    run: BootKept,
    *,
    now: int,
    wall: int,
) -> ClusterState:
    """Give the state from what outlived the last agent.

    Args:
        config: the configuration.
        me: this server's name.
        incarnation: this start of the agent, already journaled.
        kept: what the journal holds; empty on a new server or after a lost journal.
        run: what /run holds; empty after a boot.
        now: milliseconds of the clock that inputs carry.
        wall: the wall clock's milliseconds at the same moment.

    """
    records = {group.name: _record(config, group, kept) for group in config.groups}
    run = _promises(config, incarnation, kept, run, now)
    current = _still_current(run, records)
    names = {each.group for each in current}
    groups = {
        group.name: _parked(
            group,
            run,
            _group(records[group.name], me, incarnation, run, current=group.name in names),
        )
        for group in config.groups
    }
    return ClusterState(
        me=me,
        incarnation=incarnation,
        now=now,
        wall=wall - now,
        phase=Phase.OFFLINE if run.left else Phase.STARTING,
        since=now,
        kept=Kept(
            records=records,
            rungs=_rungs(kept, incarnation),
            failovers=kept.failovers,
            ends=kept.ends,
            view=kept.view,
            troubles=kept.troubles,
            maintenance=kept.maintenance,
            intents=kept.intents,
            promised=kept.promised,
            stops=kept.stops,
        ),
        run=attrs.evolve(run, current=current),
        peers={name: Peer(since=now) for name in config.server_names if name != me},
        resources={(g.name, r.name): LocalResource() for g in config.groups for r in g.resources},
        groups=groups,
        monitors={monitor.name: LocalMonitor() for monitor in config.monitors},
        tenures=_unheard(config, incarnation, groups),
        claims={
            name: _claim(record, me, now)
            for name, record in records.items()
            if record.version.proposer == me and incarnation.start > 1
        },
    )


def _promises(
    config: ClusterConfig, incarnation: Incarnation, kept: Kept, run: BootKept, now: int
) -> BootKept:
    """What the last boot has promised may still count (T5): to whom, is not known any more."""
    if not kept.promised or incarnation.start > 1 or config.arbiter is None:
        return run
    return attrs.evolve(run, promised={"": now + config.arbiter.lease})


def _rungs(kept: Kept, incarnation: Incarnation) -> Mapping[str, Rungs]:
    """A new boot begins at the foot of a ladder that was climbed to its end.

    That was the point of a final action that reboots; the reboot limit ends the loop.
    """
    if incarnation.start > 1:
        return kept.rungs
    return {name: rungs for name, rungs in kept.rungs.items() if not rungs.final}


def _still_current(run: BootKept, records: Mapping[str, Record]) -> tuple[Current, ...]:
    """Drop what speaks of a record that the journal has lost, unless /run can restore it."""
    return tuple(
        each
        for each in run.current
        if each.group in records
        and (
            records[each.group].version == each.version
            or (records[each.group].version.round == 0 and each.group in run.held)
        )
    )


def _record(config: ClusterConfig, group: Group, kept: Kept) -> Record:
    known = kept.records.get(group.name)
    cohort = tuple(sorted(config.server_names))
    if known is not None:  # an arbiter leaves nobody out
        return known if config.arbiter is None else attrs.evolve(known, cohort=cohort)
    wanted = Wanted.AUTO if group.startup is Automatic.AUTO else Wanted.STOPPED
    return Record(group=group.name, cohort=cohort, wanted=wanted)


def _group(
    record: Record, me: str, incarnation: Incarnation, run: BootKept, *, current: bool
) -> LocalGroup:
    """Only the agent restarted when the record names this very boot: what it did goes on."""
    epoch = run.held.get(record.group, 0)
    if record.version.round == 0 and epoch:  # the journal was lost, /run was not
        return LocalGroup(goal=Goal.UP, event=Event.RECOVER, epoch=epoch, confirmed=True)
    if (record.owner, record.boot) != (me, incarnation.boot):
        return LocalGroup()
    if epoch == record.epoch:
        if current:
            return LocalGroup(goal=Goal.UP, event=Event.RECOVER, epoch=epoch, confirmed=True)
        return LocalGroup(goal=Goal.DOWN, event=Event.STOP, epoch=epoch, lost=True)
    if run.join == 0:  # this boot's memory is gone: the others must confirm it
        return LocalGroup(goal=Goal.UP, event=Event.RECOVER, epoch=record.epoch)
    # A claim that was not yet won; or that gave way, if it is not even known to be old.
    return LocalGroup(lost=all(each.group != record.group for each in run.current))


def _unheard(
    config: ClusterConfig, incarnation: Incarnation, groups: Mapping[str, LocalGroup]
) -> Mapping[str, Tenure]:
    """What the last agent had asked of the arbiter may have been granted: it is given back."""
    if config.arbiter is None or incarnation.start == 1:
        return {}
    idle = (name for name, local in groups.items() if not local.epoch)
    return {name: Tenure(wants=Wants.DISCLAIM) for name in idle}


def _parked(group: Group, run: BootKept, local: LocalGroup) -> LocalGroup:
    """What an operator stopped stays down as long as this boot serves the group."""
    if local.goal is not Goal.UP:
        return local
    parked = (name for name in run.parked.get(group.name, ()) if name in group.by_name)
    return attrs.evolve(local, parked=tuple(parked))


def _claim(record: Record, me: str, now: int) -> Claim:
    """What this boot proposed last may not have arrived: it is proposed again."""
    need = tuple(name for name in record.cohort if name != me)
    return Claim(version=record.version, need=need, since=now, sent_at=now)
