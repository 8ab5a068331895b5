"""Whether a document has the shape that this version reads: one from another agent may not."""

from __future__ import annotations

import functools
import types
import typing
from typing import Any, NotRequired


def misfit(value: object, shape: Any) -> str | None:  # noqa: ANN401 - a type, written in any way
    """Give the path of the first part of *value* that is not of *shape*; None: it fits.

    *shape*: a TypedDict, or what its parts are made of. What it does not name may be there as well:
    a newer version says more.
    """
    try:
        return _misfit(value, shape, "")
    except RecursionError:
        return "/..."


def _misfit(value: object, shape: Any, path: str) -> str | None:  # noqa: ANN401
    if typing.is_typeddict(shape):
        return _misfit_of_parts(value, shape, path)
    origin, inner = typing.get_origin(shape), typing.get_args(shape)
    if origin is types.UnionType:
        found = [_misfit(value, each, path) for each in inner]
        return None if None in found else max(filter(None, found), key=len)
    if type(value) is not (origin or shape):
        return path or "/"
    parts: dict[Any, Any] = {}
    if isinstance(value, list):
        parts, inner = dict(enumerate(value)), (int, *inner)
    elif isinstance(value, dict):
        parts = value
    found = [_misfit(part, inner[1], f"{path}/{name}") for name, part in parts.items()]
    return next(filter(None, found), None)


def _misfit_of_parts(value: object, shape: type, path: str) -> str | None:
    if not isinstance(value, dict):
        return path or "/"
    for name, (its, must) in _parts(shape).items():
        if name not in value and must:
            return f"{path}/{name}"
        wrong = _misfit(value[name], its, f"{path}/{name}") if name in value else None
        if wrong is not None:
            return wrong
    return None


@functools.cache
def _parts(shape: type) -> dict[str, tuple[Any, bool]]:
    """Give for each part of a TypedDict of what shape it is, and whether it must be there."""
    hints = typing.get_type_hints(shape, include_extras=True)
    optional = {name for name, its in hints.items() if typing.get_origin(its) is NotRequired}
    return {
        name: (typing.get_args(its)[0] if name in optional else its, name not in optional)
        for name, its in hints.items()
    }
