"""Names of users and groups from the local files alone: a directory server must not stall us."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_USERS: Final = Path("/etc/passwd")
_GROUPS: Final = Path("/etc/group")


def user_name(uid: int) -> str:
    """Give the name of a user, or its number where the local file does not know it."""
    return next((name for name, _, number, *_ in _lines(_USERS) if number == str(uid)), f"#{uid}")


def group_id(group: str) -> int | None:
    """Give the id of a local group, None if there is none of that name."""
    return next((int(number) for name, _, number, *_ in _lines(_GROUPS) if name == group), None)


def _lines(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return []
    rows = [line.split(":") for line in text.splitlines()]
    return [row for row in rows if len(row) > 2 and row[2].isdigit()]  # noqa: PLR2004 - name, password, number
