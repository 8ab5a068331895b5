"""`python -m clp_lab.torture --minutes 10`: exit 1 with a timeline when anything is wrong."""

import argparse
import os
import random
import sys
from pathlib import Path

from clp_lab.guarded import Protection
from clp_lab.torture.session import torture


def main() -> int:
    parser = argparse.ArgumentParser(prog="clp_lab.torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long (1)")
    parser.add_argument("--seed", type=int, help="of the faults; default: a new one")
    names = [each.name.lower() for each in Protection if each is not Protection.NP]
    parser.add_argument("--protection", choices=names, default="both", help="of the cluster (both)")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    protection = Protection[given.protection.upper()]
    print(f"seed {seed}, {given.minutes:g} minutes, {given.protection}", flush=True)
    keep = Path(f"build/torture-{seed}-{os.getpid()}").absolute()
    result = torture(protection, given.minutes * 60, seed, keep)
    print(result.text, flush=True)
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
