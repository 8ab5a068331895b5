"""What is wrong with the agent itself now: said once when it begins, once when it is over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from clpcore import messages
from clpcore.model.reasons import Because, Severity

logger = logging.getLogger(__name__)

_LEVELS: Final = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}


def log(reason: Because) -> None:
    """Write a sentence, with its remedy, to the agent's stderr."""
    entry = messages.entry(reason.key)
    text = f"{messages.render(reason)} {messages.remedy(reason)}".rstrip()
    logger.log(_LEVELS[entry.severity], "%s: %s", reason.key, text)


@attrs.define
class Troubles:
    """The troubles of one agent, by what has them; *tell* also takes each sentence down."""

    _tell: Callable[[Because], None]
    _now: dict[str, Because] = attrs.field(factory=dict)

    @property
    def now(self) -> Mapping[str, Because]:
        """Give what is wrong now, oldest first."""
        return self._now

    def begin(self, what: str, reason: Because) -> None:
        """Say that *what* is in trouble, unless the very same was said already."""
        if self._now.get(what) != reason:
            self._now[what] = reason
            self.tell(reason)

    def end(self, what: str, reason: Because) -> None:
        """Say that the trouble of *what* is over, if there was one."""
        if self._now.pop(what, None) is not None:
            self.tell(reason)

    def tell(self, reason: Because) -> None:
        """Say something that needs no end."""
        log(reason)
        self._tell(reason)
