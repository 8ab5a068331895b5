"""The arbiter of all clusters: the laws over what stands in the ledger.

Every transaction is decided at once, in the order of arrival, on what stands in memory; its answer
waits until everything that it rests on is on disk. A renewal that changes neither boot nor lease
writes nothing: a restart gives every session its longest lease anew, counted from the start, so
that nothing lapses early.

A ledger that was just made may stand in the place of one that was lost. Until it has served for as
long as a cluster's lease, it takes no claim of a group that it has no record of: somebody may still
serve under a lease of the lost one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from clpcore import api
from clpcore_witness import values
from clpcore_witness.service import laws
from clpcore_witness.service.ledger import Ledger, Refused

SETTLED_AFTER: Final = values.LONGEST_LEASE  # ms that a new ledger has served: no older lease lives
_MOST_GROUPS: Final = 1_024  # of a cluster
_MOST_SERVERS: Final = 128
_LARGEST: Final = 48 << 10  # bytes of a record


@attrs.define
class _Cluster:
    """What stands of one cluster; *open*: transactions of it that are not on disk yet."""

    records: dict[str, api.Record] = attrs.field(factory=dict)
    leases: dict[str, laws.Lease] = attrs.field(factory=dict)
    open: int = 0

    def close_one(self) -> None:
        """Note that one of the open transactions has ended."""
        self.open -= 1


class Arbiter:
    """Answers the transactions of clusters; *clock* gives ms that go on while machines sleep."""

    def __init__(self, ledger: Ledger, clock: Callable[[], int]) -> None:
        """Read what the ledger holds, and write it anew."""
        self._ledger = ledger
        self._clock = clock
        self._began = clock()
        self._new = False
        self._clusters: dict[str, _Cluster] = {}
        for entry in ledger.entries:
            self._take(entry)
        ledger.rewrite(self._entries)

    # -- transactions

    async def read(self, cluster: str, group: str) -> api.Record:
        """Give a record."""
        return await self._change(cluster, group, lambda record: record)

    async def claim(self, cluster: str, group: str, me: api.Holder) -> api.Record:
        """See ``api.Arbiter.claim``.

        Raises:
            Refused: not now, or it cannot be written.

        """
        leases, now = self._of(cluster).leases, self._clock()

        def claimed(record: api.Record) -> api.Record:
            if record.epoch == 0:
                self._check_memory(leases, now)
            return laws.claim(record, me, leases, now)

        return await self._change(cluster, group, claimed)

    async def amend(self, cluster: str, group: str, new: api.Record) -> api.Record:
        """See ``api.Arbiter.amend``."""
        return await self._change(cluster, group, lambda record: laws.amend(record, new))

    async def release(self, cluster: str, group: str, me: api.Holder) -> api.Record:
        """See ``api.Arbiter.release``."""
        return await self._change(cluster, group, lambda record: laws.release(record, me))

    async def disclaim(self, cluster: str, group: str, me: api.Holder) -> api.Record:
        """See ``api.Arbiter.disclaim``."""
        return await self._change(cluster, group, lambda record: laws.disclaim(record, me))

    async def renew(self, cluster: str, session: api.Session) -> bool:
        """See ``api.Arbiter.renew``.

        Raises:
            Refused: a record that must be there is not, or it cannot be written.

        """
        its = self._of(cluster)
        before = its.leases.get(session.server)
        if before is None and len(its.leases) >= _MOST_SERVERS:
            raise Refused(f"{_MOST_SERVERS} servers of this cluster have sessions: no more fit")
        try:
            lease = laws.renew(its.records, its.leases, session, self._clock())
        except laws.Forgotten as forgotten:
            raise Refused(
                f"the witness has no record of {forgotten}, which {session.server} holds: it has"
                " lost its memory; nothing is known of who may serve"
            ) from forgotten
        if lease is None or (before is not None and lease.durable() == before.durable()):
            if lease is not None:
                its.leases[session.server] = lease
            await self._settle(its)
            return lease is not None
        entry = _lease_entry(cluster, session.server, lease)
        await self._put(its, its.leases, session.server, lease, entry)
        return True

    # -- how they come to the disk

    async def _change(
        self, cluster: str, group: str, law: Callable[[api.Record], api.Record]
    ) -> api.Record:
        its = self._of(cluster)
        before = its.records.get(group, laws.NEVER_WRITTEN)
        after = law(before)
        if after is before or after == before:
            await self._settle(its)
        else:
            entry = ["record", cluster, group, values.record_to(after)]
            self._check_size(its, group, entry)
            await self._put(its, its.records, group, after, entry)
        return attrs.evolve(after, lapses_in=laws.lapses_in(after, its.leases, self._clock()))

    async def _put(
        self, its: _Cluster, where: dict[str, Any], key: str, value: object, entry: object
    ) -> None:
        before = where.get(key)
        where[key] = value
        self._note_age()

        def undo() -> None:
            if before is None:
                del where[key]
            else:
                where[key] = before

        its.open += 1
        done = self._ledger.put(entry, undo)
        done.add_done_callback(lambda _: its.close_one())
        await asyncio.shield(done)  # whoever asked may go: the others of the batch still wait

    async def _settle(self, its: _Cluster) -> None:
        """Wait until what stands of the cluster is on disk: an answer rests on all of it."""
        if its.open and (settled := self._ledger.settled) is not None:
            await asyncio.shield(settled)

    def _check_size(self, its: _Cluster, group: str, entry: object) -> None:
        if group not in its.records and len(its.records) >= _MOST_GROUPS:
            raise Refused(f"{_MOST_GROUPS} groups of this cluster have records: no more fit")
        if len(values.dump(entry)) > _LARGEST:
            raise Refused(
                f"the record of {group} would be larger than {_LARGEST} bytes: clear its suspects"
            )

    # -- a ledger that is new

    def _check_memory(self, leases: laws.Leases, now: int) -> None:
        """Refuse to claim what has no record while an older ledger may have granted a lease."""
        longest = max((lease.longest for lease in leases.values()), default=0)
        left = self._began + longest - now
        if self._new and left > 0:
            raise Refused(
                f"the witness's memory is new: it takes claims of groups that it does not know in"
                f" {(left + 999) // 1_000} s, when whoever may serve them has no lease any more"
            )

    def _note_age(self) -> None:
        if self._new and self._clock() - self._began >= SETTLED_AFTER:
            self._new = False
            _ = self._ledger.put(["settled"], lambda: setattr(self, "_new", True))

    # -- what the ledger holds

    def _of(self, cluster: str) -> _Cluster:
        return self._clusters.setdefault(cluster, _Cluster())

    def _take(self, entry: object) -> None:
        match entry:
            case ["record", str(cluster), str(group), record]:
                self._of(cluster).records[group] = values.record_from(record)
            case ["lease", str(cluster), str(server), counter, boot_id, int(longest)]:
                boot = values.boot(counter, boot_id)
                lease = laws.Lease(boot, longest, self._began + longest)
                self._of(cluster).leases[server] = lease
            case ["new"]:
                self._new = True
            case ["settled"]:
                self._new = False

    def _entries(self) -> Iterator[Any]:
        if self._new:
            yield ["new"]
        for cluster, its in self._clusters.items():
            for group, record in its.records.items():
                yield ["record", cluster, group, values.record_to(record)]
            for server, lease in its.leases.items():
                yield _lease_entry(cluster, server, lease)


def _lease_entry(cluster: str, server: str, lease: laws.Lease) -> list[Any]:
    return ["lease", cluster, server, lease.boot.counter, lease.boot.id, lease.longest]
