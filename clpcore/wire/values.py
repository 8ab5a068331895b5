"""The values of ``clpcore.model`` as JSON and back, strictly: for letters, journal and store.

A class is an object of its fields, an enumeration its value, a tuple a list, a mapping an object
(without texts as keys: a list of pairs); where a field may be one of several classes, the key
``is`` holds the class's name. Reading converts nothing: ``"99"`` is
no number, ``1`` no truth, a text no list. Unknown keys are passed over and absent ones take their
default, so that versions can meet; an unknown class or enumeration value is an error.
"""

from __future__ import annotations

import enum
import json
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_args, get_origin, overload

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from clpcore.model.reasons import Because

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]

_TAG: Final = "is"
_INT_LIMIT: Final = 2**63  # what a store's column and a frame's field can hold


class Unreadable(ValueError):
    """A text is not the JSON of the value wanted; says where in it and why."""


def to_json(value: object, kind: object = None) -> str:
    """Give compact JSON. *kind*, the union it is read as, makes the outermost class be named."""
    return _ENCODER.encode(_CONVERTER.unstructure(value, unstructure_as=kind))


@overload
def from_json(text: str, kind: type[T]) -> T: ...
@overload
def from_json(text: str, kind: types.UnionType) -> Any: ...  # noqa: ANN401 - one of the union
def from_json(text: str, kind: Any) -> Any:
    """Give the value of type *kind* (a class, ``tuple[X, ...]``, a union), or raise Unreadable."""
    try:
        return _CONVERTER.structure(_DECODER.decode(text), kind)
    except RecursionError:
        raise Unreadable("$: nested too deep") from None
    except cattrs.BaseValidationError as error:
        raise Unreadable("; ".join(cattrs.transform_error(error, format_exception=_word))) from None
    except (TypeError, ValueError) as error:
        raise Unreadable(f"$: {error}") from None


def _word(error: BaseException, _kind: type | None) -> str:
    """Give the words for one error; cattrs adds the place."""
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _wanted(what: str, value: object) -> TypeError:
    return TypeError(f"{what} wanted, {type(value).__name__} given")


def _bool(value: object, _kind: object) -> bool:
    if value is True or value is False:
        return value
    raise _wanted("bool", value)


def _int(value: object, _kind: object) -> int:
    if type(value) is not int:
        raise _wanted("int", value)
    if not -_INT_LIMIT <= value < _INT_LIMIT:
        raise ValueError("an int beyond 64 bits")
    return value


def _float(value: object, _kind: object) -> float:
    if type(value) is not float:
        raise _wanted("float", value)
    return value


def _str(value: object, _kind: object) -> str:
    if type(value) is not str:
        raise _wanted("str", value)
    if not value.isascii():
        value.encode()  # half of a surrogate pair can be written in JSON, but nowhere else
    return value


def _enum(kind: type[enum.Enum], _converter: object) -> _Hook:
    members = {member.value: member for member in kind}

    def structure(value: object, _kind: object) -> enum.Enum:
        member = members.get(value)
        if member is None or type(member.value) is not type(value):
            raise ValueError(f"{value!r:.80} is no {kind.__name__}")
        return member

    return structure


def _tuple(kind: types.GenericAlias, converter: cattrs.Converter) -> _Hook:
    """Read ``tuple[X, ...]`` or ``tuple[X, Y]`` from a list and from nothing else."""
    inner = get_args(kind)
    endless = inner[-1] is ...
    parts = [(converter.get_structure_hook(part), part) for part in inner if part is not ...]

    def structure(value: object, _kind: object) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _wanted("list", value)
        if endless:
            hook, part = parts[0]
            return tuple([hook(item, part) for item in value])
        if len(value) != len(parts):
            raise ValueError(f"{len(parts)} items wanted, {len(value)} given")
        return tuple([hook(item, part) for item, (hook, part) in zip(value, parts, strict=True)])

    return structure


def _mapping(kind: types.GenericAlias, converter: cattrs.Converter) -> _Hook:
    """Read ``Mapping[str, X]`` from an object and from nothing else, another one from pairs."""
    key, part = get_args(kind)
    if key is not str:
        return _read_pairs(key, part, converter)
    hook = converter.get_structure_hook(part)

    def structure(value: object, _kind: object) -> dict[str, Any]:
        if type(value) is not dict:
            raise _wanted("object", value)
        return {_str(key, str): hook(item, part) for key, item in value.items()}

    return structure


