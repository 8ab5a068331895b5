"""Where a file that a command made is found: a server of the lab has a /tmp of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

_OWN: Final = "/tmp"  # noqa: S108 - it is named, not used


def tell(path: Path) -> None:
    """Say on stderr that nobody outside of this server of the lab sees *path*, if that is so."""
    if not os.environ.get("CLP_LAB"):
        return
    there, root = path.resolve(), Path(os.environ.get("CLP_ROOT") or "/").resolve()
    if there.is_relative_to(_OWN) and not there.is_relative_to(root):
        print(
            f"Note: {there} is in the {_OWN} of this server of the lab alone, and goes with it. "
            f"What lies below {root} is seen outside, too.",
            file=sys.stderr,
        )
