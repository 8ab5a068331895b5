"""JSON of the model's values: every value comes back, and nothing is converted on the way."""

from __future__ import annotations

import enum
import functools
import json
import types
import typing
from collections.abc import Mapping

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clpcore.model import actions, ids, inputs, ownership, peer, reasons, state
from clpcore.wire.values import Unreadable, from_json, to_json

INT64 = st.integers(-(2**63), 2**63 - 1)


def sentences() -> st.SearchStrategy[reasons.Because]:
    """Give sentences, with sentences as arguments: the one type that holds itself."""
    texts = st.text(max_size=20)

    def around(inner: st.SearchStrategy[reasons.Because]) -> st.SearchStrategy[reasons.Because]:
        pairs = st.lists(st.tuples(texts, st.one_of(texts, inner)), max_size=3).map(tuple)
        return st.builds(reasons.Because, key=texts, args=pairs)

    return st.recursive(st.builds(reasons.Because, key=texts), around, max_leaves=4)


@functools.cache
def values_of(kind: typing.Any) -> st.SearchStrategy[typing.Any]:  # noqa: ANN401 - any type
    """Give every value of a model type: class, enumeration, union, tuple, scalar."""
    arguments = typing.get_args(kind)
    if kind is reasons.Because:
        return sentences()
    if attrs.has(kind):
        fields = attrs.fields(attrs.resolve_types(kind))
        return st.builds(kind, **{field.alias: values_of(field.type) for field in fields})
    if typing.get_origin(kind) is tuple:
        if arguments[-1] is ...:
            return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, arguments))
    if typing.get_origin(kind) is Mapping:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=3)
    if arguments:
        return st.one_of(*map(values_of, arguments))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    scalars = {
        int: INT64,
        str: st.text(max_size=20),
        bool: st.booleans(),
        types.NoneType: st.none(),
    }
    return scalars[kind]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(inputs.Input, id="Input"),
        pytest.param(actions.Action, id="Action"),
        pytest.param(tuple[ownership.Record, ...], id="Records"),
        pytest.param(ids.Incarnation | None, id="Incarnation or None"),
    ],
)
@given(data=st.data())
def test_every_value_comes_back(
    kind: typing.Any,  # noqa: ANN401 - class, union or tuple
    data: st.DataObject,
) -> None:
    value = data.draw(values_of(kind))
    text = to_json(value, kind)
    assert from_json(text, kind) == value
    assert to_json(from_json(text, kind), kind) == text


@settings(max_examples=20)
@given(value=values_of(state.ClusterState))
def test_a_state_with_tuples_and_numbers_as_keys_comes_back(value: state.ClusterState) -> None:
    assert from_json(to_json(value), state.ClusterState) == value


def test_a_mapping_without_texts_as_keys_is_pairs_and_nothing_else() -> None:
    kind = typing.get_type_hints(state.ClusterState)["running"]
    call = '{"group": "g", "name": "r", "until": 5}'
    found = from_json(f"[[3, {call}]]", kind)
    assert found == {3: state.Underway("g", "r", 5)}
    for wrong in (f'{{"3": {call}}}', f'[["3", {call}]]', f"[[3, {call}, 4]]", "[[3]]"):
        with pytest.raises(Unreadable):
            from_json(wrong, kind)


class Colour(enum.Enum):
    """An enumeration of numbers, to see that True is not 1."""

    RED = 1


@attrs.frozen
class Leaf:
    """All fields have defaults."""

    number: int = 0
    word: str = ""
    truth: bool = False
    part: float = 0.5
    colour: Colour = Colour.RED


@attrs.frozen
class Branch:
    """Tuples, a mapping, a union, options."""

    leaves: tuple[Leaf, ...] = ()
    pair: tuple[str, int] = ("", 0)
    either: Leaf | Twig = Leaf()
    option: Leaf | None = None
    perhaps: Leaf | Twig | None = None
    table: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen
class Twig:
    """The other of a union."""

    number: int


def test_the_shape_of_the_text() -> None:
    branch = Branch((Leaf(word="é"),), ("a", 1), Twig(2), table={"b": 3})
    leaf = '{"number":0,"word":"é","truth":false,"part":0.5,"colour":1}'
    assert to_json(branch) == (
        f'{{"leaves":[{leaf}],"pair":["a",1],"either":{{"is":"Twig","number":2}},"option":null,'
        '"perhaps":null,"table":{"b":3}}'
    )
    assert to_json(Twig(1), Leaf | Twig) == '{"is":"Twig","number":1}'


