"""Breaks the rules of ``mutants.toml`` one by one, in a copy; a fast test must notice each.

By hand, as it takes minutes: ``python tests/simulate/mutants.py [WORD ...]``; with words, only the
rules that contain one of them. It prints a table: which test noticed, and by what. A survivor
makes it end with 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds; a mutant that never comes to rest is noticed too

COPIED = ("clpcore", "tests/scenarios", "tests/simulate", "tests/decide")
TESTS = (
    "tests/simulate/test_simulate_scenarios.py",
    "tests/decide/test_decide_letters.py",
    "tests/simulate/test_simulate_protected.py::test_no_schedule_breaks_what_its_policy_promises",
)
_FAILED = re.compile(r"^FAILED \S*/test_(?:simulate|decide)_(?P<test>\S+)(?: - (?P<why>.*))?$")
_WORDS = re.compile(r"[a-z]\w+ seed (?P<seed>\d+): (?P<rule>\w+)")


class Mutant(TypedDict):
    """One broken rule: *now* stands in *file* where *was* stood."""

    rule: str
    file: str
    was: str
    now: str


def mutants() -> tuple[Mutant, ...]:
    """Give all of them."""
    text = (Path(__file__).parent / "mutants.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["mutant"])


def source(mutant: Mutant, root: Path = ROOT) -> Path:
    """Give the file that it breaks."""
    return (root / "clpcore" / "decide" / mutant["file"]).resolve()


def noticed_by(mutant: Mutant) -> str:
    """Give the first test that fails in the copy, and its invariant; "" when none does."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder, name))
        broken = source(mutant, Path(folder))
        text = broken.read_text(encoding="utf-8")
        broken.write_text(text.replace(mutant["was"], mutant["now"]), encoding="utf-8")
        options = ("-q", "-x", "--tb=no", "--import-mode=importlib", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir=.", *options]
        try:
            run = subprocess.run(
                [*command, *TESTS],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
                env={**os.environ, "COLUMNS": "400"},
            )
        except subprocess.TimeoutExpired:
            return "it does not come to rest"
    failed = (_spelt(line) for line in run.stdout.splitlines() if line.startswith("FAILED"))
    return next(failed, run.stdout if run.returncode else "")


def _spelt(line: str) -> str:
    """Say which test that was; of a random schedule, which invariant it broke, too."""
    found = _FAILED.match(line)
    if found is None:
        return line
    why = _WORDS.search(found["why"] or "")
    return f"{found['test']}, {why['rule']} (seed {why['seed']})" if why else found["test"]


def main(words: list[str]) -> int:
    """Break and play; give the exit status."""
    chosen = [each for each in mutants() if not words or any(w in each["rule"] for w in words)]
    survivors = 0
    sys.stdout.write("| rule | noticed by |\n|---|---|\n")
    for mutant in chosen:
        by = noticed_by(mutant)
        survivors += not by
        sys.stdout.write(f"| {mutant['rule']} | {by or 'NOT NOTICED'} |\n")
        sys.stdout.flush()
    sys.stdout.write(f"{survivors} of {len(chosen)} not noticed\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