def _read_pairs(key: Any, part: Any, converter: cattrs.Converter) -> _Hook:  # noqa: ANN401 - types
    pairs = types.GenericAlias(tuple, (types.GenericAlias(tuple, (key, part)), ...))
    hook = _tuple(pairs, converter)

    def structure(value: object, _kind: object) -> dict[Any, Any]:
        return dict(hook(value, pairs))

    return structure


def _write_pairs(kind: types.GenericAlias, converter: cattrs.Converter) -> Callable[[Any], object]:
    keys, parts = map(converter.get_unstructure_hook, get_args(kind))

    def unstructure(value: Mapping[Any, Any]) -> object:
        return [(keys(key), parts(part)) for key, part in value.items()]

    return unstructure


def _class(kind: type[Any], converter: cattrs.Converter) -> _Hook:
    """Read an attrs class; without the check a list would pass for one with defaults only."""
    generated: _Hook = make_dict_structure_fn(kind, converter)

    def structure(value: object, _kind: object) -> object:
        if type(value) is not dict:
            raise _wanted("object", value)
        return generated(value, kind)

    return structure


def _read_union(kind: types.UnionType, converter: cattrs.Converter) -> _Hook:
    members = {part.__name__: part for part in _classes(kind)}
    hooks = {name: converter.get_structure_hook(part) for name, part in members.items()}
    optional = types.NoneType in get_args(kind)

    def structure(value: object, _kind: object) -> object:
        if value is None and optional:
            return None
        if type(value) is not dict:
            raise _wanted("object", value)
        name = value.get(_TAG)
        if name not in members:
            raise ValueError(f"{_TAG} = {name!r:.80} is none of {', '.join(members)}")
        return hooks[name](value, members[name])

    return structure


def _write_union(kind: types.UnionType, converter: cattrs.Converter) -> Callable[[Any], object]:
    hooks = {part: converter.get_unstructure_hook(part) for part in _classes(kind)}

    def unstructure(value: Any) -> object:  # noqa: ANN401 - one of the union
        if value is None:
            return None
        return {_TAG: type(value).__name__, **hooks[type(value)](value)}

    return unstructure


def _argument(converter: cattrs.Converter) -> _Hook:
    """Read an argument of a sentence: a text, or a sentence itself."""

    def structure(value: object, _kind: object) -> str | Because:
        if type(value) is dict:
            return converter.structure(value, Because)
        return _str(value, str)

    return structure


def _is_enum(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _is_tuple(kind: object) -> bool:
    return get_origin(kind) is tuple


def _classes(kind: types.UnionType) -> list[type[Any]]:
    return [part for part in get_args(kind) if part is not types.NoneType]


def _is_mapping(kind: object) -> bool:
    return get_origin(kind) is Mapping


def _has_no_texts_as_keys(kind: object) -> bool:
    return _is_mapping(kind) and get_args(kind)[0] is not str


def _is_union_of_classes(kind: object) -> bool:
    """Tell whether it is one of several classes, perhaps or None; cattrs knows ``X | None``."""
    if not isinstance(kind, types.UnionType):
        return False
    classes = _classes(kind)
    return len(classes) > 1 and all(map(attrs.has, classes))


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for kind, hook in ((bool, _bool), (int, _int), (float, _float), (str, _str)):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook(str | Because, _argument(converter))
    converter.register_structure_hook_factory(_is_enum, _enum)
    converter.register_structure_hook_factory(_is_tuple, _tuple)
    converter.register_structure_hook_factory(_is_mapping, _mapping)
    converter.register_structure_hook_factory(attrs.has, _class)
    converter.register_structure_hook_factory(_is_union_of_classes, _read_union)
    converter.register_unstructure_hook_factory(_is_union_of_classes, _write_union)
    converter.register_unstructure_hook_factory(_has_no_texts_as_keys, _write_pairs)
    return converter


_CONVERTER: Final = _converter()
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