def test_one_of_several_classes_or_none_comes_back() -> None:
    for perhaps in (None, Leaf(3), Twig(2)):
        branch = Branch(perhaps=perhaps)
        assert from_json(to_json(branch), Branch) == branch


def test_unknown_keys_are_passed_over_and_absent_ones_take_their_default() -> None:
    assert from_json('{"number":3,"later":[1,{}]}', Leaf) == Leaf(3)
    assert from_json('{"either":{"is":"Twig","number":1,"later":0}}', Branch) == Branch(
        either=Twig(1)
    )


@pytest.mark.parametrize(
    ("field", "written", "says"),
    [
        ("number", '"99"', "int wanted, str given @ $.number"),
        ("number", "true", "int wanted, bool given @ $.number"),
        ("number", "1.0", "int wanted, float given @ $.number"),
        ("number", "null", "int wanted, NoneType given @ $.number"),
        ("number", str(2**63), "an int beyond 64 bits @ $.number"),
        ("number", str(-(2**63) - 1), "an int beyond 64 bits @ $.number"),
        ("number", "9" * 5000, "Exceeds the limit"),
        ("word", "1", "str wanted, int given @ $.word"),
        ("word", r'"\ud800"', "surrogates not allowed @ $.word"),
        ("truth", "1", "bool wanted, int given @ $.truth"),
        ("truth", '"false"', "bool wanted, str given @ $.truth"),
        ("part", "1", "float wanted, int given @ $.part"),
        ("part", "NaN", "NaN is no JSON"),
        ("part", "-Infinity", "-Infinity is no JSON"),
        ("colour", "true", "True is no Colour @ $.colour"),
        ("colour", "2", "2 is no Colour @ $.colour"),
        ("colour", "[]", "unhashable type: 'list' @ $.colour"),
    ],
)
def test_a_scalar_is_not_converted(field: str, written: str, says: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        from_json(f'{{"{field}":{written}}}', Leaf)
    assert says in str(unreadable.value)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("[]", "object wanted, list given"),
        ('{"leaves":"abc"}', "list wanted, str given @ $.leaves"),
        ('{"leaves":{}}', "list wanted, dict given @ $.leaves"),
        ('{"leaves":[[]]}', "object wanted, list given @ $.leaves"),
        ('{"leaves":[{"number":""}]}', "int wanted, str given @ $.leaves.number"),
        ('{"pair":"a1"}', "list wanted, str given @ $.pair"),
        ('{"pair":["a"]}', "2 items wanted, 1 given @ $.pair"),
        ('{"pair":["a",1,2]}', "2 items wanted, 3 given @ $.pair"),
        ('{"pair":[1,"a"]}', "str wanted, int given @ $.pair"),
        ('{"either":{}}', "is = None is none of Leaf, Twig @ $.either"),
        ('{"either":{"is":"Branch"}}', "is = 'Branch' is none of Leaf, Twig @ $.either"),
        ('{"either":{"is":[]}}', "unhashable type: 'list' @ $.either"),
        ('{"either":[]}', "object wanted, list given @ $.either"),
        ('{"either":{"is":"Twig"}}', "'number' is missing @ $.either.number"),
        ('{"perhaps":{}}', "is = None is none of Leaf, Twig @ $.perhaps"),
        ('{"perhaps":[]}', "object wanted, list given @ $.perhaps"),
        ('{"table":""}', "object wanted, str given @ $.table"),
        ('{"table":[["a",1]]}', "object wanted, list given @ $.table"),
        ('{"table":{"a":"1"}}', "int wanted, str given @ $.table"),
        ('{"option":[]}', "object wanted, list given @ $.option"),
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deep"),
    ],
    ids=lambda value: value[:30],
)
def test_a_wrong_shape_is_told_with_its_place(written: str, says: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        from_json(written, Branch)
    assert says in str(unreadable.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["is"]), inner),
)


@given(JSON)
def test_any_json_is_read_or_unreadable(value: object) -> None:
    for kind in (Branch, peer.Beat):
        try:
            assert isinstance(from_json(json.dumps(value), kind), kind)
        except Unreadable:
            continue


def test_a_long_wrong_value_is_not_repeated_in_full() -> None:
    with pytest.raises(Unreadable) as unreadable:
        from_json(json.dumps({"either": {"is": "x" * 10_000}}), Branch)
    assert len(str(unreadable.value)) < 200
