"""The words of the modelled product that scripts find in their environment."""

from __future__ import annotations

import attrs
import pytest

from clpcore import api
from clpcore_exec import environment

_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node2",
    home="node1",
    previous="node1",
    group="failover1",
    resource="exec1",
    priority=2,
)
_SCRIPT = "/etc/clpcore/scripts/failover1/exec1/start.sh"


def test_the_words_of_a_start_script() -> None:
    said = environment.of_start(_CALL, _SCRIPT)
    assert said.pop("CLP_PATH")
    assert said.pop("CLP_VERSION_FULL").startswith(f"{said.pop('CLP_VERSION_MAJOR')}.")
    assert said == {
        "CLP_EVENT": "START",
        "CLP_SERVER": "OTHER",
        "CLP_SERVER_PREV": "node1",
        "CLP_PRIORITY": "2",
        "CLP_GROUPNAME": "failover1",
        "CLP_RESOURCENAME": "exec1",
        "CLP_DISK": "SUCCESS",
        "CLP_SCRIPT_PATH": "/etc/clpcore/scripts/failover1/exec1",
    }


def test_home_is_the_first_of_the_startup_servers() -> None:
    call = attrs.evolve(_CALL, server="node1")
    assert environment.of_start(call, _SCRIPT)["CLP_SERVER"] == "HOME"


def test_a_stop_script_hears_the_reason_beside_the_words_of_a_start_script() -> None:
    start, stop = (each(_CALL, _SCRIPT) for each in (environment.of_start, environment.of_stop))
    assert stop == {**start, "CLP_FACTOR": "NULL"}


@pytest.mark.parametrize("event", api.Event)
def test_each_event_has_its_words(event: api.Event) -> None:
    words = {
        api.Event.START: ("START", "NULL"),
        api.Event.MOVE: ("START", "GROUPMOVE"),
        api.Event.STOP: ("START", "GROUPSTOP"),
        api.Event.CLUSTER_STOP: ("START", "CLUSTERSTOP"),
        api.Event.FAILOVER: ("FAILOVER", "GROUPFAILOVER"),
        api.Event.RECOVER: ("RECOVER", "RESOURCERESTART"),
    }
    said = environment.of_stop(attrs.evolve(_CALL, event=event), _SCRIPT)
    assert (said["CLP_EVENT"], said["CLP_FACTOR"]) == words[event]
