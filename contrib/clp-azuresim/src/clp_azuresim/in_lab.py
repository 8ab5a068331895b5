"""The Azure of a lab: `python -m clp_azuresim.in_lab FOLDER LAB` serves on a machine of its own.

FOLDER has its azuresim.toml and gets its certificates and control socket, LAB is the lab's.
"""

import asyncio
import sys
from pathlib import Path

from clp_azuresim import config, lab, main


def serve(folder: Path, lab_folder: Path) -> None:
    """Serve until SIGTERM."""
    plan = lab.placed(config.load(folder / "azuresim.toml"), lab_folder)
    asyncio.run(main.serve(plan, folder))


if __name__ == "__main__":
    serve(*map(Path, sys.argv[1:3]))
