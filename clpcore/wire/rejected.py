"""The one error for bytes that another machine sent."""

from __future__ import annotations

import enum


class Reason(enum.Enum):
    """Why bytes were not taken.

    Up to FORGED anybody can cause it. From OLD_INCARNATION on the bytes were sealed with the
    cluster key, so an alarm on it is about our own servers.
    """

    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    FOREIGN = "foreign"  # not of this protocol
    VERSION = "version"  # of this protocol, in a version that we do not speak
    UNKNOWN_SENDER = "unknown sender"
    UNKNOWN_KEY = "unknown key"
    FORGED = "forged"  # another key or cluster name, or changed on the way
    OLD_INCARNATION = "old incarnation"
    CLONED = "cloned"  # two agents under one name and incarnation
    REPLAYED = "replayed"
    UNREADABLE = "unreadable"  # authentic, but not a message that we know


class Rejected(Exception):
    """Bytes from the network were not taken; *detail* names the thing, the value, the remedy."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the reason for counters and the detail for people."""
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """Give one line for the log."""
        return f"{self.reason.value}: {self.detail}"
