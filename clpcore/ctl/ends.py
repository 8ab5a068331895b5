"""How a command ends: the exit codes, stable for scripts, and the failure that carries them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clpcore.ctl.document import Because


class Exit(enum.IntEnum):
    """The exit codes of every command."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_AGENT = 3
    UNKNOWN = 4
    BAD_CONFIG = 78  # EX_CONFIG of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells count
    CUT_OFF = 141  # 128 + SIGPIPE


MEANING: Final = {
    Exit.DONE: "done; warnings alone do not change this",
    Exit.REFUSED: "refused or failed; the reason and the next step are on stderr",
    Exit.USAGE: "wrong usage; nothing was asked for",
    Exit.NO_AGENT: "no agent can be reached on this server; nothing was asked for",
    Exit.UNKNOWN: "no answer in time: what was asked for may still happen, its state is unknown",
    Exit.BAD_CONFIG: "the configuration has errors",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; what was asked for goes on",
    Exit.CUT_OFF: "the reader of the output went away",
}


class Failure(Exception):
    """A command cannot go on: *text* says what happened, *remedy* the next step.

    *because*: the same as data, where the agent gave its sentences.
    """

    def __init__(
        self, code: Exit, text: str, remedy: str = "", because: Sequence[Because] = ()
    ) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.remedy = remedy
        self.because = because

    def as_json(self) -> dict[str, object]:
        """Give it as machines read it."""
        return {
            "ok": False,
            "exit": self.code,
            "error": self.text,
            "remedy": self.remedy,
            "because": list(self.because),
        }
