"""Configuration fields that document themselves: errors, pages, schema and forms read this."""

from __future__ import annotations

from typing import Any

import attrs

NOTHING = attrs.NOTHING


def setting(
    doc: str,
    *,
    default: Any = NOTHING,
    unit: str = "",
    example: str = "",
    low: int | None = None,
    high: int | None = None,
    converter: Any = None,
) -> Any:
    """Give an attrs field that carries its documentation.

    Args:
        doc: one sentence for the operator.
        default: the value when the key is absent; without it the key is mandatory.
        unit: ``"ms"`` marks a duration (written as seconds, or as "500 ms", kept as int
            milliseconds); ``"port"`` a TCP port that the resource listens on (no two may share
            it); ``"script"`` a file in its scripts folder; other units are only shown.
        example: a value as an operator would write it.
        low: the least integer allowed (for durations in ms).
        high: the greatest integer allowed.
        converter: an attrs converter.

    """
    metadata = {"doc": doc, "unit": unit, "example": example, "low": low, "high": high}
    return attrs.field(default=default, metadata=metadata, converter=converter)
