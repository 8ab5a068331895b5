"""Witness heartbeats and NP resolution of a clp.conf become tables of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from clpcore import config, host
from clpcore.config import clpconf
from clpcore.config.clpconf import Sort
from clpcore.model.config import ClusterConfig

_SERVERS = """
<cluster><name>Cluster1</name></cluster>
<server name="node1"><priority>0</priority>
<device id="0"><type>lan</type><info>10.0.0.1</info></device></server>
<server name="node2"><priority>1</priority>
<device id="0"><type>lan</type><info>10.0.0.2</info></device></server>
"""


@attrs.frozen
class Result:
    """What an import gives: its texts, the configuration, and ``path = value: what`` by sort."""

    files: dict[str, str]
    config: ClusterConfig | None
    told: Callable[[Sort], list[str]]


Import = Callable[..., Result]


@pytest.fixture(scope="module")
def registry() -> host.Registry:
    return host.load()


@pytest.fixture
def made(tmp_path: Path, registry: host.Registry) -> Import:
    def convert(inner: str, servers: str = _SERVERS) -> Result:
        xml = f"<?xml version='1.0'?><root>{servers}{inner}</root>"
        imported = clpconf.convert(xml.encode(), registry.specs)
        clpconf.write(imported, tmp_path, None)
        loaded = config.load(tmp_path / "conf.d", registry.specs)

        def told(sort: Sort) -> list[str]:
            return [
                f"{one.path.removeprefix('/root/')} = {one.value}: {one.what}"
                for one in imported.findings
                if one.sort is sort
            ]

        return Result(dict(imported.files), loaded.config, told)

    return convert


_OUTSIDE = _SERVERS.replace(
    "</server>",
    "<device id='700'><type>witness</type><info>1</info><extend>10.0.0.9:443</extend></device>"
    "</server>",
)
_WITNESS = (
    "<heartbeat><types name='witnesshb'/><witnesshb name='witnesshb1'><priority>0</priority>"
    "<device>700</device><host>10.0.0.9</host><port>443</port></witnesshb></heartbeat>"
)
_PING = (
    "<networkpartition><types name='pingnp'/><pingnp name='p1'><device>10200</device>"
    "<grp id='0'><list id='0'><ip>10.0.0.1</ip></list><list id='1'><ip>10.0.0.2</ip></list></grp>"
    "<grp id='1'><list id='0'><ip>10.1.0.1</ip></list></grp></pingnp></networkpartition>"
)


def test_a_witness_and_ping_are_taken_over(made: Import) -> None:
    result = made(_WITNESS + _PING, _OUTSIDE)
    loaded = result.config
    assert loaded
    assert loaded.nps[0].settings == {"groups": [["10.0.0.1", "10.0.0.2"], ["10.1.0.1"]]}
    assert loaded.heartbeats[-1].settings == {"url": "https://10.0.0.9:443"}
    assert result.told(Sort.UNKNOWN) == []
    assert len(result.told(Sort.DIFFERENT)) >= 1


def test_what_cannot_be_asked_is_told(made: Import) -> None:
    inner = _WITNESS.replace("<host>10.0.0.9</host>", "")
    inner += (
        "<networkpartition><pingnp name='p1'/><mynp name='m1'><x>1</x></mynp></networkpartition>"
    )
    result = made(inner, _OUTSIDE)
    assert result.told(Sort.WRONG) == [
        "heartbeat/witnesshb@witnesshb1 = : It says no host.",
        "networkpartition/pingnp@p1 = : It pings nobody.",
    ]
    assert "[np.m1]" in result.files["not-loaded.toml.off"]


def test_a_server_that_asks_another_witness_is_told(made: Import) -> None:
    servers = _OUTSIDE.replace("10.0.0.9:443", "10.0.0.8:443", 1).replace(
        "<info>1</info><extend>10.0.0.9", "<info>0</info><extend>10.0.0.9"
    )
    result = made(_WITNESS, servers)
    other, unused = result.told(Sort.WRONG)
    assert other.startswith("server@node1/device@700 = : One server asks another one than 10.0.0.9")
    assert unused == "server@node2/device@700 = : witnesshb1 is used on every server here."


@pytest.mark.parametrize(
    ("number", "action"), [("0", "none"), ("1", "stop_service"), ("3", "reboot"), ("5", "reset")]
)
def test_what_a_server_does_that_is_cut_off(made: Import, number: str, action: str) -> None:
    said = (
        f"<name>Cluster1</name><networkpartition><npaction>{number}</npaction></networkpartition>"
    )
    servers = _SERVERS.replace("<name>Cluster1</name>", said)
    result = made("", servers)
    assert f'np_action = "{action}"' in result.files["cluster.toml"]
