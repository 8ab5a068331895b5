"""Plays against a core with a broken rule, until an invariant of the simulation notices.

``mutants.py`` runs it, ``python mutant_player.py SEEDS``, in a folder that has the broken
``clpcore`` and ``tests/scenarios``. It prints one line of JSON: the invariant and where it was
broken, and the first golden dialogue that goes another way; "" for what nothing has noticed.
"""

from __future__ import annotations

import functools
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from clpcore.simulate import explore, play
from clpcore.simulate.rights import Violated

_FEW: Final = 24  # seeds of each kind before the scenarios are played
_PATIENCE: Final = 20  # seconds for one play; it takes a tenth of one
_OTHERWISE: Final = "otherwise"

Play = Callable[[], str]


class _TooLongError(BaseException):
    """A play does not end: no ``except Exception`` of the core may take it."""


def _ring(*_: object) -> None:
    raise _TooLongError


def _noticed(play_it: Play) -> str:
    """Play; give what was broken."""
    signal.alarm(_PATIENCE)
    try:
        return play_it()
    except _TooLongError:
        return "it does not come to rest"
    finally:
        signal.alarm(0)


def _in_schedules(seeds: range) -> tuple[str, str]:
    for seed in seeds:
        for kind in explore.KINDS:
            lines = explore.script(kind, seed)
            if why := _noticed(functools.partial(explore.broken, lines)):
                return why.split(":")[0], f"{kind}, seed {seed}"
    return "", ""


def _in_scenarios() -> tuple[str, str, str]:
    """Give the first invariant that a dialogue breaks, where, and the first one that changes."""
    other = ""
    for path in sorted(Path("tests/scenarios").glob("*.txt")):
        golden = path.read_text(encoding="utf-8")
        why = _noticed(functools.partial(_played, golden))
        if why not in ("", _OTHERWISE):
            return why, f"scenario {path.stem}", path.stem
        other = other or (path.stem if why else "")
    return "", "", other


def _played(golden: str) -> str:
    try:
        return "" if play(golden) == golden else _OTHERWISE
    except Violated as violated:
        return violated.rule
    except Exception as error:  # noqa: BLE001 - whatever it is: it is the finding
        return type(error).__name__


def main(seeds: int) -> None:
    """Play and print."""
    signal.signal(signal.SIGALRM, _ring)
    by, where = _in_schedules(range(min(seeds, _FEW)))
    golden = ""
    if not by:
        by, where, golden = _in_scenarios()
    if not by:
        by, where = _in_schedules(range(_FEW, seeds))
    sys.stdout.write(json.dumps({"by": by, "where": where, "golden": golden}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
