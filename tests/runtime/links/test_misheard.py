"""A server that is silent because its frames are dropped is a trouble, until it is heard."""

from __future__ import annotations

import attrs
import pytest

from clpcore.model.reasons import Because
from clpcore.runtime import clock
from clpcore.runtime.links.misheard import Misheard
from clpcore.runtime.troubles import Troubles
from clpcore.wire.rejected import Reason


@attrs.define
class Ears:
    """What is dropped and heard, at a time of the test's."""

    monkeypatch: pytest.MonkeyPatch
    told: list[Because] = attrs.field(factory=list)
    misheard: Misheard = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.misheard = Misheard(Troubles(self.told.append), 1_000)

    def at(self, now: int) -> Misheard:
        self.monkeypatch.setattr(clock, "now", lambda: now)
        return self.misheard

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(each.key, str(dict(each.args).get("reason", ""))) for each in self.told]


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Ears:
    return Ears(monkeypatch)


def test_it_begins_with_a_drop_and_ends_with_a_heartbeat(ears: Ears) -> None:
    for now in range(1, 5_000, 50):
        ears.at(now).dropped("node2", Reason.UNKNOWN_KEY)
    assert ears.texts == [("pm509", "unknown key")]
    ears.at(6_000).heard("node2")
    ears.at(6_001).heard("node2")
    assert ears.texts == [("pm509", "unknown key"), ("pm510", "")]


def test_forged_frames_beside_good_ones_are_no_trouble(ears: Ears) -> None:
    ears.at(1).heard("node2")
    ears.at(1_000).dropped("node2", Reason.FORGED)
    assert ears.texts == []
    ears.at(1_001).dropped("node2", Reason.FORGED)
    assert ears.texts == [("pm509", "forged")]


def test_reasons_that_change_are_told_now_and_then(ears: Ears) -> None:
    for now in range(1, 20_000, 50):
        ears.at(now).dropped("node2", Reason.FORGED)
        ears.at(now + 1).dropped("node2", Reason.VERSION)
    assert len(ears.told) <= 2


def test_a_replay_is_no_trouble(ears: Ears) -> None:
    ears.at(1).dropped("node2", Reason.REPLAYED)
    assert ears.texts == []
