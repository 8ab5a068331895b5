"""Who a server is: one boot, one start of the agent."""

from __future__ import annotations

import operator

import attrs


@attrs.frozen(order=True)
class Boot:
    """One life of a server.

    The counter is journaled before the first packet of the life and orders boots; the id tells two
    lives apart when a counter was lost. A clean leave ends a life too: the next start of the same
    machine takes a new counter (docs/decisions/0004-a-clean-leave-ends-the-boot.md).

    Attributes:
        counter: 1, 2, ...: the higher, the later.
        id: the kernel's boot id; not compared.

    """

    counter: int
    id: str = attrs.field(default="", order=False)


@attrs.frozen(order=True)
class Incarnation:
    """One start of the agent inside one boot.

    Same boot and a higher start: only the agent restarted, resources may be running.
    """

    boot: Boot = attrs.field(order=operator.attrgetter("counter"))
    start: int = 1


@attrs.frozen(order=True)
class View:
    """Who leads and who is in, as the leader last announced it."""

    counter: int = 0
    leader: str = ""
    members: tuple[str, ...] = ()
