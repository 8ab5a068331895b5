"""Whose mistake an exception is, and in which line: the driver's, or that of the scripted world."""

from __future__ import annotations

import inspect
import linecache
import os
import traceback
from pathlib import Path
from typing import Final

import attrs

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.rules import Rule

_MISTAKES: Final = (AttributeError, NameError, TypeError, NotImplementedError)
_KIT: Final = str(Path(__file__).parent) + os.sep
_PACKAGE: Final = __name__.rpartition(".")[0]
# Where the kit calls what stands in a world; a library's function may raise what it likes.
_ANSWERS: Final = {"run", "keep", "http"}


def judged(error: BaseException, spec: api.DriverSpec) -> tuple[Rule, str]:
    """Give the rule that was broken by whoever raised *error*, and where, as far as it is seen."""
    if (line := _line_of_world(error)) is not None:
        return rules.WORLD_ANSWERS, _shown(line)
    theirs = [line for line in _lines(error) if not _is_kit(line)]
    its = [line for line in theirs if _is_in(line.filename, spec)] or theirs
    where = _shown(its[-1]) if its else ""
    if isinstance(error, _MISTAKES):
        return rules.NO_MISTAKE, f"{where}{_names(error)}"
    return rules.NO_BUG, where


def _lines(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _is_kit(line: traceback.FrameSummary) -> bool:
    return line.filename.startswith(_KIT)


def _line_of_world(error: BaseException) -> traceback.FrameSummary | None:
    """Give the line of the suite's own program or site that raised; None: it was none of them."""
    lines = _lines(error)
    last = max((at for at, line in enumerate(lines) if _is_kit(line)), default=len(lines))
    if last + 1 >= len(lines) or lines[last].name not in _ANSWERS:
        return None
    return lines[last + 1] if lines[last].filename == f"{_KIT}world.py" else None


def _is_in(file: str, spec: api.DriverSpec) -> bool:
    """Tell whether *file* lies beside the driver's: that of a library which it calls does not."""
    made = inspect.unwrap(spec.make) if spec.make is not None else None
    if not (inspect.isclass(made) or inspect.isfunction(made)):
        return False
    return Path(file).parent == Path(inspect.getfile(made)).parent


def _shown(line: traceback.FrameSummary) -> str:
    file, number = Path(line.filename), line.lineno or 0
    text = linecache.getline(line.filename, number).strip()
    return f"; {file.parent.name}/{file.name}, line {number}: {text}"


def _names(error: BaseException) -> str:
    """Say what a value of the API has, where one was asked for what it has not."""
    cls = type(error.obj) if isinstance(error, AttributeError) else object
    if cls.__module__.startswith(_PACKAGE):
        cls = api.Ports
    elif not cls.__module__.startswith("clpcore."):
        return ""
    has = [field.name for field in attrs.fields(cls)] if attrs.has(cls) else vars(cls)
    return f"; api.{cls.__name__} has {', '.join(name for name in has if name[0] != '_')}"
