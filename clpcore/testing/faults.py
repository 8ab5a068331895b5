"""What can go wrong with one call of the outside world, before or after it did its work."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from clpcore import api

_GARBAGE: Final = "\x00\ufffd{]<\n\n  ;;  0x !!\n"


class Manner(enum.Enum):
    """How a call goes wrong."""

    FAILS = "fails"  # raises what the port's contract allows
    HANGS = "hangs"  # no answer until its own timeout, or the call's deadline
    CANCELLED = "is cancelled"  # the deadline passes at this very moment
    TELLS = "tells"  # answers that it failed, or was ended
    LIES = "lies"  # answers with what may mean anything


@attrs.frozen(kw_only=True)
class Fault:
    """One way to go wrong.

    *done*: the call did its work first. *error*: what is raised, made from what the call was about.
    *change*: the wrong answer, made from the right one. *unasked*: the question never went out, so
    that nobody's silence can be concluded from it.
    """

    name: str
    manner: Manner
    done: bool = False
    error: Callable[[str], BaseException] = lambda about: api.Failed(f"{about} failed")
    change: Callable[[Any], Any] = lambda answer: answer
    unasked: bool = False

    @property
    def honest(self) -> bool:
        """Tell whether the driver can see that it knows nothing."""
        return self.manner is not Manner.LIES


def _missing(about: str) -> BaseException:
    return api.NotInstalled(f"{about} does not exist on this server")


def _library(about: str) -> BaseException:
    return OSError(5, f"{about}: input/output error")


def _cut(answer: Any) -> Any:
    match answer:
        case api.Completed():
            return attrs.evolve(answer, output=answer.output[: len(answer.output) // 2])
        case api.HttpAnswer():
            return attrs.evolve(answer, body=answer.body[: len(answer.body) // 2])
        case str():
            return answer[: len(answer) // 2]
    return answer


def _garbage(answer: Any) -> Any:
    match answer:
        case api.Completed():
            return attrs.evolve(answer, output=_GARBAGE)
        case api.HttpAnswer():
            return attrs.evolve(answer, body=_GARBAGE.encode())
        case str():
            return _GARBAGE
    return answer


def _cancelled() -> tuple[Fault, Fault]:
    return (
        Fault(name="is cancelled before it began", manner=Manner.CANCELLED, unasked=True),
        Fault(name="is cancelled when it was done", manner=Manner.CANCELLED, done=True),
    )


def _hanging() -> tuple[Fault, Fault]:
    return (
        Fault(name="hangs", manner=Manner.HANGS),
        Fault(name="does its work, then hangs", manner=Manner.HANGS, done=True),
    )


def _answering(
    name: str, answer: Any, manner: Manner, *, unasked: bool = False
) -> tuple[Fault, Fault]:
    """Give a wrong answer, without and with the work done."""
    fault = Fault(name=name, manner=manner, change=lambda _: answer, unasked=unasked)
    return fault, attrs.evolve(fault, name=f"{name}, its work done", done=True)


def _lies(about: str) -> tuple[Fault, Fault]:
    return (
        Fault(name=f"{about} is cut in half", manner=Manner.LIES, done=True, change=_cut),
        Fault(name=f"{about} is garbage", manner=Manner.LIES, done=True, change=_garbage),
    )


_FAILS: Final = Fault(name="fails", manner=Manner.FAILS)
_OUTSIDE: Final = (
    Fault(name="fails", manner=Manner.FAILS, error=_library),
    Fault(name="works, then fails", manner=Manner.FAILS, done=True, error=_library),
    *_hanging(),
    *_cancelled(),
)

FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "run": (
        Fault(name="is not installed", manner=Manner.FAILS, error=_missing, unasked=True),
        *_answering("is killed (-9)", api.Completed(-9), Manner.TELLS, unasked=True),
        *_answering("returns 1", api.Completed(1, "error\n"), Manner.LIES),
        *_hanging(),
        *_cancelled(),
        *_lies("its output"),
    ),
    "keep": (
        Fault(name="is not installed", manner=Manner.FAILS, error=_missing),
        _FAILS,
        *_cancelled(),
    ),
    "kept": (_FAILS, *_cancelled()),
    "end": (_FAILS, *_cancelled()),
    "connect": (
        attrs.evolve(_FAILS, unasked=True),
        Fault(name="is silent", manner=Manner.HANGS, change=lambda _: api.Reach.SILENT),
        Fault(name="is refused", manner=Manner.LIES, change=lambda _: api.Reach.REFUSED),
        *_cancelled(),
    ),
    "http": (
        _FAILS,
        *_hanging(),
        *_answering("answers 500", api.HttpAnswer(status=500, body=b"{"), Manner.TELLS),
        *_cancelled(),
        *_lies("its body"),
    ),
    "outside": _OUTSIDE,
    "outside_async": _OUTSIDE,
    "sleep": _cancelled()[:1],
    "listen": (_FAILS,),
    "read": (_FAILS, *_lies("its text")),
    "write": (_FAILS,),
    "remove": (_FAILS,),
}


@attrs.frozen
class Plan:
    """Which call goes wrong how: the one with index *at*; *onwards*: and all after it."""

    at: int
    fault: Fault | None = None  # None: the first of its port that tells of itself
    onwards: bool = False

    def of(self, index: int, port: str) -> Fault | None:
        """Give what happens to the call with this index."""
        if index != self.at and not (self.onwards and index > self.at):
            return None
        return self.fault or next(fault for fault in FAULTS[port] if fault.honest)
