"""Moments as operators type them: a duration ago, or a time of the local clock."""

from __future__ import annotations

import argparse
import re
import time
from typing import Final

_UNITS: Final = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_AGO: Final = re.compile(r"(\d{1,9})\s*(s|min|h|d)")
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def moment(text: str) -> int:
    """Give ms since 1970 of ``10min``, ``21:00``, ``2026-11-22``, ``2026-11-22 21:00``.

    Raises:
        ArgumentTypeError: it is none of these.

    """
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return max(0, int(time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1_000)
    if _CLOCK.fullmatch(text):
        text = f"{time.strftime('%Y-%m-%d')} {text.zfill(5 if text.count(':') == 1 else 8)}"
    import datetime as dt

    try:
        return max(0, int(dt.datetime.fromisoformat(text).timestamp() * 1_000))
    except (ValueError, OverflowError, OSError):
        wrong = f"{text!r} is no moment: write 10min, 2h, 1d, 21:00 or '2026-11-22 21:00'"
        raise argparse.ArgumentTypeError(wrong) from None
