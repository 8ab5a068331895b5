"""Breaks the rules of ``mutants.toml`` one by one, in a copy; an invariant should notice each.

By hand, as it takes an hour: ``make mutants``, which is ``python tests/simulate/mutants.py [--seeds
N] [--new] [WORD ...]``; with words only the rules that contain one of them. It plays random
schedules of every kind, then the scenarios, then more schedules, and writes to
``docs/reference/mutations.md`` which invariant was broken first, and where. What none of them sees,
a golden dialogue or a test of single letters must. A rule that nothing notices makes it end with 1.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypedDict

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs/reference/mutations.md"
_COPIED: Final = ("clpcore", "tests/scenarios", "tests/decide")
_PLAYER: Final = Path(__file__).resolve().with_name("mutant_player.py")
_LETTERS: Final = "tests/decide/test_decide_letters.py"
_SEEDS: Final = 150
_TWO_NAMES: Final = 4  # backquotes in a row with a file and an invariant
_PATIENCE: Final = 1_800  # seconds; the player has its own for each play

_HEAD: Final = """\
<!-- Written by `make mutants`; do not edit. -->

# Broken rules, and what notices

Each of these rules keeps a group from running twice, or from not running at all. `make mutants`
breaks one after the other in a copy of the core: it inverts it, drops a wait, writes a record too
late. Then it plays random schedules of faults, every dialogue of `tests/scenarios`, and more
schedules, until an invariant of the simulation is broken.

Invariants look from outside, after every step of every server, at what runs, at the journals and at
the actions; their names are those of the functions in `clpcore/simulate/` (`invariants`, `rights`,
`honesty`, `cutoff`). `everything_recovers` is liveness: when the last fault has ended, everything
that is wanted is online within half a minute.
"""
_DIALOGUES: Final = """\
## Noticed by a golden dialogue, or by a test of single letters

No invariant is broken: it is about which server, how soon, how often, or what operators are told.
The servers then say something else than what is recorded.
"""


class Mutant(TypedDict):
    """One broken rule: *now* stands in *file* where *was* stood."""

    rule: str
    file: str
    was: str
    now: str


class Noticed(TypedDict):
    """The invariant *by* which it was noticed, *where*, or in which *golden* dialogue or test."""

    by: str
    where: str
    golden: str


def mutants() -> tuple[Mutant, ...]:
    """Give all of them."""
    text = Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["mutant"])


def source(mutant: Mutant, root: Path = ROOT) -> Path:
    """Give the file that it breaks."""
    return (root / "clpcore" / "decide" / mutant["file"]).resolve()


def noticed(mutant: Mutant | None, seeds: int = _SEEDS) -> Noticed:
    """Break the rule in a copy, and play; None: nothing is broken."""
    with tempfile.TemporaryDirectory() as folder:
        for name in _COPIED:
            shutil.copytree(ROOT / name, Path(folder, name))
        if mutant is not None:
            broken = source(mutant, Path(folder))
            text = broken.read_text(encoding="utf-8")
            broken.write_text(text.replace(mutant["was"], mutant["now"]), encoding="utf-8")
        found: Noticed = json.loads(_run(folder, str(_PLAYER), str(seeds)))
        if not found["by"] and not found["golden"]:
            found["golden"] = _by_letters(folder)
    return found


def _run(folder: str, *words: str) -> str:
    run = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=_PATIENCE,
        env={**os.environ, "PYTHONPATH": folder, "COLUMNS": "400"},
    )
    return run.stdout


def _by_letters(folder: str) -> str:
    """Give the first test of single letters that fails."""
    options = ("-q", "-x", "--tb=no", "--import-mode=importlib", "-p", "no:cacheprovider")
    said = _run(folder, "-m", "pytest", "-c", "/dev/null", "--rootdir=.", *options, _LETTERS)
    failed = (line for line in said.splitlines() if line.startswith("FAILED"))
    return next(failed, "").rpartition("::")[2].partition(" ")[0]


# -- the page


def _row(mutant: Mutant, found: Noticed) -> str:
    by = f"`{found['by']}` | {found['where']}" if found["by"] else found["golden"] or "NOTHING"
    return f"| {mutant['rule']} | `{source(mutant).name}` | {by} |"


def _known() -> dict[str, str]:
    """Give the rows of the page as it is, by rule."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    found = re.finditer(r"^\| (.+?) \| `\w+\.py` \| .+ \|$", text, re.MULTILINE)
    return {row[1]: row[0] for row in found}


def _page(rows: Mapping[str, str], run: int, seeds: int) -> str:
    invariants = [row for row in rows.values() if row.count("`") == _TWO_NAMES]
    others = [row for row in rows.values() if row not in invariants]
    now = dt.datetime.now(tz=dt.UTC)
    commit = ("git", "describe", "--always", "--dirty")
    named = subprocess.run(commit, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    result = (
        f"**{now:%Y-%m-%d %H:%M} UTC, commit {named.strip()}**: {len(rows)} of {len(mutants())} "
        f"rules were broken; an invariant notices {len(invariants)} of them, a dialogue or a test "
        f"{len(others)}. Last run: {run}, up to {seeds} seeds of each kind of schedule."
    )
    return "\n".join(
        [
            _HEAD,
            result,
            "\n## Noticed by an invariant\n",
            *_table(("rule", "file", "invariant", "first seen in"), invariants),
            "",
            _DIALOGUES,
            *_table(("rule", "file", "dialogue or test"), others),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[str]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |", *rows]


def _chosen(asked: argparse.Namespace, rows: Mapping[str, str]) -> list[Mutant]:
    some = [each for each in mutants() if not (asked.new and each["rule"] in rows)]
    return [e for e in some if not asked.words or any(word in e["rule"] for word in asked.words)]


def main(words: list[str]) -> int:
    """Break, play, and write the page, after each rule; give the exit status."""
    parser = argparse.ArgumentParser(prog="mutants")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="of every kind of schedule")
    parser.add_argument("--new", action="store_true", help="only what the page does not name yet")
    asked = parser.parse_args(words)
    rows, survivors = _known(), 0
    chosen = _chosen(asked, rows)
    for number, mutant in enumerate(chosen, 1):
        found = noticed(mutant, asked.seeds)
        survivors += not found["by"] and not found["golden"]
        row = rows[mutant["rule"]] = _row(mutant, found)
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
        in_order = [each["rule"] for each in mutants() if each["rule"] in rows]
        page = _page({rule: rows[rule] for rule in in_order}, number, asked.seeds)
        PAGE.write_text(page, encoding="utf-8")
    sys.stdout.write(f"{survivors} of {len(chosen)} not noticed\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
