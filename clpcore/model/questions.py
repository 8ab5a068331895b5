"""What an agent asks another one for an operator of its own server, and the answer to it.

Like letters these words may be lost; whoever asked gives up after a while, and says so.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class AskStatus:
    """Say how you see the cluster; *question* tells this one from every other."""

    question: str


@attrs.frozen(kw_only=True)
class TakeNotice:
    """Give your message-receive monitor a notice, or with *clear* take notices back.

    Without a keyword, *clear* means any; without a category, all of them.
    """

    question: str
    monitor: str
    category: str = ""
    keyword: str = ""
    clear: bool = False


@attrs.frozen(kw_only=True)
class AnswerPart:
    """Piece *number* of *count*, from 0, of what the control socket there would reply, in JSON."""

    question: str
    number: int
    count: int
    text: str
