"""Arbiters: a compare-and-set store that all servers reach (docs/explanation/ownership.md)."""

from __future__ import annotations

from typing import Protocol

from clpcore.api.ports import Ports
from clpcore.model.actions import Call
from clpcore.model.arbitration import Holder, Record, Session


class Arbiter(Protocol):
    """Keeps one record a group, and one session a server. Every method is one transaction.

    It is durable: it never answers from a state older than one that it has answered from. The
    group is ``call.group``. All but ``renew`` give the record as it stands afterwards, so that an
    answer that was lost is learnt by asking again. A refusal is an answer; whoever cannot ask, or
    gets no answer, raises: an unknown is never a no.
    """

    async def read(self, call: Call, ports: Ports) -> Record:
        """Give the record; one that was never written has epoch 0."""
        ...

    async def claim(self, call: Call, ports: Ports, me: Holder) -> Record:
        """Make *me* the holder of epoch ``me.epoch``; won if ``record.holder == me``.

        Granted only if the record's epoch is ``me.epoch - 1``, or 0: it was never written, and the
        arbiter is new to a cluster with older epochs. And only if nobody holds it, or its holder's
        session has lapsed, or the holder is an older boot of my server. Its holder becomes a
        suspect.
        """
        ...

    async def renew(self, call: Call, ports: Ports, session: Session) -> bool:
        """Keep the session for *lease* ms more, or begin it; False: it is lost for good.

        Kept only if every record of ``held`` still names this server, boot and epoch, and no newer
        boot of the server has a session; a newer boot ends the session of an older one.

        Raises:
            Failed: of a group of ``held`` the arbiter has no record at all (epoch 0): it has lost
                its memory, which is no loss of the group.

        """
        ...

    async def amend(self, call: Call, ports: Ports, record: Record) -> Record:
        """Write *record*: suspects cleared with their evidence, mirror sides marked as outdated.

        Written only if epoch and holder are those that stand there: the owner's alone. Nobody
        becomes a suspect by it: who has disclaimed since the owner looked stays off.
        """
        ...

    async def release(self, call: Call, ports: Ports, me: Holder) -> Record:
        """Free the record if *me* is its holder; the epoch stays. ``disclaim`` in any case."""
        ...

    async def disclaim(self, call: Call, ports: Ports, me: Holder) -> Record:
        """Take the entries of my boot, up to ``me.epoch``, off the suspects: I have stopped."""
        ...
