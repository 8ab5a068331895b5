"""A driver's metadata as text: what administrators write, and what the core reads of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clpcore import api
from clpcore.config import settings as config


def metadata(spec: api.DriverSpec) -> str:
    """Give everything of a spec that others rely on."""
    return "\n".join(_lines(spec)) + "\n"


def _lines(spec: api.DriverSpec) -> Iterator[str]:
    yield f"{spec.kind.value} {spec.name}, API {spec.api}"
    yield f"  {spec.summary}"
    yield from (f"  {name}: {value}" for name, value in _facts(spec) if value)
    for key in config.keys(spec.config).values():
        yield ""
        yield f"{key.name}: {_type(key.type)}"
        yield f"  {key.doc}"
        if not key.mandatory:
            yield f"  default: {key.default!r}"
        for word in ("unit", "example", "low", "high"):
            if (value := getattr(key, word)) not in ("", None):
                yield f"  {word}: {value}"


def _facts(spec: api.DriverSpec) -> Iterator[tuple[str, str]]:
    yield "capabilities", ", ".join(sorted(one.value for one in spec.capabilities))
    yield "defaults", ", ".join(f"{key} {value}" for key, value in sorted(spec.defaults.items()))
    yield "made with it", ", ".join(spec.pairs_with)
    yield "activated after", ", ".join(spec.activates_after)
    yield "needs", ", ".join(spec.needs)


def _type(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
