"""The status document: who certainly runs nothing, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from clpcore.model.ownership import EvidenceKind
from clpcore_azureevents import cluster


def _status(group: dict[str, object], **server: object) -> dict[str, Any]:
    usual = {"name": "node1", "state": "Online", "drained": True, "freeze": None, "evidence": None}
    return {
        "server": "node1",
        "leader": None,
        "suspended": False,
        "endured_freeze_ms": 1,
        "servers": [usual | server],
        "groups": [{"name": "g", "server": None, "servers": {}} | group],
    }


@pytest.mark.parametrize(
    ("group", "groups"),
    [
        ({}, ()),
        ({"server": "node2"}, ()),
        ({"server": "node1"}, ("g",)),
        # Its record names another server, and it has not let go of it yet.
        ({"server": "node2", "servers": {"node1": {"epoch": 3}}}, ("g",)),
        ({"server": "node2", "servers": {"node1": {"epoch": 0}}}, ()),
    ],
)
def test_what_a_server_may_be_running(group: dict[str, object], groups: tuple[str, ...]) -> None:
    me = cluster.cluster(_status(group)).myself
    assert me.groups == groups
    assert me.empty == (not groups)


@pytest.mark.parametrize("kind", EvidenceKind)
def test_a_silent_server_is_gone_by_proof_alone(kind: EvidenceKind) -> None:
    silent = {"state": "Unknown", "evidence": kind.value}
    assert cluster.cluster(_status({}, **silent)).myself.gone == kind.proven
    assert not cluster.cluster(_status({"server": "node1"}, **silent)).myself.gone
    assert not cluster.cluster(_status({}, state="Unknown")).myself.gone


@pytest.mark.parametrize("missing", ["server", "servers", "groups", "suspended"])
def test_what_is_missing_is_named(missing: str) -> None:
    status = _status({})
    del status[missing]
    with pytest.raises(cluster.Unreadable, match=missing):
        cluster.cluster(status)
