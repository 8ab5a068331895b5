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
    secret: bool = False,
) -> Any:
    """Give an attrs field that carries its documentation.

    Args:
        doc: one sentence for the operator.
        default: the value when the key is absent; without it the key is mandatory.
        unit: ``"ms"`` marks a duration (written as seconds, or as "500 ms", kept as int
            milliseconds); ``"port"`` a TCP port that the resource listens on (no two may share
            it); ``"script"`` a file in its scripts folder; ``"ttl"`` the whole seconds that clients
            may go on with what they know (told as a part of a failover's time); other units are
            only shown.
        example: a value as an operator would write it.
        low: the least integer allowed (for durations in ms).
        high: the greatest integer allowed.
        converter: an attrs converter.
        secret: the value is left out of ``repr``, and the conformance kit watches that no error,
            log line or command shows it. A path of a file that holds a secret is none itself.

    """
    metadata = {"doc": doc, "unit": unit, "example": example, "low": low, "high": high}
    metadata["secret"] = secret
    return attrs.field(default=default, metadata=metadata, converter=converter, repr=not secret)
