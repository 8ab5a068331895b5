"""What can be made to go wrong, for requests whose path fits, so many times."""

import enum
import re
from collections.abc import Mapping
from typing import Any, Self

import attrs


class Wrong(enum.Enum):
    """How a request goes wrong."""

    LATENCY = "latency"  # answered as it should be, `seconds` later
    HANG = "hang"  # never answered
    RESET = "reset"  # connection reset, nothing done
    LOST = "lost"  # done, then the connection is reset: the answer is lost
    STATUS = "status"  # refused with `status`, nothing done
    FORGET = "forget"  # answered as if done, nothing done
    LATE = "late"  # answered as if done, done `seconds` later, whatever happened meanwhile
    EDIT = "edit"  # answered with `body` and `headers` merged into the answer's: wrong data


class Misspelt(ValueError):
    """A fault that cannot be: the text says why."""


@attrs.frozen(kw_only=True)
class Fault:
    """One rule; the first that fits a request decides alone.

    Attributes:
        path: regular expression, searched in the path with its query, any case.
        method: "" is any.
        count: how many requests it meets; None: all.
        skip: how many that fit it lets pass before.
        seconds: of LATENCY and LATE.
        status, code, message: of STATUS.
        headers: of STATUS and EDIT, such as Retry-After.
        body: of EDIT, a merge patch (RFC 7396); of STATUS, the answer instead of code and message.
        text: of STATUS, an answer that is no JSON.
    """

    wrong: Wrong
    path: str
    method: str = ""
    count: int | None = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 500
    code: str = ""
    message: str = "made by the rehearsal"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: Any = None
    text: str | None = None

    def __attrs_post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as problem:
            raise Misspelt(f"path {self.path!r} is no regular expression: {problem}") from None
        if self.wrong in {Wrong.LATENCY, Wrong.LATE} and not self.seconds > 0:
            raise Misspelt(f"{self.wrong.value} needs seconds above 0, not {self.seconds!r}")
        if self.count is not None and self.count < 1:
            raise Misspelt(f"count is 1 or more, or none for ever, not {self.count!r}")
        if not 400 <= self.status <= 599:  # noqa: PLR2004 - the errors of HTTP
            raise Misspelt(f"status is an error, 400 to 599, not {self.status!r}")

    @classmethod
    def of(cls, wrong: str, path: str, **details: Any) -> Self:  # noqa: ANN401 - from JSON
        """Make one from words; Misspelt lists those that there are."""
        try:
            kind = Wrong(wrong)
        except ValueError:
            words = ", ".join(each.value for each in Wrong)
            raise Misspelt(f"no fault {wrong!r}: there are {words}") from None
        known = {field.name for field in attrs.fields(cls)} - {"wrong", "path"}
        if unknown := sorted(set(details) - known):
            raise Misspelt(f"a fault has no {', '.join(unknown)}: there are {sorted(known)}")
        return cls(wrong=kind, path=path, **details)

    def fits(self, method: str, path: str) -> bool:
        wanted = not self.method or self.method.upper() == method
        return wanted and re.search(self.path, path, re.IGNORECASE) is not None

    def __str__(self) -> str:
        detail = {Wrong.STATUS: f" {self.status}", Wrong.LATENCY: f" {self.seconds:g} s"}
        return f"{self.wrong.value}{detail.get(self.wrong, '')}"


@attrs.define
class _Rule:
    fault: Fault
    skip: int
    left: int | None


class Faults:
    """The faults that wait for requests, in the order in which they were added."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        self._rules.append(_Rule(fault, fault.skip, fault.count))

    def clear(self) -> None:
        self._rules.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """Give the fault that this request meets, and count it."""
        for rule in self._rules:
            if rule.fault.fits(method, path):
                if rule.skip:
                    rule.skip -= 1
                    continue
                self._use(rule)
                return rule.fault
        return None

    def _use(self, rule: _Rule) -> None:
        if rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                self._rules.remove(rule)


def merged(value: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """Give the value with a merge patch (RFC 7396) applied; lists are replaced whole."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), change)
    return result
