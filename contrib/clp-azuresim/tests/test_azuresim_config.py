"""The file: the guide's own, and every problem of a bad one at once."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from clp_azuresim import config, main
from clp_azuresim.plan import Plan, RecordPlan, guide
from clp_azuresim.roles import Role


def _load(folder: Path, text: str) -> Plan:
    file = folder / "azuresim.toml"
    file.write_text(text)
    return config.load(file)


def _problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(config.Wrong) as wrong:
        _load(folder, text)
    prefix = f"{folder / 'azuresim.toml'}: "
    return [line.removeprefix(prefix) for line in str(wrong.value).splitlines()]


def test_the_guides_file_is_the_guides_azure(tmp_path: Path) -> None:
    loaded = _load(tmp_path, main.guide())
    on_loopback = (attrs.evolve(each, imds="127.0.0.1:0") for each in loaded.machines)
    anywhere = attrs.evolve(
        loaded, listen="127.0.0.1:0", dns=(), dns_port=0, machines=tuple(on_loopback)
    )
    assert anywhere == guide()


def test_all_that_can_be_written(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        """
        subscription = "s"
        [timing]
        operation = 2
        shutdown = 0.5
        [application.cluster]
        certificates = ["sp.pem"]
        [[application.cluster.role]]
        actions = ["Microsoft.Network/dnsZones/A/write"]
        scope = "/subscriptions/s"
        [zone."cluster1.zone".record.test-record1]
        addresses = ["10.5.0.110"]
        ttl = 60
        [machine.node1]
        lab = "lab"
        tags = { cluster = "Cluster1" }
        """,
    )
    (application,) = loaded.applications
    assert application.certificates == (tmp_path / "sp.pem",)
    role = Role(actions=("Microsoft.Network/dnsZones/A/write",), scope="/subscriptions/s")
    assert application.roles == (role,)
    record = RecordPlan(name="test-record1", addresses=("10.5.0.110",), ttl=60)
    assert loaded.zones[0].records == (record,)
    assert loaded.machines[0].lab == tmp_path / "lab"
    assert loaded.machines[0].tags == {"cluster": "Cluster1"}
    assert loaded.timing.operation == 2


def test_every_problem_of_spelling_at_once(tmp_path: Path) -> None:
    actions = "application.cluster.role[0].actions"
    found = _problems(
        tmp_path,
        """
        listn = "127.0.0.1:1"
        dns = "127.0.0.1"
        dns_port = true
        [application.cluster]
        role = [{ actions = "x" }]
        [machine.node1]
        adress = "10.5.0.110"
        tags = { a = 1 }
        [balancer.b]
        internal = "yes"
        [zone]
        x = 1
        """,
    )
    assert found == [
        "listn: there is no such key: did you mean 'listen'?",
        'dns: write a list, as dns = ["..."]',
        "dns_port = True: write a whole number, as 5",
        f'{actions}: write a list, as {actions} = ["..."]',
        "machine.node1.adress: there is no such key: did you mean 'address'?",
        'machine.node1.tags: write a table of texts, as machine.node1.tags = { a = "b" }',
        "balancer.b.internal = 'yes': write true or false",
        "balancer.b: frontend is missing",
        "zone.x = 1: write a table",
    ]


def test_every_contradiction_at_once(tmp_path: Path) -> None:
    found = _problems(
        tmp_path,
        """
        listen = "8443"
        dns = ["127.0.0.1"]
        [machine.node1]
        identity = "nobody"
        address = "10.5.0"
        imds = "127.0.0.1:99999"
        [balancer.b]
        frontend = "10.5.0.200"
        pool = ["node2"]
        rule.r = { probe = "p", floating = true }
        """,
    )
    assert found == [
        "listen = '8443': write ADDRESS:PORT, as \"127.0.0.1:8443\"",
        "machine.node1.imds = '127.0.0.1:99999': write ADDRESS:PORT, as \"127.0.0.1:8443\"",
        "dns: a zone has four name servers, not 1: write four addresses",
        "machine.node1.address = '10.5.0': write an IPv4 address",
        "no application can sign in: write [application.NAME]",
        "machine.node1.identity: there is no application 'nobody'",
        "balancer.b.pool: there is no machine 'node2'",
        "balancer.b.rule.r.probe: there is no probe 'p': TestHealthProbe",
        "balancer.b.rule.r: with floating, port and backend_port must be equal, as Azure wants it",
    ]


@pytest.mark.parametrize("text", ["x", "a = 1\na = 2"])
def test_what_is_no_toml(tmp_path: Path, text: str) -> None:
    assert len(_problems(tmp_path, text)) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(config.Wrong, match="No such file"):
        config.load(tmp_path / "none.toml")
