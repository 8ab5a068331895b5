"""The check of `clp doctor`: what it finds of the other servers' machines, without an agent."""

from __future__ import annotations

import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import pytest

from clp_azuresim.roles import Role
from clpcore import api
from clpcore_azurefence import doctor
from clpcore_azurefence.settings import Config

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

STOP = "Microsoft.Compute/virtualMachines/powerOff/action"


class Server(Protocol):
    """See conftest.py."""

    driver: Any

    def configure(self, **changes: Any) -> None: ...  # noqa: ANN401 - settings


def cluster(**on: Config) -> api.Cluster:
    part = api.Part(kind=api.Kind.FENCE, type="azure", name="forced_stop", on=on)
    return api.Cluster(
        name="Cluster1",
        platform="azure",
        server="node1",
        interconnects=dict.fromkeys(on, ()),
        heartbeat_timeout=90_000,
        timeout=5_000,
        parts=(part,) if on else (),
    )


def look(server: Server, **changes: Any) -> list[api.Finding]:  # noqa: ANN401 - settings
    server.configure(**changes)
    config = server.driver.config
    return list(doctor.look(cluster(node1=config, node2=config)))


def test_all_is_well(server: Server) -> None:
    (found,) = look(server)
    assert found == api.Finding(
        api.Severity.OK,
        "forced_stop: stop of node2",
        "VM node2 in TestGroup1 is node2, is running, and may be powered off",
    )


def test_a_missing_action_is_named_with_the_next_step(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=("*/read",)))
    (found,) = look(server)
    assert found.severity is api.Severity.ERROR
    assert f"the role lacks {STOP}" in found.value
    assert "`clp azure role`" in found.remedy


def test_a_wrong_name_is_an_error_with_the_next_step(server: Server) -> None:
    (found,) = look(server, vm_name="node1")
    assert found.severity is api.Severity.ERROR
    assert "is this server itself" in found.value
    assert found.remedy == "Correct server.node2.vm_name"


def test_a_machine_that_is_not_there_is_an_error(server: Server) -> None:
    (found,) = look(server, vm_name="node9")
    assert found.severity is api.Severity.ERROR
    assert "404 ResourceNotFound" in found.value
    assert "Correct subscription_id, resource_group and the name" in found.remedy


def test_a_silent_azure_is_unknown_and_has_a_next_step(azure: Azure, server: Server) -> None:
    azure.fault("hang", "virtualMachines", count=None)
    (found,) = look(server)
    assert found.severity is api.Severity.UNKNOWN
    assert found.remedy


def test_a_certificate_is_judged_once_and_nobody_is_asked(azure: Azure, server: Server) -> None:
    found = look(server, certificate_file=str(azure.certificate("expired")))
    assert api.Severity.ERROR in {each.severity for each in found}
    assert len(found) == len(set(found))
    server.configure()
    config = attrs.evolve(server.driver.config, certificate_file="/nowhere.pem")
    (once,) = doctor.look(cluster(node1=config, node2=config, node3=config))
    assert "/nowhere.pem" in once.what
    assert azure.journal("virtualMachines") == []


def test_a_cluster_without_this_forced_stop_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clpcore_lib_azure.session", None)
    assert list(doctor.look(cluster())) == []


def test_many_servers_and_silent_services_take_no_longer(
    azure: Azure, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command waits so long for all of it, and not for each server."""
    azure.fault("hang", "virtualMachines", count=None)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = f"http://127.0.0.1:{mute.getsockname()[1]}"
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", where)
        server.configure(request_timeout=1_000)
        on = {f"node{number}": server.driver.config for number in range(1, 9)}
        began = time.monotonic()
        found = list(doctor.look(cluster(**on)))
    assert time.monotonic() - began < 5.0
    assert [each.severity for each in found] == [api.Severity.UNKNOWN] * 7
    assert found[0].what == "forced_stop: stop of node2"
    assert len(azure.journal("oauth2/v2.0/token")) == 1
