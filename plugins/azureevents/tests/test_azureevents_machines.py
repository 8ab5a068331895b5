"""Which server a machine is: what Azure says of this one counts, and a contradiction is told."""

from __future__ import annotations

import pytest

from clpcore_azureevents import machines

_SERVERS = ("node1", "node2", "node3")


def test_azure_knows_the_name_of_this_machine_best() -> None:
    written = {"node1": "VM-1", "node2": "VM-2"}
    found = machines.told(written, "node1", "Vm-1", _SERVERS)
    assert found.servers == {"vm-1": "node1", "vm-2": "node2", "node3": "node3"}
    assert found.doubt == ""


@pytest.mark.parametrize("written", [{}, {"node1": "VM-1", "node2": "VM-2"}])
def test_a_machine_of_another_name_than_is_written_is_told(written: dict[str, str]) -> None:
    found = machines.told(written, "node1", "VM-One", _SERVERS)
    assert found.servers["vm-one"] == "node1"
    assert "vm-1" not in found.servers
    said = written.get("node1", "node1")
    assert found.doubt.startswith(f"Azure calls this machine VM-One, not {said}: nothing is")
    assert 'Write node1 = "VM-One" below [machines] on EVERY server' in found.doubt


@pytest.mark.parametrize("me", ["node1", "node2"])
def test_this_machine_is_nobody_elses_whatever_is_written(me: str) -> None:
    """Tables that were exchanged: Azure calls the machine of *me* as the file calls another's."""
    other = {"node1": "node2", "node2": "node1"}[me]
    found = machines.told({}, me, other, _SERVERS)
    assert found.servers[other] == me
    assert f"Azure calls this machine {other}, not {me}" in found.doubt


def test_one_machine_for_two_servers_is_told() -> None:
    """What is written of node1's machine is what node2's would be called without a word."""
    found = machines.told({"node1": "node2"}, "node1", "node2", _SERVERS)
    assert found.servers == {"node2": "node1", "node3": "node3"}
    assert "node2 is this machine, and the file takes it for node2 as well" in found.doubt
