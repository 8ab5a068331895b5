"""Configuration classes and tables of raw values: what keys a class has, and its values checked.

Own code, and not cattrs: an operator needs one sentence for each wrong value, all in one round,
and no value that was quietly made to fit (``"99"`` is not 99).
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from clpcore import api
from clpcore.config.positions import Path
from clpcore.config.values import Key, Wrong, can_express, is_number
from clpcore.config.wording import dotted, meant
from clpcore.model.members import Heartbeat, Monitor, Resource
from clpcore.model.protection import Arbiter, Fencing, NpResolution

# What the core itself reads in the table of a driver, beside the settings.
CORE: Final[Mapping[api.Kind, type]] = {
    api.Kind.RESOURCE: Resource,
    api.Kind.MONITOR: Monitor,
    api.Kind.HEARTBEAT: Heartbeat,
    api.Kind.PARTITION: NpResolution,
    api.Kind.FENCE: Fencing,
    api.Kind.ARBITER: Arbiter,
}
WORDS: Final[Mapping[api.Kind, frozenset[str]]] = {
    api.Kind.RESOURCE: frozenset({"type", "server", "monitors"}),
    api.Kind.MONITOR: frozenset({"type", "server"}),
    api.Kind.HEARTBEAT: frozenset({"type"}),
    api.Kind.PARTITION: frozenset({"type", "server"}),
    api.Kind.FENCE: frozenset({"type", "server"}),
    api.Kind.ARBITER: frozenset({"type", "server"}),
}


@attrs.frozen
class Fault:
    """Something wrong at *path*, which begins in the table that was read; empty: the table.

    *risk*: it can be used all the same.
    """

    path: Path
    what: str
    remedy: str = ""
    risk: bool = False


class BadSettings(ValueError):
    """The settings do not fit the driver's class; the text says all that is wrong."""

    def __init__(self, spec: api.DriverSpec, faults: list[Fault]) -> None:
        said = (f"{dotted((spec.name, *fault.path))}: {fault.what}" for fault in faults)
        super().__init__(" ".join(said))


@functools.cache
def keys(cls: type) -> Mapping[str, Key]:
    """Give the keys of a configuration class: the fields made with ``setting``."""
    hints = typing.get_type_hints(cls)
    fields = [field for field in attrs.fields(cls) if "doc" in field.metadata]
    return {field.name: _key(field, hints[field.name]) for field in fields}


def _key(field: attrs.Attribute[Any], hint: Any) -> Key:
    converted = field.converter is not None and not can_express(hint)  # it takes the raw value
    return Key(
        name=field.name,
        type=Any if converted else hint,
        default=field.default,
        doc=field.metadata["doc"],
        unit=field.metadata["unit"],
        example=field.metadata["example"],
        low=field.metadata["low"],
        high=field.metadata["high"],
        secret=field.metadata["secret"],
    )


def read(
    cls: type, table: Mapping[str, Any], examples: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], list[Fault]]:
    """Give the values of the keys of *cls* that are there and good, and what is wrong.

    A key of *table* that *cls* does not have is the caller's business. *examples* are proposed for
    missing keys in place of their own, which may be taken.
    """
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for key in keys(cls).values():
        if key.name not in table:
            example = (examples or {}).get(key.name, key.example)
            faults += [_missing(key, example)] if key.mandatory else []
            continue
        try:
            values[key.name] = key.convert(table[key.name])
        except Wrong as wrong:
            path = (key.name,) if wrong.index is None else (key.name, wrong.index)
            faults.append(Fault(path, wrong.what, wrong.remedy))
    return values, faults


def _missing(key: Key, example: str) -> Fault:
    line = f"{key.name} = {example}" if example else key.name
    return Fault((key.name,), f"{key.name} is missing.", f"Add {line}. {key.doc}")


def structure(spec: api.DriverSpec, table: Mapping[str, Any]) -> Any:
    """Give the driver's settings as its own class; *table* holds values as files have them.

    Raises:
        BadSettings: something is wrong with them.

    """
    config, faults = build(spec, table)
    if wrong := [fault for fault in faults if not fault.risk]:
        raise BadSettings(spec, wrong)
    return config


def build(spec: api.DriverSpec, table: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    """Give the driver's settings as its own class (None if it cannot be), and what is wrong."""
    known = keys(spec.config)
    values, faults = read(spec.config, table)
    faults += [
        Fault((name,), f"{spec.name} has no setting {name}.", meant(name, known))
        for name in table
        if name not in known
    ]
    if faults:
        return None, faults
    try:
        config = spec.config(**values)
        problems = list(spec.validate(config))
    except (TypeError, ValueError) as error:  # what attrs' own validators raise
        return None, [Fault((), f"{spec.name} refuses these settings: {error}")]
    except Exception as error:  # noqa: BLE001 - a plugin's code must not end the check
        what = f"The check of {spec.name} itself failed: {error!r}."
        return None, [Fault((), what, "Tell the author of the plugin.")]
    found = (
        Fault((each.key,) if each.key else (), each.what, each.remedy, each.risk)
        for each in problems
    )
    return config, list(found)


def defects(spec: api.DriverSpec) -> Iterator[str]:
    """Say what keeps a type from being configured at all: the plugin's fault."""
    if not attrs.has(spec.config):
        yield f"its class {spec.config.__name__} is not an attrs class"
        return
    try:
        known = keys(spec.config)
    except Exception as error:  # noqa: BLE001 - annotations are a plugin's code
        yield f"the annotations of its class {spec.config.__name__} cannot be read: {error}"
        return
    core = set(keys(CORE[spec.kind]))
    reserved = WORDS[spec.kind] | core
    for field in attrs.fields(spec.config):
        if "doc" not in field.metadata and field.init and field.default is attrs.NOTHING:
            yield f"its mandatory field {field.name} is not made with setting()"
        if field.name in reserved:
            yield f"its setting {field.name} has the name of a key of the core"
    for key in known.values():
        if not can_express(key.type):
            yield f"files cannot express the type of its setting {key.name}"
        elif key.is_limited and not is_number(key.type):
            yield f"its setting {key.name} has limits but is no number"
    for name in sorted(set(spec.defaults) - core):
        yield f"its default {name} is no key of a {spec.kind.value}"
