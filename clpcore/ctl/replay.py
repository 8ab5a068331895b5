"""`clp replay`: decides again on what was recorded, and shows where the decisions differ."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.since import moment
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.replayed import Replay
    from clpcore.runtime.recording.sources import Source

UNREADABLE: Final = Exit(2)
_NAME: Final = "name a folder with segments, a segment, or a support bundle; an agent makes them"


def parser() -> Parser:
    """Give the arguments."""
    made = command(
        "replay",
        "Decide again, with the rules of this version, on what an agent has recorded, and show "
        "where the decisions differ; --show: all of them. It needs no agent and works on any "
        "machine. Exit 0: none differs, 1: some do, 2: something cannot be read, or nothing is "
        "there to decide on.",
        service="nothing happens to it; this only computes.",
        example="""
            clp replay                                 of this server
            clp replay --from 2h --show                as a dialogue
            clp replay node1-log.tar.gz                of a support bundle
            clp replay --from 21:00 --to 21:15 /var/lib/clpcore/recording
        """,
        after="a difference that a new version does not announce is a bug: report it with the "
        "support bundle (clplogcc).",
    )
    made.add_argument(
        "place",
        nargs="?",
        type=Path,
        metavar="PLACE",
        help="a folder with segments, one segment, or a support bundle; else this server's own",
    )
    made.add_argument("--from", dest="begin", type=moment, metavar="TIME", help="10min, 2h, 21:00")
    made.add_argument("--to", dest="end", type=moment, metavar="TIME", help="as --from")
    made.add_argument("--show", action="store_true", help="every decision, also where none differs")
    made.add_argument("--all", action="store_true", help="also what may follow from a difference")
    return made


def run(args: Namespace) -> Exit:
    """Play it and print what differs."""
    from clpcore.ctl.replayed import Replay

    place = args.place or _own()
    replay = Replay(_sources(place), args.begin, args.end)
    for line in _documents(args, replay) if args.json else _lines(args, replay):
        print(line)
    sys.stdout.flush()
    if replay.differ:
        return Exit.REFUSED
    return UNREADABLE if replay.unread or not replay.inputs else Exit.DONE


def _own() -> Path:
    from clpcore.runtime.places import whereabouts

    return whereabouts(os.environ).root.recording


def _sources(place: Path) -> list[Source]:
    from clpcore.runtime.recording import sources
    from clpcore.runtime.recording.reading import UnplayableError

    try:
        return sources.sources(place)
    except UnplayableError as why:
        raise Failure(UNREADABLE, str(why), _NAME) from None
    except PermissionError as error:
        remedy = "the recording of a server is readable by root alone"
        raise Failure(UNREADABLE, f"{place}: {error.strerror}", remedy) from None
    except OSError as error:
        raise Failure(UNREADABLE, f"{place}: {error.strerror}", _NAME) from None


def _lines(args: Namespace, replay: Replay) -> Iterator[str]:
    for event in replay.events():
        if event.shown(everything=args.all, decisions=args.show):
            yield from map(plain, event.lines())
    yield from map(plain, replay.summary())


def _documents(args: Namespace, replay: Replay) -> Iterator[str]:
    for event in replay.events():
        if event.shown(everything=args.all, decisions=args.show):
            yield json.dumps(event.document(), ensure_ascii=False)
    yield json.dumps(replay.document(), ensure_ascii=False)
