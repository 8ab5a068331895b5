"""Groups that are stopped to apply a revision: noted before, started again whatever happens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.requests import GroupStart, GroupStop
from clpcore.runtime.revisions import archive
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.revisions.around import Around, Here, Refused, Tasks

logger = logging.getLogger(__name__)

_LONGEST: Final = 3_600_000  # ms of one stop or start
_AGAIN: Final = 0.5  # seconds between two tries
_CALM: Final = 6  # looks in a row at a group that nobody wants stopped, and that is not on its way
_AT_HOME: Final = 60  # tries on the server where it was, before any other will do


@attrs.frozen
class Waiting:
    """A group to start again, and where it was."""

    group: str
    server: str


class Restarter:
    """Stops groups, and starts them again."""

    def __init__(self, here: Here, around: Around, kept: Archive) -> None:
        self._here = here
        self._around = around
        self._path = kept.restart
        self._tasks = Tasks()
        self._going = False

    async def note(self, waiting: Sequence[Waiting]) -> None:
        """Make durable which groups must be started again: before the first is stopped."""
        documents = [attrs.asdict(each) for each in waiting]
        await asyncio.to_thread(archive.replace, self._path, json.dumps(documents).encode())

    async def stop(self, group: str, by: str) -> None:
        """Stop a group.

        Raises:
            Refused: it does not stop.

        """
        answer = await self._around.ask(GroupStop(group), by, _LONGEST)
        if not isinstance(answer, Answer) or not answer.ok:
            said = answer.because if isinstance(answer, Answer) else ()
            reason = "; ".join(map(messages.render, said)) or "it does not end"
            raise Refused(messages.because("cf30", group=group, reason=reason))

    def go(self) -> None:
        """Start what waits, beside everything else."""
        if not self._going:
            self._going = True
            self._tasks.start(self._start_all())

    def close(self) -> None:
        """Leave what waits to the next agent."""
        self._tasks.close()

    async def _start_all(self) -> None:
        try:
            waiting = await asyncio.to_thread(self._read)
            for each in waiting:
                await self._start(each)
            if waiting:
                await asyncio.to_thread(self._path.unlink, missing_ok=True)
        finally:
            self._going = False

    def _read(self) -> tuple[Waiting, ...]:
        try:
            return tuple(Waiting(**each) for each in json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError) as error:
            logger.error("%s cannot be read: %s", self._path, error)  # noqa: TRY400 - no error of ours
            return ()

    async def _start(self, waiting: Waiting) -> None:
        """Start one, unless it is there no more, or runs as it should without us.

        A stop that an agent died over may still go on, and end, before the group is looked at twice
        as one that nobody has stopped.
        """
        tries = calm = 0
        while (group := _named(self._around.status(), waiting.group)) is not None:
            if group["wanted"] == "stopped":
                calm, tries = 0, tries + 1
                if await self._started(waiting, anywhere=tries > _AT_HOME):
                    return
            elif "Pending" in group["state"]:
                calm = 0
            elif (calm := calm + 1) >= _CALM:
                return
            await asyncio.sleep(_AGAIN)

    async def _started(self, waiting: Waiting, *, anywhere: bool) -> bool:
        op = GroupStart(waiting.group, "" if anywhere else waiting.server)
        answer = await self._around.ask(op, f"apply on {self._here.server}", _LONGEST)
        if not isinstance(answer, Answer) or not answer.ok:
            return False
        self._here.troubles.tell(messages.because("cf9", group=waiting.group))
        return True


def _named(status: Mapping[str, Any], group: str) -> Mapping[str, Any] | None:
    return next((each for each in status["groups"] if each["name"] == group), None)
