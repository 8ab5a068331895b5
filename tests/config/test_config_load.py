"""A whole folder: tables that are not known, names that cannot be, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind, setting
from clpcore.model.config import ClusterConfig
from clpcore.model.states import Platform

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]
Load = Callable[[str], config.Loaded]
Specs = dict[tuple[Kind, str], DriverSpec]


def test_a_small_cluster_has_the_defaults_of_the_model(good: Good) -> None:
    cluster = good("")
    assert (cluster.name, cluster.platform) == ("Cluster1", Platform.LAB)
    assert (cluster.heartbeat_interval, cluster.heartbeat_timeout) == (3_000, 90_000)
    assert cluster.server_names == ("node1", "node2")
    assert (cluster.groups, cluster.monitors) == ((), ())


def test_a_table_of_a_later_version_is_no_silent_promise(complaints: Complaints) -> None:
    (said,) = complaints("[mdc.mdc1]\ntype = 'azure'")
    assert said.startswith("mdc: This version of clpcore does not know mdc:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sever.node3]", "sever: There is no table sever. Did you mean server?"),
        (
            "[other]",
            "There is no table other. Known here: alert, arbiter, cluster, exclusion,",
        ),
        ("cluster = 3", "cluster is given twice"),
        (
            "failback = 'auto'",
            "failback stands above all tables. failback is a key of [group.NAME].",
        ),
        (
            "[server.node1]\nqqq = 1",
            "has no key qqq. Known here: interconnect, metrics, priority, zone.",
        ),
        ("[cluster]\nnmae = 'x'", "cluster.nmae: [cluster] has no key nmae. Did you mean name?"),
        (
            "[cluster]\ninterval = 3",
            "Did you mean heartbeat_interval? interval is a key of [monitor.NAME] and [np.NAME].",
        ),
        (
            "[cluster]\nport = 3",
            "port is a key of resources of type port and monitors of type portw.",
        ),
        ("[group]\ng1 = 3", "group.g1: group.g1 is not a table. Each group has a table of its own"),
        ("group = 3", "group: group is not a table. Write its keys under [group]."),
        ("[group.'a b']", 'group."a b": "a b" cannot be a name. Use 1 to 31 letters'),
        ("[group.-a]", '"-a" cannot be a name.'),
        ("[group.'']", '"" cannot be a name.'),
        (f"[group.{'a' * 32}]", "cannot be a name."),
        ("[group.'../x']", '"../x" cannot be a name.'),
        ("[group.'a\\n']", "cannot be a name."),
    ],
)
def test_what_does_not_belong_says_what_would(complaints: Complaints, text: str, said: str) -> None:
    assert any(said in each for each in complaints(text)), complaints(text)


def test_a_table_is_no_value_to_show(load: Load) -> None:
    (problem,) = [each for each in load("[mdc.mdc1]").problems if each.key == "mdc"]
    assert problem.value == ""


def test_a_missing_key_is_named_with_its_meaning(load_only: Load) -> None:
    loaded = load_only("[cluster]\n")
    assert loaded.config is None
    said = {problem.key: f"{problem.what} {problem.remedy}" for problem in loaded.problems}
    assert said["cluster.name"].startswith("name is missing. Add name")
    assert said["server"].startswith("The cluster has no server.")


def test_a_name_of_31_is_fine_and_the_clusters_is_checked_too(good: Good, load_only: Load) -> None:
    assert good(f"[group.{'a' * 31}]").groups
    (problem,) = [
        each for each in load_only("cluster.name = 'a b'").problems if "name" in each.what
    ]
    assert problem.key == "cluster.name"


def test_problems_come_in_the_order_of_the_files_and_a_warning_does_no_harm(
    tmp_path: Path, load: Load
) -> None:
    (tmp_path / "a.toml").write_text("\n[group.empty]\n[cluster]\nreboot_limit = -1")
    loaded = load("[group.g2]\nfailback = 3")
    places = [each.place for each in loaded.problems if each.place]
    assert places == sorted(places, key=lambda place: (place.file, place.line))
    assert len(places) == len(loaded.problems) == 5
    (tmp_path / "a.toml").write_text("[group.empty]")
    assert [each.severity.value for each in load("").problems] == ["warning", "warning"]
    assert load("").config


@attrs.frozen
class _Refused:
    plugin: str
    reason: str
    remedy: str


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("fip", "Type fip cannot be used: its plugin was refused because it is too new. Update."),
        ("prot", "No plugin here brings a resource of type prot. Did you mean port?"),
        ("zzz", "No plugin here brings a resource of type zzz. Types here: address, app, port. "),
        ("zzz", "Refused plugins, one of which may bring it: fip (it is too new)."),
        ("look", "look is a type of monitors, not of resources. It belongs into a [monitor.NAME]."),
    ],
)
def test_a_type_that_is_not_there_says_why(
    tmp_path: Path, load: Load, specs: Specs, type_: str, said: str
) -> None:
    load(f"[group.g1.resource.r1]\ntype = '{type_}'\nwhatever = 1")
    loaded = config.load(tmp_path, specs, [_Refused("fip", "it is too new.", "Update.")])
    (problem,) = [each for each in loaded.problems if each.severity.value == "error"]
    assert said in f"{problem.what} {problem.remedy}"
    assert problem.value == f'"{type_}"'


@pytest.mark.parametrize(
    ("kind", "home"),
    [
        (Kind.PARTITION, "It belongs into an [np.NAME]."),
        (Kind.FENCE, "It belongs into a [fencing.NAME]."),
        (Kind.ARBITER, "It belongs into an [arbiter.NAME]."),
    ],
)
def test_a_type_of_another_kind_is_sent_home(
    load: Load, specs: Specs, kind: Kind, home: str
) -> None:
    specs[kind, "other"] = attrs.evolve(specs[Kind.RESOURCE, "app"], kind=kind, name="other")
    loaded = load("[group.g1.resource.r1]\ntype = 'other'")
    (problem,) = [each for each in loaded.problems if each.severity.value == "error"]
    assert problem.what == f"other is a type of {kind.value}s, not of resources."
    assert problem.remedy == home


def test_a_type_that_nobody_refused_wants_a_plugin(complaints: Complaints) -> None:
    (said,) = complaints("[group.g1.resource.r1]\ntype = 'zzz'")
    assert said.endswith("Install the plugin that brings it; `clp plugins` lists them.")


@attrs.frozen
class _Defective:
    """The annotation is a plugin's mistake, which must not end the check."""

    wait: Itn = setting("Nobody knows.")  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("line", ["", "type = 3", "type = 'defective'"])
