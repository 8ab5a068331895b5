"""Lets ``python -m clpcore.simulate.exhaustive`` work."""

from __future__ import annotations

import sys

from clpcore.simulate.exhaustive.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
