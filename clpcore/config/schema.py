"""The JSON schema of configuration files, from the core's classes and the drivers that are here.

For editors and generators. It takes no more than it can say: what a cluster needs beyond the shape
of its files (names that exist, ports used twice, a driver's own checks) is for ``load``.
"""

from __future__ import annotations

import enum
import tomllib
import types
import typing
from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.reading import NAME
from clpcore.config.types import Types
from clpcore.config.values import DURATION, Key
from clpcore.model.alerts import TYPES, Alert
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Server
from clpcore.model.relations import ExclusionRule, ServerGroup

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAME: Final[Schema] = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_DURATION: Final = rf"^\s*{DURATION.pattern}\s*$"
_PLAIN: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


def schema(specs: Mapping[tuple[Kind, str], DriverSpec]) -> Schema:
    """Give the schema of all files of a folder, merged, as TOML's types in JSON."""
    known = Types.sort(specs, ())
    return {
        "$schema": _DIALECT,
        "title": "clpcore: /etc/clpcore/conf.d/*.toml, merged",
        **_table(
            {
                "cluster": _of(ClusterConfig),
                "server": _named(_of(Server)),
                "heartbeat": _named(_choice(known, Kind.HEARTBEAT)),
                "group": _named(_of(Group, resource=_named(_choice(known, Kind.RESOURCE)))),
                "monitor": _named(_monitor(known)),
                "alert": _named(_alert()),
                "np": _named(_choice(known, Kind.PARTITION)),
                "fencing": _named(_choice(known, Kind.FENCE)),
                "arbiter": {**_named(_choice(known, Kind.ARBITER)), "maxProperties": 1},
                "exclusion": _named(_of(ExclusionRule)),
                "server_group": _named(_of(ServerGroup)),
            },
            required=("cluster", "server"),
        ),
        "$defs": {
            _name(spec): _driver(known, spec)
            for kind in settings.CORE
            for spec in known.of(kind).values()
        },
    }


def _table(properties: Schema, *, required: Collection[str] = ()) -> Schema:
    made = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": list(required)} if required else made


def _named(inner: Schema) -> Schema:
    return {"type": "object", "propertyNames": _NAME, "additionalProperties": inner}


def _of(cls: type, **more: Schema) -> Schema:
    keys = settings.keys(cls)
    required = [key.name for key in keys.values() if key.mandatory]
    return _table({**_keys(keys), **more}, required=required)


def _keys(keys: Mapping[str, Key], defaults: Mapping[str, Any] | None = None) -> Schema:
    return {name: key_schema(key, (defaults or {}).get(name)) for name, key in keys.items()}


def _name(spec: DriverSpec) -> str:
    return f"{spec.kind.value}.{spec.name}"


def _choice(known: Types, kind: Kind) -> Schema:
    """Give the schema of a table that says its type: the type decides about all other keys."""
    specs = known.of(kind)
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(specs)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{_name(spec)}"},
            }
            for name, spec in specs.items()
        ],
    }


def _monitor(known: Types) -> Schema:
    """Give the schema of a monitor: of its own, or without type one that a resource makes."""
    made = [spec for name, spec in known.of(Kind.MONITOR).items() if name in known.watched_by]
    refs = [{"$ref": f"#/$defs/{_name(spec)}"} for spec in made]
    return {
        "if": {"required": ["type"]},
        "then": _choice(known, Kind.MONITOR),
        "else": {"anyOf": refs} if refs else False,
    }


def _alert() -> Schema:
    """Give the schema of an alert: its type decides about the keys beside the common ones."""
    common = settings.keys(Alert)
    tables = {
        name: _table(
            {"type": {"const": name}, **_keys(common), **_keys(settings.keys(cls))},
            required=["type", *(key.name for key in settings.keys(cls).values() if key.mandatory)],
        )
        for name, cls in TYPES.items()
    }
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(tables)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": table,
            }
            for name, table in tables.items()
        ],
    }


def _driver(known: Types, spec: DriverSpec) -> Schema:
    words = settings.WORDS[spec.kind]
    own = settings.keys(spec.config)
    properties: Schema = {
        "type": {"const": spec.name},
        **_keys(settings.keys(settings.CORE[spec.kind]), spec.defaults),
        **_keys(own),
    }
    if "server" in words:
        properties["server"] = _named(_table(_keys(own)))
    if "monitors" in words:
        properties["monitors"] = _table(dict.fromkeys(spec.pairs_with, _NAME))
    table = {"description": spec.summary, **_table(properties)}
    needs = [_given(key, spec.kind) for key in own.values() if _must_be_given(known, spec, key)]
    return {**table, "allOf": needs} if needs else table


def _must_be_given(known: Types, spec: DriverSpec, key: Key) -> bool:
    """Tell whether the table must give *key*: a monitor may have it from what it watches."""
    if not key.mandatory or spec.kind is not Kind.MONITOR:
        return key.mandatory
    return not any(key.name in settings.keys(r.config) for r in known.of(Kind.RESOURCE).values())


def _given(key: Key, kind: Kind) -> Schema:
    here = {"required": [key.name]}
    return {"anyOf": [here, {"required": ["server"]}]} if "server" in settings.WORDS[kind] else here


def key_schema(key: Key, default: Any = None) -> Schema:
    """Give the schema of one key; *default* is a driver's own of a key of the core."""
    found: Schema = {"description": key.doc, **_value(key)}
    value = key.default if default is None else default
    if not (value is attrs.NOTHING or value is None or isinstance(value, attrs.Factory)):  # type: ignore[arg-type]
        found["default"] = as_written(key, value)
    if key.example:
        found["examples"] = [_example(key.example)]
    return found


def _example(text: str) -> Any:
    """Give what an example says; one that is no TOML, as a plugin may bring it, as it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def as_written(key: Key, value: Any) -> Any:
    """Give a value of a class as a file has it: milliseconds as seconds, enums as their words."""
    if value is attrs.NOTHING:
        return value
    if isinstance(value, tuple):
        return [as_written(key, inner) for inner in value]
    if isinstance(value, enum.Enum):
        return value.value
    if key.unit == "ms":
        return value // 1_000 if value % 1_000 == 0 else value / 1_000
    return value


def _value(key: Key) -> Schema:
    if key.unit == "ms":
        seconds = {"type": "number", **_limits(key, 1_000), "description": "seconds"}
        return {"anyOf": [{"minimum": 0, **seconds}, {"type": "string", "pattern": _DURATION}]}
    return _typed(key.type, _limits(key, 1))


def _limits(key: Key, unit: int) -> Schema:
    limits = {"minimum": key.low, "maximum": key.high}
    return {
        name: limit if unit == 1 else limit / unit
        for name, limit in limits.items()
        if limit is not None
    }


def _typed(wanted: Any, limits: Schema) -> Schema:
    if wanted is Any:
        return {}
    if typing.get_origin(wanted) in {types.UnionType, typing.Union}:
        wanted = next(part for part in typing.get_args(wanted) if part is not types.NoneType)
    if typing.get_origin(wanted) is tuple:
        return {"type": "array", "items": _typed(typing.get_args(wanted)[0], limits)}
    if wanted in _PLAIN:
        return {"type": _PLAIN[wanted], **limits}
    return {"enum": [member.value for member in wanted]}
