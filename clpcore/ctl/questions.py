"""Questions at a terminal, for what no flag has said."""

from __future__ import annotations

import sys
from collections.abc import Callable

from clpcore.ctl.ends import Exit, Failure

Wrong = Callable[[str], str]  # gives what is wrong with an answer, empty if nothing is


class Questions:
    """Asks on stderr, so that stdout holds only the result; elsewhere it collects what is missing.

    *asks*: somebody is there to answer.
    """

    def __init__(self, *, asks: bool) -> None:
        self.asks = asks
        self._missing: list[str] = []

    def ask(self, flag: str, question: str, wrong: Wrong, default: str = "") -> str:
        """Give the answer; *flag* would have said it, and *default* is what an empty one means."""
        if not self.asks:
            self._missing.append(flag)
            return default
        while True:
            answer = _answer(f"{question} [{default}]: " if default else f"{question}: ")
            what = wrong(answer or default)
            if not what:
                return answer or default
            print(f"  {what}", file=sys.stderr)

    def offer(self, question: str, wrong: Wrong, default: str) -> str:
        """Give the answer, or *default* where nobody is there: no flag need say it."""
        return self.ask("", question, wrong, default) if self.asks else default

    def ask_list(
        self, flag: str, first: str, more: str, wrong: Callable[[str, list[str]], str]
    ) -> list[str]:
        """Give one answer or more, until an empty one; *wrong* sees those before, too."""
        found = [self.ask(flag, first, lambda text: wrong(text, []))]
        while self.asks:
            answer = self.ask(flag, more, lambda text: wrong(text, found) if text else "")
            if not answer:
                break
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
