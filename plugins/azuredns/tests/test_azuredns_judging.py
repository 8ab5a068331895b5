"""What a look comes to, case by case."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from clpcore import api
from clpcore_azuredns.judging import Look, judge
from clpcore_azuredns.record import Record
from clpcore_azuredns.resolution import Said
from clpcore_azuredns.settings import MonitorConfig, OnNoAnswer
from clpcore_lib_azure import Absent, Denied, NotSignedIn, Silent

IP = "10.5.0.110"
CONFIG = MonitorConfig(
    subscription_id="22222222-2222-2222-2222-222222222222",
    resource_group="TestGroup1",
    managed_identity=True,
    zone="cluster1.zone",
    record_set="www",
    ip=IP,
)
CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=7,
    server="node1",
    home="node1",
    previous="",
    group="failover1",
    resource="azuredns1",
)
NEWER = {"clpcore_group": "failover1", "clpcore_epoch": "8", "clpcore_server": "node2"}
ZONES = "Microsoft.Network/dnsZones"
NORMAL, WARNING, ERROR, UNKNOWN = api.Health


def record(*addresses: str, **metadata: str) -> Record:
    return Record(addresses=addresses, ttl=60, metadata=metadata)


def says(*addresses: str | None) -> tuple[Said, ...]:
    """Give what ns1, ns2, ... say; None: nothing."""
    return tuple(
        Said(server=f"ns{number}", trouble="no answer within 2 s")
        if address is None
        else Said(server=f"ns{number}", addresses=(address,) if address else ())
        for number, address in enumerate(addresses, 1)
    )


RIGHT: dict[str, Any] = {"asked": True, "record": record(IP)}
WELL = says(IP, IP, IP, IP)
DEAD = says(None, None, None, None)
SILENT = Silent("zone cluster1.zone: no answer from management.azure.com in time")
BLIND = Denied("app may not read", f"{ZONES}/A/read", "/subscriptions/x")

CASES: dict[str, tuple[Look, api.Health, str]] = {
    "all well": (Look(**RIGHT, said=WELL), NORMAL, f"www.cluster1.zone is {IP} at 4 of 4 name"),
    "not asked this time": (Look(said=WELL), NORMAL, "at 4 of 4"),
    "one is dead": (Look(**RIGHT, said=says(IP, None, IP, IP)), NORMAL, "at 3 of 4"),
    "deleted": (Look(asked=True, said=WELL), ERROR, "there is no A record www in zone cluster1"),
    "deleted, seen by name servers": (Look(said=says("", "")), ERROR, "ns1 says that there is no"),
    "changed": (Look(asked=True, record=record("10.9.9.9")), ERROR, "is 10.9.9.9, not 10.5.0.110"),
    "one more": (Look(asked=True, record=record(IP, "10.9.9.9")), ERROR, f"is {IP}, 10.9.9.9, not"),
    "taken": (
        Look(asked=True, record=record("10.5.0.111", **NEWER)),
        ERROR,
        "written by node2 for epoch 8 of failover1, and this server knows epoch 7 only",
    ),
    "one lies": (Look(**RIGHT, said=says(IP, "192.0.2.66")), WARNING, "but ns2 says 192.0.2.66"),
    "all lie": (Look(**RIGHT, said=says("192.0.2.66", "192.0.2.66")), ERROR, "ns1 says 192.0.2.66"),
    "under way": (
        Look(**RIGHT, said=says("10.5.0.111", "10.5.0.111"), written=5_000),
        NORMAL,
        "is on its way to the name servers",
    ),
    "half way": (Look(**RIGHT, said=says("10.5.0.111", IP), written=5_000), NORMAL, "under way"),
    "under way for too long": (
        Look(**RIGHT, said=says("10.5.0.111", "10.5.0.111"), written=60_000),
        ERROR,
        "ns1 says 10.5.0.111",
    ),
    "gone just after": (Look(said=says("", ""), written=5_000), ERROR, "no such name"),
    "Azure is silent": (Look(asked=True, error=SILENT, said=WELL), NORMAL, "does not answer"),
    "Azure is silent, and it is gone": (
        Look(asked=True, error=SILENT, said=says("", "")),
        ERROR,
        "no such name",
    ),
    "nobody answers": (Look(asked=True, error=SILENT, said=DEAD), UNKNOWN, "in time; ns1 gives no"),
    "nobody answers any more": (
        Look(asked=True, error=SILENT, said=DEAD, seen=61_000),
        NORMAL,
        "all was well 61 s ago; zone cluster1.zone: no answer",
    ),
    "name servers are silent": (Look(**RIGHT, said=DEAD), UNKNOWN, "in Azure, but ns1 gives no"),
    "name servers are not found": (
        Look(**RIGHT, unfound="no address. Can this server look up names?"),
        UNKNOWN,
        "but no address",
    ),
    "the zone is gone": (
        Look(asked=True, error=Absent("404. Correct it", "ParentResourceNotFound"), said=WELL),
        ERROR,
        "404",
    ),
    "cannot sign in": (
        Look(asked=True, error=NotSignedIn("expired. Make a new one"), said=WELL),
        WARNING,
        "expired",
    ),
    "may not read": (Look(asked=True, error=BLIND, said=WELL), NORMAL, "the role has no A/read"),
    "may not read, and it is gone": (
        Look(asked=True, error=BLIND, said=says("", "")),
        ERROR,
        "no such name",
    ),
    "may not know the name servers": (
        Look(**RIGHT, refused=Denied("no", f"{ZONES}/NS/read", "/z")),
        WARNING,
        f"the role lacks {ZONES}/NS/read on /z",
    ),
    "may not know anything": (
        Look(asked=True, error=BLIND, refused=Denied("no", f"{ZONES}/NS/read", "/z")),
        WARNING,
        f"the role lacks {ZONES}/NS/read on /z",
    ),
    "is locked": (
        Look(asked=True, error=Denied("403 by a lock. Look at locks"), said=WELL),
        WARNING,
        "by a lock",
    ),
}


@pytest.mark.parametrize(("look", "health", "said"), CASES.values(), ids=CASES)
def test_each_case(look: Look, health: api.Health, said: str) -> None:
    seen = judge(CONFIG, CALL, look)
    assert (seen.health, said in seen.sentence) == (health, True), seen.sentence
    _, _, step = seen.sentence.rpartition(". ")
    assert health is NORMAL or step[:1].isupper() or step.startswith("`"), seen.sentence


def test_of_a_long_sentence_the_next_step_stays() -> None:
    scope = f"/subscriptions/{'x' * 300}"
    seen = judge(CONFIG, CALL, Look(**RIGHT, refused=Denied("no", f"{ZONES}/NS/read", scope)))
    assert len(seen.sentence) <= 300
    assert seen.sentence.endswith("x ... `clp azure role` prints one that has it")


@pytest.mark.parametrize(
    ("how", "health"),
    [(OnNoAnswer.IGNORE, NORMAL), (OnNoAnswer.WARN, WARNING), (OnNoAnswer.RECOVER, ERROR)],
)
def test_silence_is_what_the_administrator_says(how: OnNoAnswer, health: api.Health) -> None:
    look = Look(asked=True, error=SILENT, said=DEAD, seen=60_000)
    assert judge(attrs.evolve(CONFIG, on_no_answer=how), CALL, look).health is health


def test_without_resolution_the_record_is_all_that_counts() -> None:
    config = attrs.evolve(CONFIG, check_name_resolution=False)
    assert judge(config, CALL, Look(**RIGHT)).health is NORMAL
    assert judge(config, CALL, Look(asked=True, error=SILENT)).health is UNKNOWN


def test_a_sentence_is_short() -> None:
    look = Look(asked=True, error=NotSignedIn("x" * 999), said=WELL)
    assert len(judge(CONFIG, CALL, look).sentence) <= 300


@pytest.mark.parametrize("epoch", ["", "-1", "9" * 30, "\u0667", "seven"])
def test_an_epoch_that_is_none_counts_as_none(epoch: str) -> None:
    metadata = {"clpcore_group": "failover1", "clpcore_epoch": epoch}
    assert Record(addresses=(), ttl=1, metadata=metadata).epoch == 0
