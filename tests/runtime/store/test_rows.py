"""What is kept survives the way to rows and back, and only changes are written."""

from __future__ import annotations

import attrs
import pytest

from clpcore.model.ids import Boot, View
from clpcore.model.kept import ForcedStop, Intent, Kept, Rungs
from clpcore.model.ownership import Evidence, EvidenceKind, Record, Version, Wanted
from clpcore.runtime.store import rows
from clpcore.runtime.store.rows import Row

RECORD = Record(
    group="failover1",
    version=Version(7, "node1"),
    epoch=3,
    owner="node1",
    boot=Boot(4, "abc"),
    cohort=("node1", "node2"),
    evidence=(Evidence("node2", 2, EvidenceKind.NEW_BOOT),),
    wanted=Wanted.AUTO,
)
KEPT = Kept(
    records={"failover1": RECORD},
    rungs={"lbppw1": Rungs(2, 1)},
    failovers={"failover1/lbpp1": 1},
    ends=(5, 6),
    view=View(3, "node1", ("node1", "node2")),
    intents={"node2": Intent(server="node2", boot=4, at=1_700_000_000_000)},
    promised=True,
    stops=(ForcedStop(server="node2", boot=4, fence="power1", at=5, took=300, reason="403"),),
)

_NEWEST = ("intents", "promised", "stops")
(RECORD_ROW,) = rows.changed(Kept(), Kept(records={"failover1": RECORD}))


def test_everything_kept_survives_the_way_through_rows() -> None:
    assert rows.read(rows.changed(Kept(), KEPT)) == (KEPT, ())


def test_a_store_without_the_newest_rows_loads() -> None:
    old = [row for row in rows.changed(Kept(), KEPT) if row.kind not in _NEWEST]
    assert rows.read(old) == (attrs.evolve(KEPT, intents={}, promised=False, stops=()), ())


def test_a_promise_that_is_over_gives_a_row() -> None:
    (row,) = rows.changed(KEPT, attrs.evolve(KEPT, promised=False))
    assert (row.kind, row.body) == ("promised", "false")


def test_nothing_changed_gives_no_row() -> None:
    assert rows.changed(KEPT, KEPT) == ()
    assert rows.changed(KEPT, attrs.evolve(KEPT)) == ()


def test_an_equal_copy_of_a_table_gives_no_row() -> None:
    assert rows.changed(KEPT, attrs.evolve(KEPT, records={"failover1": attrs.evolve(RECORD)})) == ()


def test_only_what_changed_gives_a_row() -> None:
    newer = attrs.evolve(RECORD, epoch=4)
    changed = rows.changed(KEPT, attrs.evolve(KEPT, records={"failover1": newer}))
    assert [(row.kind, row.key) for row in changed] == [("records", "failover1")]


def test_an_entry_that_is_gone_is_removed() -> None:
    assert rows.changed(KEPT, attrs.evolve(KEPT, rungs={})) == (Row("rungs", "lbppw1", None),)


@pytest.mark.parametrize(
    "bad",
    [
        Row("records", "g", "{"),
        Row("records", "g", '{"group": 1}'),
        Row("rungs", "m", "[]"),
        Row("failovers", "g/r", '"3"'),
        Row("leases", "g", "{}"),
        attrs.evolve(RECORD_ROW, key="failover2"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_taken(bad: Row) -> None:
    kept, refused = rows.read([*rows.changed(Kept(), KEPT), bad])
    assert kept == KEPT
    assert [(each.kind, each.key) for each in refused] == [(bad.kind, bad.key)]
    assert refused[0].reason
