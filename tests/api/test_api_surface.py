"""The contract with plugins: `surface.txt` shows every name, signature and field of `clpcore.api`.

``CLP_RECORD=1 pytest tests/api`` writes it anew. A line that goes away or changes breaks plugins
that are out there: before 1.0 raise the minor of ``API``, from 1.0 on the major.
"""

from __future__ import annotations

import enum
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from clpcore import api

_RECORDED = Path(__file__).with_name("surface.txt")


def surface() -> str:
    """Give the whole of it as text, by name."""
    names = sorted(name for name in vars(api) if _is_public(name))
    lines = [f"clpcore.api, version {api.API}", ""]
    for name in names:
        lines += [*_described(name, getattr(api, name)), ""]
    return "\n".join(lines)


def _is_public(name: str) -> bool:
    return (
        not name.startswith("_")
        and not inspect.ismodule(getattr(api, name))
        and name != ("annotations")
    )


def _described(name: str, thing: Any) -> Iterator[str]:  # noqa: ANN401 - whatever is there
    if not inspect.isclass(thing):
        yield f"{name}{inspect.signature(thing)}" if inspect.isfunction(thing) else _value(name)
        return
    bases = [base.__name__ for base in thing.__bases__ if base.__name__ != "object"]
    yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    if issubclass(thing, enum.Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in thing)
        return
    if attrs.has(thing):
        written = _annotations(thing)
        yield from (f"    {_field(field, written)}" for field in attrs.fields(thing))
    yield from (f"    {line}" for line in _methods(thing))


def _value(name: str) -> str:
    return f"{name}: {type(getattr(api, name)).__name__}"


def _annotations(thing: type) -> dict[str, str]:
    """Give them as they are written: whoever resolves a class changes its fields' types."""
    return {name: text for base in reversed(thing.__mro__) for name, text in _own(base).items()}


def _own(base: type) -> dict[str, str]:
    return dict(vars(base).get("__annotations__", {}))


def _field(field: attrs.Attribute[Any], written: dict[str, str]) -> str:
    said = f"{field.name}: {written[field.name]}"
    if field.default is attrs.NOTHING:
        return said
    factory = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
    return f"{said} = {'...' if factory else _default(field.default)}"


def _default(value: object) -> str:
    return value.__name__ if inspect.isfunction(value) else repr(value)


def _methods(thing: type) -> Iterator[str]:
    for name, member in sorted(vars(thing).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"{name}: {inspect.signature(member.fget or print).return_annotation} (property)"
        elif inspect.isfunction(member):
            word = "async def" if inspect.iscoroutinefunction(member) else "def"
            yield f"{word} {name}{inspect.signature(member)}"


def test_the_surface_is_as_recorded() -> None:
    now = surface()
    if os.environ.get("CLP_RECORD"):
        _RECORDED.write_text(now)
    assert now == _RECORDED.read_text()


def test_whatever_is_public_says_what_it_is_for() -> None:
    mute = [
        name
        for name in vars(api)
        if _is_public(name)
        and inspect.isclass(getattr(api, name))
        and not getattr(api, name).__doc__
    ]
    assert mute == []


def test_every_kind_has_a_protocol() -> None:
    protocols = {
        api.Kind.RESOURCE: api.ResourceDriver,
        api.Kind.MONITOR: api.MonitorDriver,
        api.Kind.HEARTBEAT: api.HeartbeatDriver,
        api.Kind.PARTITION: api.PartitionDriver,
        api.Kind.FENCE: api.FenceDriver,
        api.Kind.ARBITER: api.Arbiter,
    }
    assert set(protocols) == set(api.Kind)
