"""The product's clp.conf becomes a folder of ours; what does not fit is told, never guessed.

Whole imports are in clpconf/*: clp.conf (real: of a cluster; azure: put together from documented
tags), and what it becomes. ``CLP_RECORD=1`` writes them anew: read the difference.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.api import DriverSpec, Kind
from clpcore.config import clpconf
from clpcore.config.clpconf import Sort
from clpcore.model.members import ALL_GROUPS, LOCAL_SERVER

Specs = dict[tuple[Kind, str], DriverSpec]

_CASES = Path(__file__).parent / "clpconf"
_OF_GOLDENS = {  # so that new plugins change none
    *("exec", "genw", "httpnp", "lanhb", "lbpp", "lbppw", "pidw", "pingnp", "witnesshb"),
}


@pytest.fixture(scope="module")
def installed() -> Specs:
    return dict(host.load().specs)


@pytest.mark.parametrize("case", ["azure", "real"])
def test_a_whole_import(case: str, installed: Specs, tmp_path: Path) -> None:
    specs = {key: spec for key, spec in installed.items() if key[1] in _OF_GOLDENS}
    folder, golden = tmp_path / "made", _CASES / case
    folder.mkdir()
    imported = clpconf.convert((golden / "clp.conf").read_bytes(), specs)
    findings = clpconf.write(imported, folder, None) + imported.findings
    (folder / "import.txt").write_text(clpconf.render(findings))
    loaded = config.load(folder / "conf.d", specs)
    assert loaded.config, config.render(loaded.problems, None)
    if os.environ.get("CLP_RECORD"):
        shutil.rmtree(golden / "conf.d", ignore_errors=True)
        shutil.copytree(folder / "conf.d", golden / "conf.d")
        shutil.copyfile(folder / "import.txt", golden / "import.txt")
    assert _texts(folder) == {k: v for k, v in _texts(golden).items() if k != "clp.conf"}
    assert max(map(len, (folder / "import.txt").read_text().splitlines())) <= 100


def _texts(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


_SERVERS = """
<cluster><name>Cluster1</name></cluster>
<server name="node1"><priority>0</priority>
<device id="0"><type>lan</type><info>10.0.0.1</info></device></server>
<server name="node2"><priority>1</priority>
<device id="0"><type>lan</type><info>10.0.0.2</info></device></server>
"""


def _conf(inner: str, *, members: str = "exec@exec1", servers: str = _SERVERS) -> bytes:
    links = "".join(f'<resource name="{link}"/>' for link in members.split())
    group = f'<group name="failover1">{links}</group>'
    return f"<?xml version='1.0'?><root>{servers}{group}{inner}</root>".encode()


_EXEC = "<exec name='exec1'>{}</exec>"


def _resources(*inner: str) -> str:
    return f"<resource>{''.join(inner)}</resource>"


Import = Callable[[bytes], "Result"]


class Result:
    """What an import gives: its tables as TOML, and its findings."""

    def __init__(self, data: bytes, specs: Specs, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.imported = clpconf.convert(data, specs)
        self.late = clpconf.write(self.imported, folder, None)
        self.loaded = config.load(folder / "conf.d", specs)
        self.text = "\n".join(self.imported.files.values())

    def told(self, sort: Sort) -> list[str]:
        """Give ``line path = value: what`` of the findings of one sort."""
        return [
            f"{one.path.removeprefix('/root/')} = {one.value}: {one.what}"
            for one in self.imported.findings
            if one.sort is sort
        ]


@pytest.fixture
def made(tmp_path: Path, installed: Specs) -> Import:
    return lambda data: Result(data, installed, tmp_path / "made")


def _good(result: Result) -> config.Loaded:
    assert result.loaded.config, config.render(result.loaded.problems, None)
    return result.loaded


# What is not taken over


def test_an_unknown_tag_is_told_with_path_value_and_line(made: Import) -> None:
    inner = "<x>1</x>\n<parameters><y id='2'>z</y></parameters>"
    result = made(_conf(_resources(_EXEC.format(inner))))
    assert result.told(Sort.UNKNOWN) == [
        "resource/exec@exec1/x = 1: Nobody here knows this tag.",
        "resource/exec@exec1/parameters/y@2 = z: Nobody here knows this tag.",
    ]
    lines = [one.line for one in result.imported.findings if one.sort is Sort.UNKNOWN]
    assert lines[1] == lines[0] + 1
    assert "z" not in result.imported.files["failover1.toml"].split()


def test_a_second_value_of_one_tag_is_not_lost(made: Import) -> None:
    twice = "<act><retry>1</retry></act><act><retry>2</retry></act>"
    result = made(_conf(_resources(_EXEC.format(twice))))
    assert "activation_retry = 1" in result.text
    assert result.told(Sort.UNKNOWN) == [
        "resource/exec@exec1/act/retry = 2: Nobody here knows this tag."
    ]


def test_a_value_that_is_none_is_told_and_left_out(made: Import) -> None:
    odd = "<act><retry>many</retry><action>12</action></act>"
    result = made(_conf(_resources(_EXEC.format(odd))))
    retry, action = result.told(Sort.WRONG)
    assert retry == "resource/exec@exec1/act/retry = many: It should be a whole number."
    assert "act/action = 12: It should be one of 0, 1, 2" in action
    assert "activation_" not in result.text


def test_a_type_without_a_driver_waits_in_a_file_that_is_not_loaded(made: Import) -> None:
    ddns = "<ddns name='d1'><parameters><host>a</host></parameters></ddns>"
    result = made(_conf(_resources(_EXEC.format(""), ddns), members="exec@exec1 ddns@d1"))
    off = result.imported.files["not-loaded.toml.off"]
    assert tomllib.loads(off)["group"]["failover1"]["resource"]["d1"] == {"type": "ddns"}
    assert "# /root/resource/ddns@d1/parameters/host a" in off
    cluster = _good(result).config
    assert cluster
    (group,) = cluster.groups
    assert (group.startup.value, list(group.by_name)) == ("manual", ["exec1"])
    assert "no driver named ddns is installed, and none is known" in result.told(Sort.NO_DRIVER)[0]


def test_the_distribution_of_a_missing_driver_is_named(made: Import) -> None:
    result = made(_conf(_resources("<vip name='v1'/>"), members="vip@v1"))
    missing = "no driver named vip is installed: pip install clpcore-vip"
    assert missing in result.told(Sort.NO_DRIVER)[0]


def test_a_driver_that_only_azure_has_tells_the_platform(made: Import) -> None:
    dns = _resources("<azuredns name='d1'/>")
    assert 'platform = "azure"' in made(_conf(dns, members="azuredns@d1")).text


# What is taken over


def test_a_resource_with_everything(made: Import) -> None:
    exec1 = """
    <depend name=""/>
    <parameters><act><path>/opt/a/start.sh</path><sync>0</sync></act>
    <timeout><start>3000</start><stop>60</stop></timeout></parameters>
    <act><retry>2</retry><fo>0</fo><action>5</action></act>
    <deact><retry>1</retry><action>10</action></deact>
    """
    loaded = _good(made(_conf(_resources(_EXEC.format(exec1)))))
    assert loaded.config
    exec_ = loaded.config.group_by_name["failover1"].by_name["exec1"]
    assert exec_.settings == {
        "start": "/opt/a/start.sh",
        "start_sync": False,
        "start_timeout": 3000,
        "stop_timeout": 60,
    }
    assert (exec_.activation_retry, exec_.activation_failover) == (2, 0)
    assert exec_.activation_final_action.value == "reboot"
    assert (exec_.deactivation_retry, exec_.deactivation_final_action.value) == (1, "panic")
    assert (exec_.activate_timeout, exec_.deactivate_timeout) == (3_180_000, 240_000)


def test_a_group_with_everything(made: Import) -> None:
    group = """<group name="g2"><start>0</start><failover>0</failover><failback>1</failback>
    <policy name="node1"><order>1</order></policy><policy name="node2"><order>0</order></policy>
    <resource name="exec@exec1"/></group>"""
    loaded = _good(made(_conf(group + _resources(_EXEC.format("")), members="")))
    assert loaded.config
    found = loaded.config.group_by_name["g2"]
    assert found.startup_servers == ("node2", "node1")
    said = (found.startup.value, found.failover.value, found.failback.value)
    assert said == ("manual", "manual", "auto")


def test_an_address_comes_last_whatever_depends_on_it(made: Import) -> None:
    exec1 = _EXEC.format('<depend name="azurepp1"/>')
    port = (
        "<azurepp name='azurepp1'><parameters><probeport>26001</probeport></parameters></azurepp>"
    )
    result = made(_conf(_resources(exec1, port), members="exec@exec1 azurepp@azurepp1"))
    loaded = _good(result)
    assert loaded.config
    group = loaded.config.group_by_name["failover1"]
    assert group.by_name["exec1"].depends_on == ()
    assert group.by_name["azurepp1"].depends_on == ("exec1",)
    assert any("addresses come last" in told for told in result.told(Sort.DIFFERENT))


_FIP = "<fip name='fip1'><parameters><ip>10.0.0.9</ip></parameters>{}</fip>"
_ONE = "<server name='node2'><parameters><ip>10.0.0.8</ip></parameters></server>"
_DISK = """<disk name='disk1'><parameters><device>/dev/disk/by-id/a</device><fs>xfs</fs>
<mount><point>/mnt/a</point></mount></parameters></disk>"""


def test_floating_address_and_disk(made: Import) -> None:
    members = "fip@fip1 exec@exec1 disk@disk1"
    parts = _resources(_FIP.format(_ONE), _EXEC.format(""), _DISK)
    result = made(_conf(parts, members=members))
    loaded = _good(result)
    assert loaded.config
    by_name = loaded.config.group_by_name["failover1"].by_name
    assert (by_name["fip1"].type, by_name["fip1"].activation_retry) == ("fip", 5)
    assert by_name["fip1"].settings_for("node2") == {"ip": "10.0.0.8"}
    assert by_name["disk1"].settings == {
        "device": "/dev/disk/by-id/a",
        "file_system": "xfs",
        "mount_point": "/mnt/a",
    }
    assert by_name["exec1"].depends_on == ("disk1",)  # in the product by type
    assert by_name["fip1"].depends_on == ("exec1", "disk1")


def _monitor(type_: str, inner: str) -> str:
    return f"<monitor><{type_} name='m1'>{inner}</{type_}></monitor>"


_TO_EXEC1 = "<relation><type>rsc</type><name>exec1</name></relation>"
_TO_GROUP = "<relation><type>grp</type><name>failover1</name></relation>"
_TO_ALL = "<relation><type>grp</type><name>All Groups</name></relation>"
_TO_SERVER = "<relation><type>cls</type><name>LocalServer</name></relation>"


def _with_monitor(type_: str, inner: str) -> bytes:
    return _conf(_resources(_EXEC.format("")) + _monitor(type_, inner))


def test_a_monitor_with_everything(made: Import) -> None:
    inner = f"""{_TO_EXEC1}<target>exec1</target><firstmonwait>7</firstmonwait>
    <polling><interval>11</interval><timeout>12</timeout><reconfirmation>4</reconfirmation>
    <timing>1</timing><servers id="0"><name>node2</name></servers></polling>
    <emergency><threshold><restart>0</restart><fo>2</fo></threshold><action>4</action></emergency>
    <parameters><list id="0"><ip>10.0.0.3</ip></list><list id="1"><ip>10.0.0.4</ip></list>
    </parameters>"""
    loaded = _good(made(_with_monitor("ipw", inner)))
    assert loaded.config
    found = loaded.config.monitor_by_name["m1"]
    assert found.settings == {"addresses": ["10.0.0.3", "10.0.0.4"]}
    times = (found.interval, found.timeout, found.retry, found.start_delay)
    assert times == (11_000, 12_000, 4, 7_000)
    assert (found.timing.value, found.servers, found.target) == ("active", ("node2",), "exec1")
    ladder = (found.max_reactivations, found.max_failovers, found.final_action.value)
    assert ladder == (0, 2, "shutdown")


def test_a_script_before_a_recovery_is_said_as_it_is(made: Import) -> None:
    before = "<emergency><preaction>{}</preaction></emergency>"
    unused = made(_with_monitor("genw", _TO_EXEC1 + before.format("<path>a.sh</path>")))
    assert unused.imported.hooks == ()
    (told,) = unused.told(Sort.NOT_HERE)
    assert told.endswith("a.sh is not run: neither userestart, usefailover nor use says when.")
    far = before.format("<path>/opt/a.sh</path><usefailover>1</usefailover>")
    absolute = made(_with_monitor("genw", _TO_EXEC1 + far))
    assert absolute.imported.hooks == ()
    assert "/opt/a.sh is run before a recovery" in absolute.told(Sort.WRONG)[0]
    inner = "<timeout>30</timeout><usefailover>1</usefailover>"
    used = made(_with_monitor("genw", _TO_EXEC1 + before.format(inner)))
    assert used.imported.hooks == (
        (("monitor.s", "m1", "preaction.sh"), ("monitor", "m1", "before_failover.sh")),
    )
    assert "hook_timeout of [cluster]" in used.told(Sort.NOT_HERE)[0]
    assert "becomes scripts/monitor/m1/before_failover.sh" in used.told(Sort.DIFFERENT)[0]


def test_a_default_of_the_product_that_is_not_ours_is_written(made: Import) -> None:
    processes = "<parameters><processname>httpd</processname></parameters>"
    result = made(_with_monitor("psw", _TO_EXEC1 + processes))
    assert "interval" not in result.text  # 5 s: ours as well
    assert 'timing = "always"                       # the product\'s default' in result.text


@pytest.mark.parametrize(
    ("relation", "recovers"),
    [
        (_TO_GROUP, "failover1"),
        (_TO_SERVER, LOCAL_SERVER),
        (_TO_ALL, ALL_GROUPS),
    ],
)
def test_a_monitor_without_a_target_watches_its_server(
    made: Import, relation: str, recovers: str
) -> None:
    object_ = "<parameters><object>eth0</object></parameters>"
    loaded = _good(made(_with_monitor("miiw", relation + object_)))
    assert loaded.config
    found = loaded.config.monitor_by_name["m1"]
    assert (found.group, found.target, found.recovery_target) == ("", "", recovers)


def test_one_that_looks_where_its_group_is_gets_a_resource_to_tell_by(made: Import) -> None:
    inner = "<polling><timing>1</timing></polling><parameters><object>eth0</object></parameters>"
    result = made(_with_monitor("miiw", _TO_GROUP + inner))
    loaded = _good(result)
    assert loaded.config
    found = loaded.config.monitor_by_name["m1"]
    assert (found.target, found.recovery_target) == ("exec1", "failover1")
    assert "m1 names no resource; here exec1 tells" in result.told(Sort.DIFFERENT)[0]


def test_a_script_that_looks(made: Import) -> None:
    inner = "<parameters><normalval>0,3</normalval><sync>0</sync></parameters>"
    loaded = _good(made(_with_monitor("genw", _TO_EXEC1 + inner)))
    assert loaded.config
    found = loaded.config.monitor_by_name["m1"]
    assert found.settings == {"normal_return_values": [0, 3], "sync": False}


def test_a_monitor_that_needs_a_resource_and_names_none_is_not_loaded(made: Import) -> None:
    result = made(_with_monitor("pidw", _TO_SERVER))
    assert "does not say which" in result.told(Sort.NOT_LOADED)[0]
    assert "m1" not in [monitor.name for monitor in _good(result).config.monitors]  # type: ignore[union-attr]


def test_a_monitor_keeps_its_name_when_it_comes_with_its_resource(made: Import) -> None:
    result = made(_with_monitor("pidw", f"<target>exec1</target>{_TO_EXEC1}"))
    assert 'monitors.pidw = "m1"' in result.text
    assert "[monitor.m1]" not in result.text
    loaded = _good(result)
    assert loaded.config
    assert [monitor.name for monitor in loaded.config.monitors] == ["m1"]


def test_the_heartbeat_timeout_is_in_milliseconds_there(made: Import) -> None:
    heartbeat = "<cluster><name>C</name><heartbeat><timeout>50500</timeout></heartbeat></cluster>"
    servers = _SERVERS.replace("<cluster><name>Cluster1</name></cluster>", heartbeat)
    loaded = _good(made(_conf(_resources(_EXEC.format("")), servers=servers)))
    assert loaded.config
    assert loaded.config.heartbeat_timeout == 50_500


def test_groups_that_wait_for_and_exclude_each_other(made: Import) -> None:
    other = """<group name="other"><resource name="exec@exec2"/><exclusive>2</exclusive><depend>
    <act><depend name="failover1"/><timeout>60</timeout><sameserver>1</sameserver></act>
    <deact><depend name="nobody"/><cluster><use>0</use></cluster></deact></depend></group>
    <group name="third"><exclusive>2</exclusive></group>
    <group name="fourth"><exclusive>1</exclusive></group>"""
    execs = _resources(_EXEC.format(""), "<exec name='exec2'/>")
    result = made(_conf(other + execs))
    loaded = _good(result)
    assert loaded.config
    group = loaded.config.group_by_name["other"]
    assert (group.start_after, group.start_wait) == (("failover1",), 60_000)
    assert group.start_after_same_server
    assert (group.stop_after, group.stop_after_at_cluster_stop) == ((), False)
    assert "There is no group nobody." in result.told(Sort.WRONG)[0]
    rules = {rule.name: (rule.rule.value, rule.groups) for rule in loaded.config.exclusions}
    assert rules == {
        "normal": ("normal", ("other", "third", "fourth")),
        "absolute": ("absolute", ("other", "third")),
    }
