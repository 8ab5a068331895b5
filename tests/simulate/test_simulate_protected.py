"""Random schedules for what keeps a group from running twice, some of each kind; and the explorer.

``make explore`` plays very many more. What it has found is among tests/scenarios.
"""

from __future__ import annotations

import pytest

from clpcore.simulate import explore, protected

SEEDS = 24


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", protected.KINDS)
def test_no_schedule_breaks_what_its_policy_promises(kind: str) -> None:
    for seed in range(SEEDS):
        lines = protected.schedule(seed, kind)
        if why := explore.broken(lines):
            script = "\n".join(f"> {line}" for line in lines)
            pytest.fail(f"{kind} seed {seed}: {why}\n{script}")


def test_a_seed_gives_the_same_schedule_and_each_kind_another_one() -> None:
    dealt = {kind: protected.schedule(3, kind) for kind in protected.KINDS}
    assert all(protected.schedule(3, kind) == lines for kind, lines in dealt.items())
    assert len(set(dealt.values())) == len(protected.KINDS)


def test_a_round_counts_its_histories_and_what_happens_in_them() -> None:
    first = next(explore.rounds(("lease",), 0, 0, 1, seconds=0))
    assert (first.kind, first.first, first.histories, first.broken) == ("lease", 0, 1, "")
    assert first.faults == explore.faults(explore.script("lease", 0))


WRONG_WORD = (
    "cluster 2",
    "boot node1 node2",
    "run 3 s",
    "cut node1 node2",
    "run 1 s",
    "tell exec1 node1 probe raises 2 no idea",
    "run 1 s",
    "by-hand nothing node1",
    "calm",
    "recovers",
)


def test_what_breaks_is_shrunk_to_what_it_needs() -> None:
    assert explore.broken(WRONG_WORD).startswith("StopIteration")
    needed = explore.shrunk(WRONG_WORD)
    assert needed == ("cluster 2", "by-hand nothing node1", "calm", "recovers")


def test_the_explorer_says_what_it_has_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert explore.main(["0.5", "--seed", "7", "--kind", "cohort"]) == 0
    said = capsys.readouterr().out
    assert "per second" in said
    assert "cohort: " in said
    assert "seeds 7 to" in said


def test_the_explorer_ends_with_1_and_shows_what_broke(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protected, "schedule", lambda _seed, _kind: WRONG_WORD)
    assert explore.main(["5", "--kind", "lease"]) == 1
    said = capsys.readouterr().out
    assert ": StopIteration" in said  # of which seed: whichever core is first
    assert "> by-hand nothing node1" in said