def test_a_type_that_cannot_be_used_is_the_only_error(
    complaints: Complaints, specs: Specs, line: str
) -> None:
    broken = attrs.evolve(specs[Kind.RESOURCE, "app"], name="defective", config=_Defective)
    specs[Kind.RESOURCE, "defective"] = broken
    (said,) = complaints(f"[group.g1.resource.r1]\n{line}\nwait = 'x'")
    assert said.startswith("group.g1.resource.r1.type: ")


_GROUP = """
[group.g{n}]
failback = "auto"
[group.g{n}.resource.app{n}]
type = "app"
patience = "3 s"
server.node3.wait = false
[group.g{n}.resource.port{n}]
type = "port"
port = {port}
[monitor.portw{m}]
interval = 3
"""


def test_the_largest_cluster_loads_in_two_seconds(load_only: Load) -> None:
    text = "[cluster]\nname = 'Big'\nplatform = 'lab'\n"
    for n in range(1, 33):
        text += f"[server.node{n}]\npriority = {n}\ninterconnect = ['10.5.0.{n}', '10.6.0.{n}']\n"
    text += "".join(_GROUP.format(n=n, m=n + 1, port=1_000 + n) for n in range(512))
    start = time.process_time()
    loaded = load_only(text)
    took = time.process_time() - start
    assert loaded.config
    assert (len(loaded.config.servers), len(loaded.config.monitors)) == (32, 512)
    assert took < 2
