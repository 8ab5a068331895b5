"""What the tests of the kit share: a suite is played like pytest would, and its complaints kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from clpcore.testing import Suite

Complaints: TypeAlias = dict[str, str]

_RECORDED = "test_what_administrators_write_is_as_recorded"  # has tests of its own


@pytest.fixture
def complaints() -> Callable[[type[Suite]], Complaints]:
    """Give what each test of a suite complains of."""

    def play(suite: type[Suite]) -> Complaints:
        found = {}
        for name in (name for name in dir(suite) if name.startswith("test_")):
            if name == _RECORDED:
                continue
            try:
                getattr(suite(), name)()
            except pytest.fail.Exception as failed:
                found[name] = str(failed)
        return found

    return play
