"""contrib/bicep makes what the clusters of conf.d expect: names, addresses, ports, zones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from pycep import BicepParser

from clpcore import config, host
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Resource

_ROOT = Path(__file__).parents[2]
_TEMPLATES = _ROOT / "contrib/bicep"
_PARTS = {"network.bicep", "servers.bicep"}
_BALANCER = "Microsoft.Network/loadBalancers"

# Which environment each cluster of the guide runs in, and with which values of its parameters.
_WHERE: dict[str, tuple[str, dict[str, object]]] = {
    "azure-dns": ("azure-dns.bicep", {}),
    "azure-public-lb": ("public-lb.bicep", {}),
    "azure-internal-lb": ("internal-lb.bicep", {}),
    "azure-internal-lb-dsr": ("internal-lb.bicep", {"directServerReturn": True}),
    "azure-internal-lb-dsr-exec": ("internal-lb.bicep", {"directServerReturn": True}),
}
_BALANCED = [name for name in _WHERE if name != "azure-dns"]


@attrs.define
class Template:
    """A template, read with values of its parameters."""

    parsed: dict[str, Any]
    values: dict[str, Any]

    @classmethod
    def read(cls, file: str, given: dict[str, object]) -> Template:
        parsed: dict[str, Any] = dict(BicepParser().parse(text=(_TEMPLATES / file).read_text()))
        parameters = parsed.get("parameters", {})
        assert given.keys() <= parameters.keys()
        defaults = {name: each["default"] for name, each in parameters.items()}
        constants = {name: each["value"] for name, each in parsed.get("variables", {}).items()}
        return cls(parsed, {**constants, **defaults, **given})

    def value(self, written: Any) -> Any:  # noqa: ANN401 - whatever stands there
        """Give what a name or a condition stands for."""
        match written:
            case {"operator": {"type": "conditional", "operands": each}}:
                chosen = "true_value" if self.value(each["condition"]) else "false_value"
                return self.value(each[chosen])
            case str() if written in self.values:
                return self.value(self.values[written])
        return written

    def resource(self, kind: str) -> dict[str, Any]:
        (found,) = [each for each in self.parsed["resources"].values() if each["type"] == kind]
        inside: dict[str, Any] = found["config"]
        return inside

    def part(self, kind: str, of: dict[str, Any]) -> dict[str, Any]:
        """The one part of a resource, in its properties."""
        (found,) = of["properties"][kind]
        return {key: self.value(each) for key, each in found.get("properties", {}).items()}


@pytest.fixture(scope="module")
def registry() -> host.Registry:
    return host.load()


def _cluster(name: str, registry: host.Registry) -> ClusterConfig:
    loaded = config.load(_ROOT / "conf.d" / name, registry.specs, registry.refused)
    assert loaded.config, config.render(loaded.problems, None)
    return loaded.config


def _of_type(cluster: ClusterConfig, type_: str) -> list[Resource]:
    return [each for group in cluster.groups for each in group.resources if each.type == type_]


def test_every_template_parses_and_belongs_to_a_cluster() -> None:
    files = {file.name for file in _TEMPLATES.glob("*.bicep")}
    assert files - _PARTS == {file for file, _ in _WHERE.values()}
    for file in files:
        assert BicepParser().parse(text=(_TEMPLATES / file).read_text())["resources"]


def test_every_cluster_of_the_guide_has_an_environment() -> None:
    assert {folder.name for folder in (_ROOT / "conf.d").glob("azure-*")} == set(_WHERE)
    for name in _WHERE:
        text = "".join(file.read_text() for file in (_ROOT / "conf.d" / name).glob("*.toml"))
        assert f"contrib/bicep/{_WHERE[name][0]}" in text


@pytest.mark.parametrize("name", _WHERE)
def test_servers_addresses_and_zones_are_the_clusters(name: str, registry: host.Registry) -> None:
    template, cluster = Template.read(*_WHERE[name]), _cluster(name, registry)
    made = [(each["name"], each["address"], each["zone"]) for each in template.values["servers"]]
    assert made == [(each.name, each.interconnect[0], each.zone) for each in cluster.servers]


@pytest.mark.parametrize("name", _WHERE)
def test_the_forced_stop_is_of_its_machines(name: str, registry: host.Registry) -> None:
    template, cluster = Template.read(*_WHERE[name]), _cluster(name, registry)
    (stop,) = cluster.fencings
    made = [each["name"] for each in template.values["servers"]]
    assert [stop.settings_for(each)["vm_name"] for each in cluster.server_names] == made
    if stop.settings.get("managed_identity"):
        assert "type: 'SystemAssigned'" in (_TEMPLATES / "servers.bicep").read_text()


@pytest.mark.parametrize("name", _BALANCED)
def test_the_probe_asks_the_clusters_port(name: str, registry: host.Registry) -> None:
    template, cluster = Template.read(*_WHERE[name]), _cluster(name, registry)
    (lbpp,) = _of_type(cluster, "lbpp")
    probe = template.part("probes", template.resource(_BALANCER))
    assert (probe["port"], probe["protocol"]) == (lbpp.settings["port"], "Tcp")
    assert (probe["intervalInSeconds"], probe["probeThreshold"]) == (5, 2)


@pytest.mark.parametrize("name", _BALANCED)
def test_the_rule_fits_what_the_cluster_does_with_addresses(
    name: str, registry: host.Registry
) -> None:
    template, cluster = Template.read(*_WHERE[name]), _cluster(name, registry)
    balancer = template.resource(_BALANCER)
    rule = template.part("loadBalancingRules", balancer)
    frontend = template.part("frontendIPConfigurations", balancer).get("privateIPAddress")
    scripts = "".join(
        file.read_text() for file in (_ROOT / "conf.d" / name / "scripts").glob("*/*/*.sh")
    )
    on_lo = [each.settings["ip"] for each in _of_type(cluster, "loopback")]
    assert rule["enableFloatingIP"] is ("dsr" in name)
    assert (frontend in on_lo or str(frontend) in scripts) is ("dsr" in name)
    assert (rule["frontendPort"] == rule["backendPort"]) is ("dsr" in name)
    for lbpp in _of_type(cluster, "lbpp"):
        assert lbpp.settings.get("reset_ports", [8080]) == [rule["backendPort"]]


@pytest.mark.parametrize("name", _BALANCED)
def test_no_zone_takes_the_frontend_with_it(name: str) -> None:
    """A frontend without zones is in one of them: its own may fail, with both servers well."""
    template = Template.read(*_WHERE[name])
    (frontend,) = template.resource(_BALANCER)["properties"]["frontendIPConfigurations"]
    if "publicIPAddress" in frontend["properties"]:
        frontend = template.resource("Microsoft.Network/publicIPAddresses")
    assert frontend["zones"] == ["1", "2", "3"]


@pytest.mark.parametrize("name", _WHERE)
def test_the_size_of_the_servers_can_be_chosen(name: str) -> None:
    template = Template.read(*_WHERE[name])
    (servers,) = [
        each for each in template.parsed["modules"].values() if "servers" in each["config"]["name"]
    ]
    assert servers["config"]["params"]["size"] == "size"
    assert template.values["size"].startswith("Standard_")


def test_the_names_are_the_guides() -> None:
    for file in ("public-lb.bicep", "internal-lb.bicep"):
        balancer = Template.read(file, {}).resource(_BALANCER)
        text = (_TEMPLATES / file).read_text()
        assert balancer["name"] == "name"
        for name in ("TestLoadBalancer", "TestBackendPool", "TestHealthProbe"):
            assert f"'{name}'" in text
    network = Template.read("network.bicep", {}).resource("Microsoft.Network/virtualNetworks")
    (subnet,) = network["properties"]["subnets"]
    assert (network["name"], subnet["name"]) == ("Vnet1", "Vnet1-1")


def test_the_zone_is_the_clusters(registry: host.Registry) -> None:
    template, cluster = Template.read("azure-dns.bicep", {}), _cluster("azure-dns", registry)
    (record,) = _of_type(cluster, "azuredns")
    assert template.value("zone") == record.settings["zone"] == "cluster1.zone"
