"""What outlives a process: in the journal (a crash of the machine), in /run (of the agent only)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clpcore.model.ids import View
from clpcore.model.ownership import Evidence, Record, Version
from clpcore.model.reasons import Because


@attrs.frozen
class Rungs:
    """How far the recovery ladder of one monitor has been climbed on this server."""

    reactivations: int = 0
    failovers: int = 0
    final: bool = False  # the final action was taken


@attrs.frozen(kw_only=True)
class Trouble:
    """*group* ran twice: *server* gave way with *epoch*; shown until an operator acknowledges it.

    Every server holds the newest one of each group and server, acknowledged or not, so that no
    late word of it brings it back. *since* is wall-clock ms of the server that gave way.
    """

    group: str
    server: str
    epoch: int
    because: Because
    since: int
    acknowledged: bool = False

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Give its place among what is said of this group and server: the highest counts.

        Who gave way with a lost journal says it again, at another time.
        """
        return self.epoch, self.acknowledged, self.since


@attrs.frozen(kw_only=True)
class Maintenance:
    """Whether an operator has taken a server out of service, or suspended the cluster.

    *about*: the server; empty: the whole cluster. Every server holds the newest word about each.
    *round* and *server*, who took the word, number it.
    """

    about: str
    on: bool
    round: int
    server: str

    @property
    def rank(self) -> tuple[int, str]:
        """Give its place among what was said about the same: the highest counts."""
        return self.round, self.server


@attrs.frozen(kw_only=True)
class Intent:
    """This server has asked, or is about to ask, that *boot* of *server* be stopped by force.

    It stays until the power state was read, or is out of date: what was accepted may come late.
    """

    server: str
    boot: int
    at: int  # wall-clock ms


@attrs.frozen(kw_only=True)
class ForcedStop:
    """How this server's forced stop of *boot* of *server* ended: *reason* is empty for success.

    *at* is wall-clock ms of its end, *took* ms since it became due.
    """

    server: str
    boot: int
    fence: str
    at: int
    took: int
    reason: str = ""


@attrs.frozen(kw_only=True)
class Kept:
    """Journaled before the actions of the same decision run.

    Attributes:
        records: ownership by group.
        rungs: by monitor name.
        failovers: failovers after failed activations on this server, by "group/resource".
        ends: wall-clock ms of this server's machine-ending final actions.
        view: the last one known.
        troubles: what an operator has to look at, by "group/server".
        maintenance: which servers are drained, by name, and under "" whether all is suspended.
        intents: forced stops that are not known to be over, by server.
        promised: this server has promised not to claim, and the promise may still count.
        stops: how forced stops from here have ended, the oldest first; only the last ones. One that
            fails in the same way again takes the place of the failure before.

    """

    records: Mapping[str, Record] = attrs.field(factory=dict)
    rungs: Mapping[str, Rungs] = attrs.field(factory=dict)
    failovers: Mapping[str, int] = attrs.field(factory=dict)
    ends: tuple[int, ...] = ()
    view: View = View()
    troubles: Mapping[str, Trouble] = attrs.field(factory=dict)
    maintenance: Mapping[str, Maintenance] = attrs.field(factory=dict)
    intents: Mapping[str, Intent] = attrs.field(factory=dict)
    promised: bool = False
    stops: tuple[ForcedStop, ...] = ()


@attrs.frozen
class Current:
    """Nobody can have claimed *group* without this server since the record had this version."""

    group: str
    version: Version


@attrs.frozen(kw_only=True)
class BootKept:
    """Kept in /run: gone with the boot; a clean leave erases all but *left* and *suspended*.

    Attributes:
        current: groups that nobody can have claimed without this server (ownership.md 4.1); void
            where the journal holds another version: it was lost, or restored from a backup.
        boots: the highest boot counter heard of each other server.
        join: this server's order of admission, 0 before.
        suspended: monitors that an operator suspended here.
        left: this server left cleanly and stays offline until it is started again.
        held: under which epoch this boot serves a group, once the claim was acknowledged.
        parked: the resources of each group that an operator stopped one by one.
        stopped: what is known of other servers' ends by force, or by an operator's word, by name.
        lease: until when this boot may serve, by its own clock; 0: it has no session.
        promised: until when this server claims nothing, by its own clock, and whom it told so.

    """

    current: tuple[Current, ...] = ()
    boots: Mapping[str, int] = attrs.field(factory=dict)
    join: int = 0
    suspended: tuple[str, ...] = ()
    left: bool = False
    held: Mapping[str, int] = attrs.field(factory=dict)
    parked: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    stopped: Mapping[str, Evidence] = attrs.field(factory=dict)
    lease: int = 0
    promised: Mapping[str, int] = attrs.field(factory=dict)
