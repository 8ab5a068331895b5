"""Watchdog, forced stop, NP resolution, arbiter; keys, clocks, versions, configuration."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import attrs
import pytest

from clpcore.ctl.doctor import clocks, cluster, protection
from clpcore.ctl.doctor.case import Case, Configured, Problem, Silent, Told, version
from clpcore.ctl.doctor.findings import Blind, Finding
from clpcore.ctl.doctor.machine import Ran
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.runtime.store.database import Database, Line
from clpcore.wire import keys

Found = Callable[[Callable[[Case], Iterator[Finding]], Case], Mapping[str, tuple[str, str]]]

Given: TypeAlias = Any  # the machine of conftest.py, which cannot be imported
Document = dict[str, Any]

_GONE = Silent("no agent answers", "start it", gone=True)


@pytest.fixture
def configure(case: Case, config: ClusterConfig) -> Callable[..., Case]:
    def change(**fields: Any) -> Case:  # noqa: ANN401 - fields of the configuration
        changed = attrs.evolve(config, **fields)
        return attrs.evolve(case, configured=attrs.evolve(case.configured, config=changed))

    return change


@pytest.fixture
def leased(configure: Callable[..., Case]) -> Case:
    return configure(arbiter=Arbiter(name="arb1", type="witness"))


# -- the watchdog


def _device(machine: Given) -> None:
    machine.files |= {
        "/dev/watchdog": "",
        "/sys/class/watchdog/watchdog0/identity": "Software Watchdog\n",
        "/sys/class/watchdog/watchdog0/max_timeout": "65535\n",
    }
    machine.programs["systemctl show --property=RuntimeWatchdogUSec"] = Ran(0, "0\n", "")


def test_an_armed_watchdog_is_well(
    leased: Case, machine: Given, agent: Document, found: Found
) -> None:
    _device(machine)
    agent["watchdog"] = "armed (/dev/watchdog, 15 s)"
    assert found(protection.watchdog, leased) == {
        "watchdog": ("ok", "/dev/watchdog Software Watchdog"),
        "the agent has armed it": ("ok", "armed (/dev/watchdog, 15 s)"),
    }


def test_a_machine_without_one(leased: Case, found: Found) -> None:
    told = found(protection.watchdog, leased)
    assert [each for each, _ in told.values()] == ["error", "error"]


def test_one_that_cannot_count_so_far(
    leased: Case, machine: Given, agent: Document, found: Found
) -> None:
    _device(machine)
    agent["watchdog"] = "armed (/dev/watchdog, 15 s)"
    machine.files["/sys/class/watchdog/watchdog0/max_timeout"] = "10\n"
    told = found(protection.watchdog, leased)
    assert told["the watchdog counts no more than 10 s"][0] == "error"


def test_one_that_systemd_feeds(leased: Case, machine: Given, found: Found) -> None:
    _device(machine)
    machine.programs["systemctl show --property=RuntimeWatchdogUSec"] = Ran(0, "30s\n", "")
    assert found(protection.watchdog, leased)["systemd uses the watchdog itself"][0] == "error"


def test_one_that_is_not_armed_or_otherwise(
    leased: Case, machine: Given, agent: Document, found: Found
) -> None:
    _device(machine)
    assert found(protection.watchdog, leased)["the watchdog is not armed"][0] == "error"
    fenced = attrs.evolve(
        leased.config, fencings=(Fencing(name="f1", type="script"),)
    )  # a forced stop vouches as well
    both = attrs.evolve(leased, configured=attrs.evolve(leased.configured, config=fenced))
    assert found(protection.watchdog, both)["the watchdog is not armed"][0] == "warning"
    agent["watchdog"] = "armed (/dev/watchdog, 60 s)"
    told = found(protection.watchdog, leased)
    assert told["the watchdog counts otherwise than configured"][0] == "warning"


def test_whether_it_is_armed_only_the_agent_knows(
    leased: Case, machine: Given, found: Found
) -> None:
    _device(machine)
    told = found(protection.watchdog, attrs.evolve(leased, agent=_GONE))
    assert told["the agent has armed it"] == ("unknown", "no agent answers")


def test_in_the_lab_it_is_a_socket(leased: Case, agent: Document, found: Found) -> None:
    lab = attrs.evolve(leased, where=attrs.evolve(leased.where, lab=True))
    agent["watchdog"] = "armed (lab, 15 s)"
    path = lab.where.root.watchdog
    assert found(protection.watchdog, lab)[f"{path} is missing"][0] == "error"
    path.touch()
    assert {each for each, _ in found(protection.watchdog, lab).values()} == {"ok"}


def test_without_a_lease_nothing_rests_on_a_watchdog(
    case: Case, configure: Callable[..., Case], found: Found
) -> None:
    fenced = configure(arbiter=Arbiter(name="arb1", type="witness", lease=0))
    for each in (case, fenced):
        assert found(protection.watchdog, each) == {}


# -- forced stop, NP resolution, arbiter


@pytest.fixture
def guarded(configure: Callable[..., Case], status: Document) -> Case:
    normal = {"state": "Normal", "detail": ""}
    status["fencing"] = [{"name": "f1", "servers": {"node2": dict(normal)}}]
    status["np"] = [{"name": "np1", "servers": {"node1": dict(normal)}}]
    status["arbiter"] = {"name": "arb1", "state": "Normal", "detail": ""}
    return configure(
        fencings=(Fencing(name="f1", type="script"),),
        nps=(NpResolution(name="np1", type="pingnp"),),
        arbiter=Arbiter(name="arb1", type="witness"),
    )


def test_guards_that_the_agent_finds_well(guarded: Case, found: Found) -> None:
    assert found(protection.guards, guarded) == {
        "forced stop f1: node2": ("ok", "Normal"),
        "NP resolution np1: node1": ("ok", "Normal"),
        "arbiter arb1": ("ok", "Normal"),
    }


@pytest.mark.parametrize(
    ("state", "severity"), [("Error", "error"), ("Unknown", "unknown"), ("Unused", "ok")]
)
def test_guards_that_would_fail(
    guarded: Case, status: Document, state: str, severity: str, found: Found
) -> None:
    for look in (status["fencing"][0]["servers"]["node2"], status["arbiter"]):
        look |= {"state": state, "detail": "no route"}
    told = found(protection.guards, guarded)
    assert told["forced stop f1: node2"][0] == severity
    assert told["arbiter arb1"][0] == severity
    if severity == "error":
        assert told["arbiter arb1"][1] == "Error: no route"


def test_a_guard_that_names_no_reason_is_looked_at_where_more_is_told(
    guarded: Case, status: Document
) -> None:
    status["np"][0]["servers"]["node1"] |= {"state": "Error"}
    (wrong,) = (each for each in protection.guards(guarded) if each.severity == "error")
    assert (wrong.value, wrong.remedy) == ("Error", "`clp why np1` tells what to mend")


def test_guards_that_the_agent_does_not_know_yet(
    guarded: Case, status: Document, found: Found
) -> None:
    status |= {"fencing": [], "np": [{"name": "np1", "servers": {}}], "arbiter": None}
    told = found(protection.guards, guarded)
    assert [each for each, _ in told.values()] == ["unknown"] * 3


def test_without_an_agent_guards_are_unknown(guarded: Case) -> None:
    with pytest.raises(Blind, match="no agent answers"):
        list(protection.guards(attrs.evolve(guarded, status=_GONE)))


# -- keys


@pytest.fixture
def ring(case: Case) -> str:
    text = keys.generate(b"k" * keys.KEY_SIZE)
    case.where.root.key.write_text(text)
    return text


def test_servers_that_speak_with_our_key(case: Case, ring: str, found: Found) -> None:
    told = found(cluster.key_ring, case)
    assert [each for each, _ in told.values()] == ["ok", "ok"]
    secret = ring.rsplit(maxsplit=1)[-1]
    assert not any(secret in what + value for what, (_, value) in told.items())


def test_a_key_that_is_none(case: Case, found: Found) -> None:
    case.where.root.key.write_text("abc precious\n")
    told = found(cluster.key_ring, case)
    severity, value = told["the key file cannot be used"]
    assert (severity, "precious" in value) == ("error", False)


def test_two_keys_are_a_change_under_way(case: Case, ring: str, found: Found) -> None:
    other = keys.generate(b"o" * keys.KEY_SIZE)
    case.where.root.key.write_text(ring + other)
    assert found(cluster.key_ring, case)["keys are being changed"][0] == "warning"


@pytest.mark.parametrize(("state", "severity"), [("Unknown", "error"), ("Online", "warning")])
def test_frames_of_another_key(
    case: Case,
    ring: str,
    agent: Document,
    status: Document,
    state: str,
    severity: str,
    found: Found,
) -> None:
    assert ring
    agent["network"]["dropped"] = {"unknown key": 7, "replayed": 1}
    status["servers"][1]["state"] = state
    told = found(cluster.key_ring, case)
    what = "frames were dropped that no key of ours opens"
    assert told[what] == (severity, "unknown key: 7")


def test_the_key_of_a_silent_server_is_unknown(
    case: Case, ring: str, status: Document, found: Found
) -> None:
    assert ring
    status["servers"][1]["state"] = "Unknown"
    told = found(cluster.key_ring, case)
    assert told["every server speaks with our key"] == ("unknown", "not heard: node2")
    told = found(cluster.key_ring, attrs.evolve(case, agent=_GONE, status=_GONE))
    assert told["every server speaks with our key"][0] == "unknown"


# -- clocks


def _clock_of(case: Case, offset: int, fuzz: int = 2) -> Case:
    told = Told(version="1.0", offset=offset, fuzz=fuzz)
    return attrs.evolve(case, elsewhere=lambda: {"node2": told})


@pytest.mark.parametrize(
    ("offset", "fuzz", "severity"),
    [
        (900, 2, "ok"),
        (-900, 2, "ok"),
        (1_500, 2, "warning"),
        (-1_500, 2, "warning"),
        (1_500, 2_000, "ok"),
    ],
)
def test_clocks_are_compared_as_far_as_they_can_be(
    case: Case, offset: int, fuzz: int, severity: str, found: Found
) -> None:
    told = found(clocks.clock, _clock_of(case, offset, fuzz))
    assert told["the clock of node2"][0] == severity


def test_the_clock_of_a_server_that_does_not_answer_is_unknown(case: Case, found: Found) -> None:
    silent = attrs.evolve(case, elsewhere=lambda: {"node2": Silent("node2 is away", "")})
    assert found(clocks.clock, silent)["the clock of node2"] == ("unknown", "node2 is away")


def test_a_clock_that_nobody_keeps(case: Case, machine: Given, found: Found) -> None:
    machine.synchronised = False
    assert found(clocks.clock, case)["no time service keeps the clock"][0] == "warning"


@pytest.mark.parametrize(("now", "severity"), [(1_000, "warning"), (9_000, "ok")])
def test_a_clock_behind_the_journal(
    case: Case, machine: Given, now: int, severity: str, found: Found
) -> None:
    store = case.where.root.store
    database = Database(store)
    line = Line(seq=1, wall_ms=5_000, now_ms=1, boot=1, kind="because", key="pm1", body="{}")
    database.write((), (line,))
    database.close()
    machine.now = now
    told = found(clocks.clock, case)
    names = {"warning": "the clock is behind the journal", "ok": "the clock and the journal"}
    assert told[names[severity]][0] == severity


def test_a_journal_that_cannot_be_read_is_unknown(case: Case, found: Found) -> None:
    case.where.root.store.write_bytes(b"no database, but long enough to be read as one" * 100)
    assert found(clocks.clock, case)["the clock and the journal"][0] == "unknown"
    with pytest.raises(sqlite3.Error):
        sqlite3.connect(case.where.root.store).execute("SELECT 1 FROM journal")


# -- versions, the agent, the configuration


def test_versions_that_differ(case: Case, agent: Document, found: Found) -> None:
    here = version()
    agent["version"] = here
    same = attrs.evolve(case, elsewhere=lambda: {"node2": Told(version=here, offset=0, fuzz=1)})
    assert found(cluster.versions, same) == {"the version of node2": ("ok", here)}
    other = attrs.evolve(case, elsewhere=lambda: {"node2": Told(version="0.0", offset=0, fuzz=1)})
    assert found(cluster.versions, other)["node2 has another version"] == ("warning", "0.0")
    agent["version"] = "0.0"
    told = found(cluster.versions, same)
    assert told["the agent runs another version than is installed"] == ("warning", "0.0")
    silent = attrs.evolve(case, agent=_GONE, elsewhere=lambda: {"node2": _GONE})
    assert [each for each, _ in found(cluster.versions, silent).values()] == ["unknown"]


def test_what_troubles_the_agent_is_repeated(case: Case, agent: Document, found: Found) -> None:
    full = {"key": "pm500", "args": {"path": "/var/lib/clpcore/store.db", "reason": "disk full"}}
    agent["troubles"] = [full]
    told = found(cluster.agent, case)
    assert [each for each, _ in told.values()] == ["ok", "error"]
    assert any("disk full" in what for what in told)
    told = found(cluster.agent, attrs.evolve(case, agent=_GONE))
    assert told == {"the agent does not answer": ("warning", "no agent answers")}
    told = found(cluster.agent, attrs.evolve(case, agent=Silent("you may not talk to it")))
    assert [each for each, _ in told.values()] == ["unknown"]


def test_what_the_check_of_the_configuration_says_is_repeated(case: Case, found: Found) -> None:
    assert [each for each, _ in found(cluster.configuration, case).values()] == ["ok"]
    problems = tuple(
        Problem(severity=severity, place="a.toml:3", what=f"{severity} it is", remedy="mend it")
        for severity in ("error", "warning", "info")
    )
    broken = attrs.evolve(case, configured=Configured(config=None, folder="f", problems=problems))
    assert found(cluster.configuration, broken) == {
        "error it is": ("error", "a.toml:3"),
        "warning it is": ("warning", "a.toml:3"),
    }


def test_a_committed_revision_that_may_not_be_seen_is_unknown(
    case: Case, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, path: Path) -> NoReturn:
        raise Blind(f"{path} cannot be read: permission denied", "look again as root")

    monkeypatch.setattr(type(case.machine), "stat", refuse)
    assert found(cluster.configuration, case)["the committed revision"][0] == "unknown"


def test_a_server_that_the_configuration_does_not_know(case: Case) -> None:
    stranger = attrs.evolve(case, where=attrs.evolve(case.where, server="node9"))
    with pytest.raises(Blind, match="node9 is none of the servers"):
        list(cluster.configuration(stranger))


def test_the_numbers_of_rules_that_hold_are_shown(leased: Case, found: Found) -> None:
    told = found(cluster.timing, leased)
    assert {severity for severity, _ in told.values()} == {"ok"}
    assert any("<" in value for _, value in told.values())
