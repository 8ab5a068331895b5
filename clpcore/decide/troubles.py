"""What has happened that only an operator can judge, shown until he has acknowledged it.

Servers tell each other in their reports. Of each group and server the newest word counts, and an
acknowledgement is newer than what it acknowledges: so all come to hold the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from clpcore.decide.turn import Turn
from clpcore.model.kept import Trouble
from clpcore.model.reasons import Because


def begin(turn: Turn, group: str, because: Because) -> None:
    """Keep *because*: this server gave way, and both sides were active until then."""
    trouble = Trouble(
        group=group,
        server=turn.me,
        epoch=turn.groups[group].epoch,
        because=because,
        since=turn.now + turn.was.wall,
    )
    _learn(turn, trouble)


def take(turn: Turn, told: Iterable[Trouble]) -> None:
    """Note what another server tells of groups and servers that are configured."""
    groups, servers = turn.config.group_by_name, turn.config.server_by_name
    for trouble in told:
        if trouble.group in groups and trouble.server in servers:
            _learn(turn, trouble)


def _learn(turn: Turn, trouble: Trouble) -> None:
    key = f"{trouble.group}/{trouble.server}"
    known = turn.troubles.get(key)
    if known is None or known.rank < trouble.rank:
        turn.troubles.put(key, trouble)


def acknowledge(turn: Turn) -> None:
    """Forget all that is shown here; what is not yet known here will still be shown."""
    for key in turn.troubles:
        turn.troubles.change(key, acknowledged=True)


def shown(turn: Turn) -> tuple[Trouble, ...]:
    """Give what an operator has to look at, the oldest first."""
    waiting = (trouble for _, trouble in turn.troubles.items() if not trouble.acknowledged)
    return tuple(sorted(waiting, key=lambda each: (each.since, each.group, each.server)))


def news(turn: Turn, *, whole: bool = False) -> tuple[Trouble, ...]:
    """Give what this server has to tell: what changed in this turn, or the *whole*."""
    keys = turn.troubles if whole else turn.troubles.touched
    return tuple(turn.troubles[key] for key in sorted(keys))
