"""Stops the groups that a change restarts or removes, after everybody has noted them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.requests import GroupStop
from clpcore.model.revisions import Note, Noted, Waiting
from clpcore.runtime.revisions.around import Around, Here, Refused, told
from clpcore.runtime.revisions.asking import Asker
from clpcore.runtime.revisions.checking import Checked
from clpcore.runtime.revisions.holding import Hold
from clpcore.runtime.revisions.restarting import Restarter

NOTE_S: Final = 30.0  # seconds in which every server must have noted the groups
_LONGEST: Final = 3_600_000  # ms of one stop
_DOWN: Final = 10.0  # seconds until a stop that was done elsewhere is seen here
_LOOK_EVERY: Final = 0.1  # seconds

Tell = Callable[[Mapping[str, Any]], None]


@attrs.frozen
class Stopper:
    """Stops for the coordinator of an apply."""

    here: Here
    around: Around
    asker: Asker
    restarter: Restarter

    async def stop(
        self, hold: Hold, checked: Checked, asked: tuple[str, ...], tell: Tell
    ) -> list[str]:
        """Stop what is not stopped; give which groups must run again.

        What is to be stopped is read from the status of this moment, not from that of an earlier
        one: groups move while servers check.

        Raises:
            Refused: a group is on its way or does not stop, or a server has not noted it.

        """
        self.must_be_at_rest()
        up = {name: group for name, group in self._concerned(checked).items() if _is_up(group)}
        again = [name for name in checked.restart if name in up]
        if again:
            await self._note(hold, asked, [up[name] for name in again])
        for name in up:
            tell({"step": "stop", "group": name})
            await self._stop(name, hold.by)
        now = await self._until_down(checked)
        if any(now[name]["epoch"] > up[name]["epoch"] for name in again if name in now):
            # It was started elsewhere before our stop arrived: that is not the start that it needs.
            await self._note(hold, asked, [{**up[n], "epoch": now[n]["epoch"]} for n in again])
        return again

    def must_be_at_rest(self) -> None:
        """Refuse while a group is on its way: nobody could say where it must start again.

        Raises:
            Refused: one is.

        """
        for group in self.around.status()["groups"]:
            if "Pending" in group["state"]:
                raise Refused(messages.because("cf28", group=group["name"]))

    def must_be_down(self, checked: Checked) -> None:
        """Refuse if one of the groups is not stopped (any more).

        Raises:
            Refused: one runs, may run, or may be started by itself.

        """
        for name, group in self._concerned(checked).items():
            if _is_up(group):
                why = f"it is {group['state']}, and wanted {group['wanted']}"
                raise Refused(messages.because("cf30", group=name, reason=why))

    def _concerned(self, checked: Checked) -> dict[str, Mapping[str, Any]]:
        """Give the groups that may not run during the change, as they are now."""
        names = {*checked.restart, *checked.stop}
        return {
            each["name"]: each for each in self.around.status()["groups"] if each["name"] in names
        }

    async def _note(
        self, hold: Hold, asked: tuple[str, ...], groups: list[Mapping[str, Any]]
    ) -> None:
        """Have all servers note what must run again: the one that stops it may not live to."""
        me = self.here.server
        note = Note(
            apply=hold.apply,
            coordinator=me,
            holders=(me, *asked),
            waiting=tuple(
                Waiting(each["name"], each["server"] or "", each["epoch"]) for each in groups
            ),
        )
        try:
            await self.restarter.note(note)
        except OSError as error:
            raise Refused(messages.because("cf29", server=me, reason=told(error))) from error
        replies = await self.asker.ask(hold.apply, asked, note, Noted, NOTE_S)
        for name in (name for name in asked if name not in replies):
            raise Refused(messages.because("cf25", server=name, seconds=int(NOTE_S)))

    async def _stop(self, group: str, by: str) -> None:
        answer = await self.around.ask(GroupStop(group), by, _LONGEST)
        if not isinstance(answer, Answer) or not answer.ok:
            said = answer.because if isinstance(answer, Answer) else ()
            reason = "; ".join(map(messages.render, said)) or "it does not end"
            raise Refused(messages.because("cf30", group=group, reason=reason))

    async def _until_down(self, checked: Checked) -> dict[str, Mapping[str, Any]]:
        """Wait until it is seen here, too, within reason; give the groups as they are then."""
        deadline = asyncio.get_running_loop().time() + _DOWN
        while any(map(_is_up, (now := self._concerned(checked)).values())):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_LOOK_EVERY)
        return now


def _is_up(group: Mapping[str, Any]) -> bool:
    """Tell whether it runs, may run somewhere, or would be started without being asked for."""
    states = (each["state"] for each in group["servers"].values())
    return bool(
        group["wanted"] == "auto" or group["server"] or any(state != "Offline" for state in states)
    )
