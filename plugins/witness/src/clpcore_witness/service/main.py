"""`clp-witness`: serve, check, new, keygen, heard."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clpcore_witness import keyfile
from clpcore_witness.service import asking, config, ledger
from clpcore_witness.service.file import NAME, Unusable
from clpcore_witness.service.serve import serve

CONFIGURATION: Final = 78  # of sysexits.h: systemd does not start it again
_REFUSED: Final = 1


class Failure(Exception):
    """The text goes to who called; *code* is how the command ends."""

    def __init__(self, text: str, code: int = _REFUSED) -> None:
        super().__init__(text)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; give the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        args.run(args)
    except Failure as failure:
        sys.stderr.write(f"clp-witness: {failure}\n")
        return failure.code
    except (config.Wrong, Unusable) as wrong:
        sys.stderr.write(f"clp-witness: {wrong}\n")
        return CONFIGURATION
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clp-witness",
        description="The witness of clpcore clusters: heartbeats over HTTP, and an arbiter.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("serve", _serve, "serve until SIGTERM; SIGHUP reads keys and certificate anew"),
        ("check", _check, "read configuration, keys and certificate, and tell every problem"),
        ("new", _new, "make an empty state folder, for a witness that is new or has lost its own"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, default=Path(config.PLACE), metavar="FILE")
        if name == "new":
            said = "no cluster ever used a witness in this place: claims are taken at once"
            command.add_argument("--first", action="store_true", help=said)
        command.set_defaults(run=run)
    text = "write a key as two files: one for the witness, one for every server of the cluster"
    command = commands.add_parser("keygen", help=text, description=text)
    command.add_argument("cluster", metavar="CLUSTER")
    command.add_argument("--folder", type=Path, default=Path(), metavar="FOLDER")
    command.set_defaults(run=_keygen)
    text = "ask a witness, as a server of the cluster does, whom it heard when"
    command = commands.add_parser("heard", help=text, description=text)
    command.add_argument("url", metavar="URL")
    command.add_argument("--key-file", type=Path, required=True, metavar="FILE")
    command.add_argument("--ca-file", default="", metavar="FILE")
    command.add_argument("--proxy", default="", metavar="URL")
    command.set_defaults(run=_heard)
    return parser


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # the output may be a file, and the process be killed


def _serve(args: argparse.Namespace) -> None:
    asyncio.run(serve(args.config, config.load(args.config)))


def _check(args: argparse.Namespace) -> None:
    loaded = config.load(args.config)
    config.context(loaded)
    keys = config.keys(loaded.keys)
    clusters = ", ".join(sorted({key.cluster for key in keys}))
    _tell(f"{args.config} is good. Clusters: {clusters or 'none yet: clp-witness keygen CLUSTER'}")


def _new(args: argparse.Namespace) -> None:
    state = config.load(args.config).state
    ledger.create(state, first=args.first)
    _tell(f"Made {state / NAME}.")


def _keygen(args: argparse.Namespace) -> None:
    if not keyfile.NAME.fullmatch(args.cluster):
        raise Failure(
            f"{args.cluster!r} is no name for a cluster: 1 to 31 letters, digits, '_' and '-',"
            " not beginning with '-'"
        )
    randomness = os.urandom(keyfile.SIZE)
    made: list[Path] = []
    for side, about in (
        ("witness.key", f"clp-witness: cluster {args.cluster}. In the witness's folder of keys."),
        ("server.key", f"clp-witness: cluster {args.cluster}. key_file on every server of it."),
    ):
        path = args.folder / f"{args.cluster}.{side}"
        try:
            _write_new(path, keyfile.generate(args.cluster, randomness, about))
        except OSError as error:
            for half in made:
                half.unlink()
            what = f"{path}: {error.strerror}; nothing is overwritten. Give another --folder"
            raise Failure(what) from error
        made.append(path)
    for path in made:
        _tell(f"Wrote {path}")


def _write_new(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _heard(args: argparse.Namespace) -> None:
    try:
        for line in asking.whom(args.url, args.key_file, args.ca_file, args.proxy):
            _tell(line)
    except asking.NoAnswer as error:
        raise Failure(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
