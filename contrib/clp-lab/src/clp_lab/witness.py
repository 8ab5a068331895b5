"""The witness of a lab: the real service, on a machine of its own outside of the cluster.

`python -m clp_lab.witness FOLDER` serves from what `furnish` put there, and makes its state first
when there is none. What a crash or a power cut leaves is what the next life finds.
"""

import shutil
import sys
from pathlib import Path

from clp_lab.plan import WITNESS_ADDRESS

PORT = 80
_KEY_MODE = 0o600


def furnish(folder: Path, key: Path) -> None:
    """Make the folder of a witness that never served: its configuration and the key it knows."""
    keys = folder / "keys"
    keys.mkdir(parents=True)
    shutil.copyfile(key, keys / "lab.key")
    (keys / "lab.key").chmod(_KEY_MODE)
    (folder / "witness.toml").write_text(
        f'listen = ["{WITNESS_ADDRESS}:{PORT}"]\nstate = "{folder / "state"}"\nkeys = "{keys}"\n',
        encoding="utf-8",
    )


def serve(folder: Path) -> int:
    """Serve until SIGTERM; gives the service's exit code."""
    from clpcore_witness.service.main import main  # noqa: PLC0415 - heavy, and only here

    own = ["--config", str(folder / "witness.toml")]
    if not (folder / "state").exists():
        main(["new", "--first", *own])
    return main(["serve", *own])


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1])))
