"""What a client saw: each visit to a service, and what follows for an outage."""

import json
from collections.abc import Iterable, Sequence

import attrs


@attrs.frozen(kw_only=True)
class Visit:
    """One connection to the service.

    Attributes:
        begin, end: monotonic nanoseconds: connection asked for, outcome known.
        outcome: "answer", "refused", "reset", "timeout", or another error's name.
        who: the first line of the answer, by which a server names itself; "" without an answer.
    """

    begin: int
    end: int
    outcome: str
    who: str

    @property
    def answered(self) -> bool:
        return self.outcome == "answer"


def visit_from(line: str) -> Visit:
    """Read a line of `clp_lab.visitor`."""
    return Visit(**json.loads(line))


def answers(visits: Iterable[Visit], *, after: int = 0) -> list[Visit]:
    """Give the answered visits that began at `after` or later, by the time of the answer."""
    found = (visit for visit in visits if visit.answered and visit.begin >= after)
    return sorted(found, key=lambda visit: visit.end)


def first_answer(visits: Iterable[Visit], who: str, *, after: int = 0) -> Visit | None:
    """Give the first visit begun after `after` that `who` answered; None: not seen."""
    return next((visit for visit in answers(visits, after=after) if visit.who == who), None)


def outage(visits: Sequence[Visit], *, after: int = 0) -> int:
    """Give the longest time without an answer, in nanoseconds, between two answers.

    It counts from the last answer before `after` when there is one. An outage that has not ended
    is not known: no answer after the gap, no outage.
    """
    found = answers(visits)
    ends = [visit.end for visit in found]
    first = max((index for index, end in enumerate(ends) if end <= after), default=0)
    steps = zip(ends[first:], ends[first + 1 :], strict=False)
    return max((later - earlier for earlier, later in steps), default=0)
