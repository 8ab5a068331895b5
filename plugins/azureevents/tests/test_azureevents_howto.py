"""The page says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from clpcore.config import profiles
from clpcore.decide.freezing import LONGEST_MS
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import Arbiter
from clpcore.model.states import Profile
from clpcore_azureevents import config

_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs/howto/azure-events.md").read_text()


def test_every_key_is_there_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", _PAGE, re.MULTILINE))
    assert list(rows) == ["machines", "interval", "first", "endpoint"]
    assert {field.name for field in attrs.fields(config.Config)} == rows.keys()
    usual = config.Config()
    assert rows["interval"] == f"{usual.interval:g}"
    assert rows["first"] == f"{usual.first:g}"
    assert rows["endpoint"] == f'`"{usual.endpoint}"`'
    assert f"/{config.STATE}" in _PAGE
    assert f"/{config.FILE}" in _PAGE


def test_its_example_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(\[machines\].+?)```", _PAGE, re.DOTALL)
    file = tmp_path / "azureevents.toml"
    file.write_text(example)
    assert config.load(file).machines == {"node1": "TestVM-1", "node2": "TestVM-2"}


def test_its_numbers_are_those_of_the_profile() -> None:
    fast = profiles.defaults(Profile.AZURE_FAST, "cluster")
    silent, frozen = fast["heartbeat_timeout"] // 1_000, fast["freeze_timeout"] // 1_000
    assert f"silent after {silent} s, or after {frozen} s when a freeze was announced" in _PAGE
    assert f"`fence_delay` is {fast['fence_delay'] // 1_000} s" in _PAGE
    assert f"{frozen - silent} s apart" in _PAGE
    assert f"for {LONGEST_MS // 60_000} minutes at most" in _PAGE
    leased = ClusterConfig(name="c", arbiter=Arbiter(name="a", type="witness"), **fast)
    assert f"after {leased.endured_freeze / 1_000} s" in _PAGE
    assert leased.arbiter
    assert f"waits for its lapse ({leased.arbiter.lease // 1_000} s)" in _PAGE


@pytest.mark.parametrize("page", ["docs/howto/azure-events.md", "plugins/azureevents/README.md"])
def test_its_links_lead_somewhere(page: str) -> None:
    text = (_ROOT / page).read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    assert [link for link in links if not ((_ROOT / page).parent / link).exists()] == []
