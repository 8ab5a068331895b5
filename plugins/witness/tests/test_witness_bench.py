"""The benchmark measures, and nothing fails in it."""

from __future__ import annotations

import re

import pytest

from clpcore_witness import bench


@pytest.mark.parametrize("more", [[], ["--tls"]], ids=["HTTP", "HTTPS"])
def test_it_measures(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--clusters", "3", "--interval", "0.1", "--renewal", "0.2", "--seconds", "0.5"]
    assert bench.main([*small, *more]) == 0
    said = capsys.readouterr().out
    assert "; 0 failed\n" in said
    found = re.search(r"requests/s: (\d+): (\d+) heartbeats, (\d+) renewals, (\d+) questions", said)
    assert found
    assert min(map(int, found.groups())) > 0
