"""Questions at a terminal, for what no flag has said."""

from __future__ import annotations

import sys
from collections.abc import Callable

from clpcore.ctl.ends import Exit, Failure

Check = Callable[[str], bool]


class Questions:
    """Asks on stderr, so that stdout holds only the result; elsewhere it collects what is missing.

    *asks*: somebody is there to answer.
    """

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks
        self._missing: list[str] = []

    def ask(self, flag: str, question: str, default: str = "", check: Check = bool) -> str:
        """Give the answer that *check* takes; *flag* would have said it."""
        if not self._asks:
            self._missing.append(flag)
            return default
        while True:
            answer = _answer(f"{question} [{default}]: " if default else f"{question}: ")
            if check(answer or default):
                return answer or default

    def ask_list(self, flag: str, question: str, check: Check) -> list[str]:
        """Give answers until an empty one."""
        found: list[str] = []
        while answer := self.ask(flag, question, check=lambda text: not text or check(text)):
            found.append(answer)
        return found

    def refuse_if_missing(self) -> None:
        """Refuse to guess.

        Raises:
            Failure: nobody was there to answer.

        """
        if self._missing:
            what = f"nobody is at a terminal to answer for {', '.join(self._missing)}"
            raise Failure(Exit.USAGE, what, "give them as flags; --help has examples")


def _answer(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        print(file=sys.stderr)
        raise Failure(Exit.USAGE, "the answers ended early", "nothing was written; start again")
    return line.strip()
