"""``clplogcc``: collects what support needs of this server into one archive without secrets."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clpcore.ctl import control
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry, outside

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clplogcc",
        "Collect status, journal, recording, configuration, logs and facts of this machine into "
        "SERVER-log.tar.gz. Keys are left out and passwords are masked; read it all the same "
        "before you give it away.",
        "docs/howto/support-bundle.md tells more.",
        """
        clplogcc -l
        clplogcc -l -o /tmp
        """,
    )
    made.add_argument("-t", dest="kind", choices=("type1",), default="type1", help="all of it")
    made.add_argument("-l", dest="local", action="store_true", help="only of this server")
    entry.add_server(made, "only this server's own name: a bundle is too large for the channel")
    made.add_argument(
        "-o", dest="folder", type=Path, metavar="DIR", help="where to; default: /var/log/clpcore"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    from clpcore.ctl.product.support import Collector
    from clpcore.runtime.places import whereabouts

    where = whereabouts(os.environ)
    if args.server not in {"", where.server}:
        text = f"{where.server} cannot collect what {args.server} knows"
        raise Failure(Exit.REFUSED, text, f"on {args.server} run: clplogcc -l")
    folder = args.folder or where.root.logs
    path = folder / f"{where.server}-log.tar.gz"
    try:
        _pack(path, f"{where.server}-log", Collector(where.root, where.server).files())
    except OSError as error:
        text = f"cannot write {path}: {error.strerror}"
        raise Failure(Exit.REFUSED, text, "run it as root, or name a folder with -o") from None
    print(f"Collect Log {where.server} : Success")
    print(path)
    outside.tell(path)
    others = [] if args.local or args.server else _others(where.server)
    if not others:
        return Exit.DONE
    for other in others:
        print(f"Collect Log {other} : Failed")
    text = "only this server was collected; each does it for itself"
    raise Failure(Exit.REFUSED, text, f"on {', '.join(others)} run: clplogcc -l")


def _others(server: str) -> list[str]:
    """Give the other servers, as far as an agent knows any."""
    try:
        status = control.ask(do="status")["status"]
    except Failure:
        return []
    return [each["name"] for each in status["servers"] if each["name"] != server]


def _pack(path: Path, top: str, files: Iterable[tuple[str, str | bytes]]) -> None:
    """Write the archive, readable by its owner alone; whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
            for name, content in files:
                data = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(f"{top}/{name}")
                member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
                archive.addfile(member, io.BytesIO(data))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
