"""A name in Azure DNS in a clp.conf: nobody tells how it is spelt there, so nothing is guessed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import pytest

from clpcore import config, host
from clpcore.api import Kind
from clpcore.config import clpconf, settings
from clpcore.config.clpconf import Sort, product

_CONF = """<?xml version='1.0'?><root><cluster><name>Cluster1</name></cluster>
<server name="node1"><priority>0</priority>
<device id="0"><type>lan</type><info>10.0.0.1</info></device></server>
<server name="node2"><priority>1</priority>
<device id="0"><type>lan</type><info>10.0.0.2</info></device></server>
<group name="failover1"><resource name="azuredns@azuredns1"/></group>
<resource><azuredns name="azuredns1"><parameters><zonename>c.zone</zonename></parameters></azuredns>
</resource></root>"""


@pytest.fixture(scope="module")
def registry() -> host.Registry:
    return host.load()


@pytest.fixture
def imported(registry: host.Registry, tmp_path: Path) -> clpconf.Imported:
    made = clpconf.convert(_CONF.encode(), registry.specs)
    clpconf.write(made, tmp_path, None)
    return made


def test_what_stays_empty_is_listed_with_file_and_key(
    imported: clpconf.Imported, registry: host.Registry
) -> None:
    off = imported.files["not-loaded.toml.off"]
    (table,) = tomllib.loads(off)["group"]["failover1"]["resource"].values()
    assert table == {"type": "azuredns"}
    assert "# /root/resource/azuredns@azuredns1/parameters/zonename c.zone" in off
    (told,) = [each for each in imported.findings if each.sort is Sort.FILL_IN]
    assert "conf.d/not-loaded.toml.off, [group.failover1.resource.azuredns1]" in told.what
    assert told.line == 7
    keys = product.FILL_IN["azuredns"]
    for key, screen in keys.items():
        assert f"# {key} = to fill in: {screen}" in off
        assert f"{key} ({screen})" in told.what
    ours = settings.keys(registry.specs[Kind.RESOURCE, "azuredns"].config)
    needed = {key.name for key in ours.values() if key.default is attrs.NOTHING}
    assert needed <= keys.keys() <= ours.keys()
    assert "To fill in by hand; nothing was guessed:" in clpconf.render(imported.findings)


def test_a_table_that_was_filled_in_by_the_list_is_complete(
    imported: clpconf.Imported, registry: host.Registry, tmp_path: Path
) -> None:
    ours = settings.keys(registry.specs[Kind.RESOURCE, "azuredns"].config)
    filled = [f"{key} = {ours[key].example}" for key in product.FILL_IN["azuredns"]]
    text = "\n".join(["[group.failover1.resource.azuredns1]", 'type = "azuredns"', *filled])
    (tmp_path / "conf.d" / "filled.toml").write_text(text)
    loaded = config.load(tmp_path / "conf.d", registry.specs)
    assert loaded.config, config.render(loaded.problems, None)
    assert imported.cluster == "Cluster1"
