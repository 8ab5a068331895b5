"""A minute of `make torture`: whatever the nemesis does, nothing is lost and nobody serves twice.

The same for hours: `make torture MINUTES=120 SEED=7`.
"""

from __future__ import annotations

import os

import pytest

from clp_lab.guarded import Protection
from clp_lab.torture.session import torture

pytestmark = [pytest.mark.netns, pytest.mark.timeout(240)]

_SECONDS = 60


def test_a_minute_of_torture_is_clean() -> None:
    seed = int.from_bytes(os.urandom(4))
    result = torture(Protection.BOTH, _SECONDS, seed)
    assert result.violations == (), result.text
    assert result.service.confirmed > 100, result.text
    assert sum(result.counts.values()) > 0
