"""What a request's filters mean, and the words for those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from clpcore.runtime.operators import filters
from clpcore.runtime.store.wanted import Wanted


def test_nothing_asked_for_is_every_sentence() -> None:
    assert filters.read({"do": "log", "lines": 3}) == Wanted()


def test_ids_modules_and_severities_must_all_fit() -> None:
    keys = filters.read({"modules": ["rc", "nm"], "severities": ["error"]}).keys
    assert keys is not None
    assert {"nm2", "rc32"} <= keys
    assert not keys & {"nm1", "rm9", "op2", "rc10"}
    assert filters.read({"ids": ["nm2", "rc10"], "modules": ["rc"]}).keys == frozenset({"rc10"})
    assert filters.read({"ids": ["nm1"], "severities": ["error"]}).keys == frozenset()


def test_names_and_time_are_handed_on() -> None:
    asked = {"about": "failover1", "server": "node1", "since": 7, "kinds": ["input"]}
    assert filters.read(asked) == Wanted(
        kinds=frozenset({"input"}), about="failover1", server="node1", since=7
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ids": ["rc99999"]}, "'rc99999'"),
        ({"modules": "rc"}, "a list"),
        ({"severities": [["error"]]}, "error"),
        ({"kinds": ["gossip"]}, "gossip"),
        ({"about": 7}, "a name"),
        ({"server": "n" * 1_000}, "a name"),
        ({"since": -1}, "ms since 1970"),
        ({"since": True}, "ms since 1970"),
    ],
)
def test_a_filter_that_means_nothing_is_named(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(filters.BadFilter, match=said):
        filters.read(asked)
