"""Asks the plugins' code in a process of its own: one may end or block whoever loads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from clpcore.ctl.ends import Exit, Failure

if TYPE_CHECKING:
    from clpcore.host import Registry

T = TypeVar("T")

_PATIENCE: Final = 10.0  # seconds for one plugin, or for what is done after them


class _Failed(NamedTuple):
    """A ``Failure`` on its way between processes."""

    code: Exit
    text: str
    remedy: str


def with_plugins(work: Callable[[Registry], T]) -> T:
    """Give what *work* makes of the installed plugins; it must be something that can be pickled.

    *work* runs in a process of its own, so that nothing that it does here is left. A plugin that
    ends or blocks this process is among those that the registry has refused.

    Raises:
        Failure: as *work* raises it, or there is no result at all.

    """
    from clpcore.runtime.apart import Apart, NoResultError

    def guarded(registry: Registry) -> T | _Failed:
        try:
            return work(registry)
        except Failure as failure:
            return _Failed(failure.code, failure.text, failure.remedy)

    try:
        result = Apart.begin(guarded, _PATIENCE).result()
    except NoResultError as why:
        what = f"the process that asks the plugins gave no result: {why}"
        remedy = "uninstall the plugin that you installed last, and tell its author"
        raise Failure(Exit.REFUSED, what, remedy) from None
    if isinstance(result, _Failed):
        raise Failure(*result)
    return result
