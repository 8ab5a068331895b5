"""`clp keygen`: the key that the servers of a cluster share."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, command

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path


def parser() -> Parser:
    """Give the arguments."""
    return command(
        "keygen",
        "Write a new cluster key to /etc/clpcore/cluster.key, readable by root alone. Make it on "
        "one server and copy it to the others. A key that is there is never overwritten.",
        service="nothing happens to it: agents read the key when they start.",
        example="""
            clp keygen
            scp -p /etc/clpcore/cluster.key node2:/etc/clpcore/
        """,
        after="copy it, then start the agents: `systemctl start clpcore`.",
    )


def run(args: Namespace) -> Exit:
    """Write the key file."""
    from clpcore.runtime.places import whereabouts
    from clpcore.wire import keys

    path = whereabouts(os.environ).root.key
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, keys.generate(os.urandom(keys.KEY_SIZE)).encode())
    except FileExistsError:
        raise Failure(
            Exit.REFUSED,
            f"{path} exists and is not overwritten: servers with different keys do not hear "
            "each other",
            "to change it without a gap, add a second key to the file as its last line on every "
            "server; the head of clpcore/wire/keys.py tells the steps",
        ) from None
    except OSError as error:
        raise Failure(
            Exit.REFUSED, f"cannot write {path}: {error.strerror}", "run it as root"
        ) from None
    if args.json:
        print(json.dumps({"ok": True, "path": str(path)}))
    else:
        print(f"Wrote {path}. Copy it to every other server: scp -p {path} SERVER:{path}")
    return Exit.DONE


def _write_new(path: Path, data: bytes) -> None:
    """Make the file whole or not at all, and never over another one.

    Raises:
        FileExistsError: there is one.

    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
