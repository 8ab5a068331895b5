"""A name that belongs to another machine than when it was looked at: a copy, or one made anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clpcore import api

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

GET = r"node2\?"


class Server(Protocol):
    """node1, which may have to stop node2: see conftest.py."""

    def configure(self, **changes: Any) -> None: ...  # noqa: ANN401 - settings
    def fence(self, patience: int = ..., victim: str = ...) -> api.Power: ...
    def can_fence(self, patience: int = ..., victim: str = ...) -> api.Observation: ...


def requests(azure: Azure) -> list[Mapping[str, str]]:
    return [entry.query for entry in azure.journal("powerOff")]


_COPY = {"properties": {"vmId": "99999999-0000-4000-8000-000000000000"}}
_WHY = "is not the machine that was node2 before: vmId 99999999..., not "


def test_a_copy_under_the_victims_name_is_not_stopped(azure: Azure, server: Server) -> None:
    """It calls itself node2 as well; the node2 that was there runs on under another name."""
    server.can_fence()
    azure.fault("edit", GET, count=None, body=_COPY)
    with pytest.raises(api.Misconfigured) as caught:
        server.fence()
    assert _WHY in str(caught.value)
    assert "clp server confirm-down node2" in str(caught.value)
    assert requests(azure) == []


def test_a_copy_that_is_off_is_no_proof(azure: Azure, server: Server) -> None:
    server.can_fence()
    azure.set_power("node2", on=False)
    azure.fault("edit", GET, count=None, body={**_COPY, "tags": {"clpcore-server": "node2"}})
    with pytest.raises(api.Misconfigured, match=_WHY):
        server.fence()


def test_a_name_that_changes_hands_amid_a_forced_stop_ends_it(azure: Azure, server: Server) -> None:
    azure.set_timing(operation=3.0)
    azure.fault("edit", GET, count=None, skip=1, body=_COPY)
    with pytest.raises(api.Misconfigured, match=_WHY):
        server.fence()


def test_a_copy_is_not_learnt_while_the_end_of_the_other_is_awaited(
    azure: Azure, server: Server
) -> None:
    """A minute after a forced stop has failed, a look decides whether it begins anew."""
    server.can_fence()
    azure.fault("edit", GET, count=None, body=_COPY)
    for _ in range(2):
        with pytest.raises(api.Misconfigured, match=_WHY):
            server.fence()
        seen = server.can_fence()
        assert seen.health is api.Health.ERROR
        assert _WHY in seen.sentence
        assert "restart the agent here" in seen.sentence
    azure.clear_faults()
    assert server.can_fence().health is api.Health.NORMAL
    assert server.fence() is api.Power.OFF


def test_a_copy_that_cannot_be_read_again_is_not_stopped_unseen(
    azure: Azure, server: Server
) -> None:
    server.configure(request_timeout=600)
    server.can_fence()
    azure.fault("edit", GET, count=1, body=_COPY)
    with pytest.raises(api.Misconfigured, match=_WHY):
        server.fence()
    azure.fault("hang", GET, count=None)
    with pytest.raises(api.Failed):
        server.fence(2_500)
    assert requests(azure) == []


def test_a_machine_that_was_made_anew_is_known_after_the_next_look(
    azure: Azure, server: Server
) -> None:
    """An operator has rebuilt node2 from its image; it is back in the cluster."""
    server.can_fence()
    azure.fault("edit", GET, count=None, body=_COPY)
    seen = server.can_fence()
    assert seen.health is api.Health.NORMAL
    assert "another machine than at the last look: is it meant to be?" in seen.sentence
    assert "another machine" not in server.can_fence().sentence
    assert server.fence() is api.Power.OFF


def test_a_machine_that_is_rebuilt_after_its_forced_stop_is_known(
    azure: Azure, server: Server
) -> None:
    server.can_fence()
    assert server.fence() is api.Power.OFF
    azure.set_power("node2", on=True)
    azure.fault("edit", GET, count=None, body=_COPY)
    assert server.can_fence().health is api.Health.NORMAL
    assert server.fence() is api.Power.OFF
