"""How well a server suits a group: exclusion rules, server groups, its health.

A bar keeps the core from choosing a server by itself; a flaw only lets it come after better ones.
"""

from __future__ import annotations

from typing import Final

from clpcore import messages
from clpcore.decide import evidence
from clpcore.decide.turn import Turn
from clpcore.model.members import Group, Monitor
from clpcore.model.ownership import Record, Wanted
from clpcore.model.peer import MonitorReport
from clpcore.model.reasons import Because
from clpcore.model.state import LocalMonitor
from clpcore.model.states import Exclusion, FailoverPolicy, Shown

PATIENCE_MS: Final = 2_000  # how long a nominated server may take to claim before it is asked again
ILL, TAKEN, AWAY = 3, 2, 1  # how bad a flaw is
Flaw = tuple[int, Because]


def bar(turn: Turn, group: Group, name: str) -> Because | None:
    """Tell why *name*, which could take *group*, is none that the core itself may choose."""
    record = turn.records[group.name]
    if group.manual_between_server_groups and (away := _away(turn, group, record, name)):
        return away
    if evidence.lives(turn, record):
        return _ill(turn, group, name)  # to move it there would help nobody
    return None


def flaws(turn: Turn, group: Group, name: str) -> tuple[Flaw, ...]:
    """Give what speaks against *name* as a home of *group*, the worst first; mostly nothing."""
    record = turn.records[group.name]
    found = (
        (ILL, _ill(turn, group, name)),
        (TAKEN, beside(turn, group.name, name, Exclusion.NORMAL)),
        (AWAY, _away(turn, group, record, name)),
    )
    return tuple((weight, because) for weight, because in found if because is not None)


def _ill(turn: Turn, group: Group, name: str) -> Because | None:
    """Tell which critical monitor sees an error on *name*, if that counts for *group*."""
    if group.failover_policy is not FailoverPolicy.DYNAMIC:
        return None
    for monitor in turn.config.critical_monitors:
        seen = _seen(turn, monitor, name)
        if seen is not None and seen.state is Shown.ERROR:
            return messages.because("rc576", server=name, monitor=monitor.name, reason=seen.detail)
    return None


def _seen(turn: Turn, monitor: Monitor, name: str) -> LocalMonitor | MonitorReport | None:
    if name == turn.me:
        return turn.monitors[monitor.name]
    return turn.peers[name].monitors.get(monitor.name)


def suits(turn: Turn, group: Group, name: str) -> bool:
    """Tell whether *name*, which could take *group*, is good enough to go back to without need."""
    if bar(turn, group, name) or any(weight > AWAY for weight, _ in flaws(turn, group, name)):
        return False
    if group.failover_policy is not FailoverPolicy.DYNAMIC:
        return True
    looks = (m for m in turn.config.critical_monitors if m.looks_on(name))
    return all(
        seen is not None and seen.state is not Shown.UNKNOWN
        for seen in (_seen(turn, monitor, name) for monitor in looks)
    )


def beside(turn: Turn, group: str, name: str, how: Exclusion) -> Because | None:
    """Tell which other group an exclusion rule would bring *group* together with on *name*."""
    key = "rc572" if how is Exclusion.ABSOLUTE else "rc573"
    for rule, other in turn.config.apart_from.get(group, ()):
        if rule.rule is how and _is_on(turn, other, name):
            return messages.because(key, server=name, other=other, rule=rule.name)
    return None


def _is_on(turn: Turn, group: str, server: str) -> bool:
    """Tell whether *group* is on *server*, or on its way there."""
    record = turn.records[group]
    if record.owner:
        return record.owner == server and evidence.lives(turn, record)
    if record.heir == server and record.wanted is Wanted.AUTO:
        return True
    chosen = turn.nominated.get(group)
    if chosen is None or chosen.server != server:
        return False
    return chosen.epoch == record.epoch and turn.now < chosen.at + PATIENCE_MS


def _away(turn: Turn, group: Group, record: Record, name: str) -> Because | None:
    """Tell that *name* is in another server group than where *group* is, or has just been."""
    if not group.server_groups or record.group in turn.cold:
        return None
    last = record.owner or (record.previous if record.wanted is Wanted.AUTO else "")
    here, there = (turn.config.server_group_of(group, each) for each in (last, name))
    if not last or here == there:
        return None
    key = "rc575" if group.manual_between_server_groups else "rc574"
    return messages.because(key, server=name, there=there, here=here)
