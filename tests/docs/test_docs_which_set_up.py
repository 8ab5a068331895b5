"""docs/tutorial/which-set-up.md: its numbers are the examples' and the templates', and add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.api import Kind
from clpcore.config import profiles
from clpcore.config.wanted import Shape
from clpcore.model.config import ClusterConfig
from clpcore.model.states import Profile

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs/tutorial/which-set-up.md"
_TEXT = _PAGE.read_text()


def _row(start: str) -> list[str]:
    """Give the cells of the row that begins with *start*, behind its first one."""
    (row,) = [line for line in _TEXT.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def _seconds(cell: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", cell)]


@pytest.fixture(scope="module")
def registry() -> host.Registry:
    return host.load()


def _example(name: str, registry: host.Registry) -> ClusterConfig:
    loaded = config.load(_ROOT / "conf.d" / name, registry.specs, registry.refused)
    assert loaded.config, config.render(loaded.problems, None)
    return loaded.config


def test_the_parts_are_those_of_the_code(registry: host.Registry) -> None:
    cluster = _example("azure-dns", registry)
    record = cluster.group_by_name["failover1"].by_name["azuredns1"]
    stop = registry.specs[Kind.FENCE, "azure"].defaults["timeout"]
    silent, power, leads = _row("the server counts"), _row("Azure cuts"), _row("the address leads")
    for cell in silent[:2]:
        assert _seconds(cell) == [cluster.heartbeat_timeout // 1_000]
    for cell in power[:2]:
        assert _seconds(cell)[-1] == int(stop) // 1_000
    assert _seconds(leads[0]) == [0, record.settings["ttl"]]
    template = (_ROOT / "contrib/bicep/internal-lb.bicep").read_text()
    probe = [
        int(each) for each in re.findall(r"(?:intervalInSeconds|probeThreshold): (\d+)", template)
    ]
    assert _seconds(leads[1]) == [probe[0] * probe[1], *probe]
    fast = profiles.defaults(Profile.AZURE_FAST, "cluster")["heartbeat_timeout"]
    assert _seconds(silent[2])[-1] * 1_000 == fast


def test_they_add_up() -> None:
    rows = [_row(each) for each in ("the server counts", "Azure cuts", "the record is")]
    silent, power, written = (_seconds(row[0])[0] for row in rows)
    least, most = _seconds(_row("the address leads")[0])
    probed = _seconds(_row("the address leads")[1])[0]
    fast = _seconds(rows[0][2])[-1]
    together = _row("**together")
    dns = silent + power + written
    assert _seconds(together[0]) == [dns + least, dns + most]
    assert _seconds(together[1]) == [silent + power + probed]
    dns += fast - silent
    assert _seconds(together[2]) == [dns + least, dns + most, fast + power + probed]


def test_the_sum_of_the_check_is_the_one_that_the_page_tells(registry: host.Registry) -> None:
    (told,) = re.findall(r"(\d+) s for\s+these examples", _TEXT)
    for folder in set(re.findall(r"conf\.d/([\w-]+)/", "".join(_row("example")))):
        cluster = _example(folder, registry)
        (stop,) = cluster.fencings
        assert (cluster.heartbeat_timeout + stop.timeout + cluster.fence_delay) == int(told) * 1_000


def test_each_set_up_has_its_example_and_its_kind(registry: host.Registry) -> None:
    folders = re.findall(r"conf\.d/([\w-]+)/", "".join(_row("example")))
    resources = [re.findall(r"`(\w+)`", cell) for cell in _row("resources")]
    for folder, named in zip(folders, resources, strict=True):
        cluster = _example(folder, registry)
        assert cluster.fencings, "the table of times counts on a forced stop"
        assert [each.name for each in cluster.groups[0].resources] == named
    kinds = re.findall(r"--kind ([\w-]+)", "".join(_row("to begin with")))
    assert sorted(kinds) == sorted(each.value for each in Shape if each.is_azure)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)[)#]", _TEXT))))
def test_what_it_points_to_is_there(target: str) -> None:
    assert (_PAGE.parent / target).exists()
