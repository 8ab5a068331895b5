"""Starts one group that was stopped for an apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.reasons import Because
from clpcore.model.requests import GroupStart
from clpcore.model.revisions import Waiting
from clpcore.runtime import clock
from clpcore.runtime.revisions.around import Around, Here, Tasks

_LONGEST: Final = 3_600_000  # ms of one start
_AT_HOME: Final = 15_000  # ms in which only the server will do where it was
_SOONEST, _LATEST = 500, 30_000  # ms between two tries
_CALM: Final = 3_000  # ms of a group that nobody wants stopped, and that is not on its way

Names = Callable[[], Mapping[str, str]]


class Start:
    """Has a group started, until it runs, or runs as it should without us."""

    def __init__(
        self, waiting: Waiting, here: Here, around: Around, tasks: Tasks, names: Names
    ) -> None:
        self.ended = False
        self._waiting = waiting
        self._here = here
        self._around = around
        self._tasks = tasks
        self._names = names
        self._since = clock.now()
        self._next = 0
        self._pause = _SOONEST
        self._calm_since: int | None = None
        self._asking = False
        self._reason = ""  # why the last try failed

    def step(self, status: Mapping[str, Any]) -> None:
        """Look at the group, and do what it needs now; never waits."""
        if self.ended or self._asking:
            return
        group = _named(status, self._waiting.group)
        if group is None:
            self.ended = True  # it is not in the configuration any more
        elif group["epoch"] > self._waiting.epoch:
            self._somebody_started(group)
        elif group["wanted"] != "stopped":
            self._look_calmly(group)
        elif clock.now() >= self._next:
            self._calm_since = None
            self._try(group, status)

    def _somebody_started(self, group: Mapping[str, Any]) -> None:
        """It was started since; that it failed then is for operators, and the recovery, to see."""
        if group["state"] in {"Online", "Online Pending"}:
            self._here.troubles.end(self._what, self._again)
        elif self._reason:
            self._tell_last(self._failed(self._reason))
        self.ended = True

    def _look_calmly(self, group: Mapping[str, Any]) -> None:
        """End when it was not stopped after all; a stop that an agent died over may still go on."""
        now = clock.now()
        if "Pending" in group["state"] or self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= _CALM:
            self.ended = True

    def _try(self, group: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        target = self._target(group, status)
        if target:
            self._asking = True
            self._tasks.start(self._ask(target))
        else:
            self._later(f"{self._waiting.server or 'no server'} does not run our configuration yet")

    def _target(self, group: Mapping[str, Any], status: Mapping[str, Any]) -> str:
        """Give the server to start it on: one that runs what this one runs, at first its home."""
        names, home = self._names(), self._waiting.server
        mine = names[self._here.server]
        online = {each["name"] for each in status["servers"] if each["state"] == "Online"}
        ready = [name for name in group["servers"] if name in online and names.get(name) == mine]
        if home in ready:
            return home
        if home and clock.now() - self._since < _AT_HOME:
            return ""
        takers = [name for name in ready if group["servers"][name]["can_take"]]
        return next(iter(takers or ready), "")

    async def _ask(self, target: str) -> None:
        op = GroupStart(self._waiting.group, target)
        try:
            answer = await self._around.ask(op, f"apply on {self._here.server}", _LONGEST)
        finally:
            self._asking = False
        if isinstance(answer, Answer) and answer.ok:
            self._tell_last(self._again)
            self.ended = True
        else:
            said = answer.because if isinstance(answer, Answer) else ()
            self._later("; ".join(map(messages.render, said)) or "it does not end")

    def _later(self, reason: str) -> None:
        """Try once more, ever more rarely; what does not pass soon is told."""
        self._reason = reason
        now = clock.now()
        if now - self._since >= _AT_HOME:
            self._here.troubles.begin(self._what, self._failed(reason))
            self._pause = min(2 * self._pause, _LATEST)
        self._next = now + self._pause

    def _tell_last(self, because: Because) -> None:
        if self._what in self._here.troubles.now:
            self._here.troubles.end(self._what, because)
        else:
            self._here.troubles.tell(because)

    @property
    def _what(self) -> str:
        return f"group {self._waiting.group}, stopped to apply"

    @property
    def _again(self) -> Because:
        return messages.because("cf9", group=self._waiting.group)

    def _failed(self, reason: str) -> Because:
        return messages.because("cf35", group=self._waiting.group, reason=reason)


def _named(status: Mapping[str, Any], group: str) -> Mapping[str, Any] | None:
    return next((each for each in status["groups"] if each["name"] == group), None)
