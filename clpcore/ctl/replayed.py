"""The play of a recording: what was decided then, what is decided now, and how both read."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import attrs

from clpcore import messages
from clpcore.ctl import phrases, rows, words
from clpcore.model.actions import Action, Answer
from clpcore.model.inputs import Done
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState
from clpcore.runtime.recording import playing, reading
from clpcore.runtime.recording.lines import Heading, Turned
from clpcore.runtime.recording.reading import Segment, UnplayableError
from clpcore.runtime.recording.sources import Source
from clpcore.wire import values

_AHEAD: Final = " " * 12  # below the time of a line


class Event(Protocol):
    """Something that the play comes upon."""

    def shown(self, *, everything: bool, decisions: bool) -> bool:
        """Tell whether it is printed."""
        ...

    def lines(self) -> Iterator[str]:
        """Give it for people."""
        ...

    def document(self) -> dict[str, Any]:
        """Give it for programs."""
        ...


@attrs.frozen(kw_only=True)
class Played:
    """One input, as decided on then and now. *follows*: after an earlier difference."""

    heading: Heading
    asked: str
    then: Turned
    now: Turned
    follows: bool

    @property
    def differs(self) -> bool:
        """Tell whether the decisions differ."""
        return self.then != self.now

    @property
    def wall(self) -> int:
        """Give ms since 1970."""
        return self.heading.moment(self.then.taken.now)

    def shown(self, *, everything: bool, decisions: bool) -> bool:
        """Tell whether it is printed."""
        if self.differs and (everything or not self.follows):
            return True
        return decisions and not (self.then.silent and self.now.silent)

    def lines(self) -> Iterator[str]:
        """Give the decision as a dialogue, or how both decisions differ."""
        head = f"{rows.moment(self.wall)}  {self.heading.server:<8}"
        if not self.differs:
            yield from (f"{head}  {text}" for text in _spoken(self.now))
            return
        yield f"{head}  DIFFERS  {phrases.taken(self.then.taken, self.asked)}"
        then, now = _unlike(self.then, self.now), _unlike(self.now, self.then)
        yield from (f"{_AHEAD}then  {text}" for text in then or ["nothing else"])
        yield from (f"{_AHEAD}now   {text}" for text in now or ["nothing else"])
        if then == now:
            yield f"{_AHEAD}      {playing.difference(self.then, self.now)}"

    def document(self) -> dict[str, Any]:
        """Give it for programs."""
        taken = self.then.taken
        return {
            "is": "difference" if self.differs else "decision",
            "wall_ms": self.wall,
            "now_ms": taken.now,
            "server": self.heading.server,
            "segment": self.heading.number,
            "follows": self.follows,
            "text": phrases.taken(taken, self.asked),
            "input": {"is": type(taken).__name__, **json.loads(values.to_json(taken))},
            "then": _decided(self.then),
            "now": _decided(self.now),
        }


@attrs.frozen(kw_only=True)
class Drifted:
    """A segment begins otherwise than the play of the one before has ended."""

    heading: Heading
    place: str
    follows: bool

    def shown(self, *, everything: bool, decisions: bool) -> bool:
        """Tell whether it is printed."""
        del decisions
        return everything or not self.follows

    def lines(self) -> Iterator[str]:
        """Give it for people."""
        when = rows.moment(self.heading.wall)
        yield f"{when}  {self.heading.server:<8}  DIFFERS  what it knows: {self.place}"

    def document(self) -> dict[str, Any]:
        """Give it for programs."""
        return {
            "is": "state",
            "wall_ms": self.heading.wall,
            "server": self.heading.server,
            "segment": self.heading.number,
            "follows": self.follows,
            "text": self.place,
        }


@attrs.frozen
class _Ended:
    """How the play of a segment has ended."""

    heading: Heading
    state: ClusterState
    differed: bool


class Replay:
    """One play; iterate ``events``, then the counts and the summary are true."""

    def __init__(self, sources: Sequence[Source], begin: int | None, end: int | None) -> None:
        """Play what was taken from *begin* to *end*, ms since 1970."""
        self._sources = sources
        self._begin = begin if begin is not None else 0
        self._end = end if end is not None else 2**63
        self.played = 0  # segments
        self.inputs = 0
        self.differ = 0
        self.unread: dict[str, str] = {}
        self._notes: list[str] = []
        self._first: int | None = None
        self._last = 0
        self._before: _Ended | None = None

    def events(self) -> Iterator[Event]:
        """Play; give what the play comes upon, in order."""
        headings = [self._heading(source) for source in self._sources]
        for number, source in enumerate(self._sources):
            heading = headings[number]
            after = next(filter(None, headings[number + 1 :]), None)
            if heading is None or heading.wall > self._end:
                continue
            if after is not None and after.server == heading.server and after.wall < self._begin:
                continue  # it was over before
            try:
                yield from self._play(source)
            except (UnplayableError, OSError) as why:
                self._before = None
                self.unread[source.name] = str(why)

    def _heading(self, source: Source) -> Heading | None:
        try:
            with source.open() as file:
                return reading.heading(file)
        except (UnplayableError, OSError) as why:
            self.unread[source.name] = str(why)
            return None

    def _play(self, source: Source) -> Iterator[Event]:
        with source.open() as file:
            segment = Segment(file)
            heading, state = segment.heading, segment.state
            self.played += 1
            yield from self._compare(heading, state)
            if not segment.same:
                self._notes.append(
                    f"{source.name}: clpcore {heading.version} has recorded things that this "
                    "version does not know, or knows otherwise: differences may come from that."
                )
            differed = False
            asked: dict[int, str] = {}
            for then in segment.turned():
                state, now = playing.again(segment.config, state, then)
                _note(asked, then.actions)
                its = asked.pop(then.taken.action, "") if isinstance(then.taken, Done) else ""
                event = Played(heading=heading, asked=its, then=then, now=now, follows=differed)
                if self._begin <= event.wall <= self._end:
                    self._count(event)
                    differed |= event.differs
                    yield event
        self._before = _Ended(heading, state, differed) if segment.complete else None
        if not segment.complete:
            self._notes.append(
                f"{source.name}: its end is missing: the agent writes it still, or was ended "
                "without warning. All that is there was played."
            )

    def _compare(self, heading: Heading, state: ClusterState) -> Iterator[Drifted]:
        """Compare what is known at the beginning of a segment with the end of the one before."""
        if self._before is None or not heading.follows or heading.wall < self._begin:
            return
        ended, last = self._before, self._before.heading
        next_one = (last.server, last.number + 1) == (heading.server, heading.number)
        if next_one and ended.state != state:
            self.differ += 1
            place = playing.difference(state, ended.state)
            yield Drifted(heading=heading, place=place, follows=ended.differed)

    def _count(self, event: Played) -> None:
        self.inputs += 1
        self.differ += event.differs
        self._first = event.wall if self._first is None else self._first
        self._last = event.wall

    def summary(self) -> Iterator[str]:
        """Give what the play has come to."""
        for name, why in self.unread.items():
            yield f"{name} cannot be read, or not to its end: {why}."
        yield from self._notes
        if self._first is None:
            if self.played or not self.unread:
                yield "Nothing was recorded in that time."
            return
        times = f"from {rows.moment(self._first)} to {rows.moment(self._last)}"
        yield f"Inputs: {self.inputs}, segments: {self.played}, {times}."
        if not self.differ:
            yield "No decision differs."
            return
        yield (
            f"Differences: {self.differ}. What follows the first one in a segment may come from it "
            "and is shown with --all; the next segment begins with what the agent knew."
        )

    def document(self) -> dict[str, Any]:
        """Give the summary for programs."""
        return {
            "is": "summary",
            "segments": self.played,
            "inputs": self.inputs,
            "differ": self.differ,
            "from_ms": self._first,
            "to_ms": self._last if self._first is not None else None,
            "unread": self.unread,
            "notes": self._notes,
            "version": importlib.metadata.version("clpcore"),
        }


def _note(asked: dict[int, str], actions: Sequence[Action]) -> None:
    """Remember what is under way, for when it ends."""
    for action in actions:
        number = getattr(action, "id", 0)
        if number:
            asked[number] = phrases.action(action)


def _spoken(turned: Turned) -> Iterator[str]:
    """Give a decision as scenarios write it."""
    for sentence in turned.because:
        yield f"{sentence.key:<6} {_sentence(sentence)}"
    for action in turned.actions:
        if isinstance(action, Answer):
            end = "done" if action.ok else "refused"
            yield " ".join([f"answer {end}.", *map(_sentence, action.because)])
    if turned.raised:
        yield f"the core failed: {turned.raised}"


def _unlike(one: Turned, other: Turned) -> list[str]:
    """Give what *one* has and *other* has not, a line each."""
    said = [f"{b.key:<6} {_sentence(b)}" for b in one.because if b not in other.because]
    done = [phrases.action(action) for action in one.actions if action not in other.actions]
    failed = [f"the core failed: {one.raised}"] if one.raised not in {"", other.raised} else []
    return [*said, *done, *failed]


def _sentence(because: Because) -> str:
    plain = messages.plain(because)
    return words.sentence({"key": plain["key"], "args": plain["args"]})


def _decided(turned: Turned) -> dict[str, Any]:
    actions = json.loads(values.to_json(turned))["actions"]
    sentences = [{**messages.plain(b), "text": _sentence(b)} for b in turned.because]
    return {"because": sentences, "actions": actions, "raised": turned.raised}
