"""What the nemesis has broken, it mends, also what could not be mended at its time."""

import random
from typing import cast

import pytest

from clp_lab.errors import LabError
from clp_lab.torture import nemesis
from clp_lab.torture.nemesis import Fault, Nemesis
from clp_lab.trial import Trial


def test_what_could_not_be_mended_is_mended_at_the_end_of_the_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk of a server that is frozen when its time is over would last for ever."""
    broken: set[str] = set()

    def mend_disk() -> None:
        if "frozen" in broken:
            raise LabError("node2 is paused")
        broken.discard("full")

    def full(_trial: Trial, _dice: random.Random) -> Fault:
        return Fault("full disk", lambda: broken.add("full"), mend_disk)

    def frozen(_trial: Trial, _dice: random.Random) -> Fault:
        return Fault("freeze", lambda: broken.add("frozen"), lambda: broken.discard("frozen"))

    monkeypatch.setattr(nemesis, "_KINDS", {"full disk": full, "freeze": frozen})
    monkeypatch.setattr(nemesis, "_CUTS", ("freeze",))
    for name, seconds in (("_SPREAD_S", 0.001), ("_SHORTEST_S", 0.005), ("_LONGEST_S", 0.02)):
        monkeypatch.setattr(nemesis, name, seconds)
    monkeypatch.setattr(nemesis, "_MOST", 2)
    said = []
    for seed in range(40):
        wicked = Nemesis(cast("Trial", None), seed)
        wicked.round()
        assert broken == set()
        said += [what for _, what in wicked.done]
    assert "mended: full disk: not possible (node2 is paused)" in said
