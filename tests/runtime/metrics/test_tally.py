"""What a tally makes of the sentences of a failover, and that the page says it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from clpcore import messages
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Monitor, Resource, Server
from clpcore.runtime.metrics import families as of
from clpcore.runtime.metrics import tally as tally_module
from clpcore.runtime.metrics import text
from clpcore.runtime.metrics.tally import Tally
from clpcore.runtime.metrics.text import Facts
from clpcore.runtime.pulse import Lateness
from clpcore.runtime.store.database import Line

CONFIG = ClusterConfig(
    name="Cluster1",
    servers=tuple(Server(name=f"node{n}", priority=n, interconnect=("::1",)) for n in (1, 2)),
    groups=(
        Group(
            name="failover1", resources=(Resource(name="exec1", group="failover1", type="exec"),)
        ),
    ),
    monitors=(Monitor(name="pidw1", type="pidw", group="failover1", target="exec1"),),
)


def line(now: int, key: str, **args: object) -> Line:
    body = json.dumps(messages.plain(messages.because(key, **args))["args"])
    return Line(seq=1, wall_ms=now, now_ms=now, boot=1, kind="because", key=key, body=body)


def resource(now: int, key: str, event: str) -> Line:
    return line(now, key, resource="exec1", group="failover1", server="node2", event=event)


def status() -> dict[str, Any]:
    return {
        "leader": "node2",
        "troubles": [{"key": "pm500"}],
        "servers": [
            {
                "name": "node1",
                "state": "Unknown",
                "heard_ms_ago": 93_400,
                "heartbeats": [{"name": "lanhb1", "state": "Error"}],
            },
            {
                "name": "node2",
                "state": "Online",
                "heard_ms_ago": None,
                "heartbeats": [{"name": "lanhb1", "state": "Caution"}],
            },
        ],
        "groups": [
            {
                "name": "failover1",
                "state": "Online Pending",
                "server": "node2",
                "epoch": 8,
                "resources": [{"name": "exec1", "type": "exec", "state": "Online Pending"}],
                "servers": {"node1": {"can_take": False}, "node2": {"can_take": True}},
            }
        ],
        "monitors": [{"name": "pidw1", "type": "pidw", "state": "Invented"}],
    }


def shown(tally: Tally, *, starting: bool = False) -> dict[str, float]:
    """Give the page's samples, after a look at its form."""
    lateness = Lateness()
    lateness.add(3)
    agent = {
        "network": {"dropped": {"forged": 7}},
        "turns": 12,
        "turns_raised": 0,
        "actions_waiting_for_store": 2,
        "lateness": lateness.document,
    }
    facts = Facts(
        config=CONFIG,
        server="node2",
        status=None if starting else status,
        agent={} if starting else agent,
        tally=tally.taken(),
    )
    lines = text.page(facts).decode().splitlines()
    kinds = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    samples = {}
    for each in lines:
        if each.startswith("#"):
            continue
        name, _, value = each.rpartition(" ")
        found = re.fullmatch(r'([a-z_]+)(\{(\w+="[^"\n]*",?)+\})?', name)
        assert found, each
        assert re.sub(r"_(bucket|sum|count)$", "", found[1]) in kinds or found[1] in kinds
        assert name not in samples, f"twice: {name}"
        samples[name] = float(value)
    return samples


def test_every_sentence_that_is_read_has_what_is_read_of_it() -> None:
    for key, family in tally_module._COUNTED.items():
        assert set(family.labels) <= messages.entry(key).arguments, key
    for key in tally_module._TIMED - {"nm2", "rm9"}:
        assert "group" in messages.entry(key).arguments
    for key in ("nm2", "rm9", *tally_module._OVER):
        assert "server" in messages.entry(key).arguments
    assert "ms" in messages.entry("nm2").arguments
    assert "previous" in messages.entry("rc60").arguments
    assert "event" in messages.entry("rc30").arguments & messages.entry("rc40").arguments


def test_the_phases_of_a_failover_are_timed() -> None:
    tally = Tally()
    tally.lines(
        [
            line(10_000, "nm2", server="node1", ms=5_000, timeout=5_000),
            line(10_300, "rc60", group="failover1", previous="node1", server="node2"),
            line(10_400, "rc10", group="failover1", server="node2"),
            resource(10_400, "rc30", "FAILOVER"),
            line(12_400, "rc11", group="failover1", server="node2", epoch=2),
        ]
    )
    samples = shown(tally)
    for phase, seconds in (("detected", 5), ("decided", 0.3), ("activated", 2), ("total", 2.4)):
        labels = f'{{phase="{phase}"}}'
        assert samples[f"clpcore_failover_phase_seconds_sum{labels}"] == pytest.approx(seconds)
        assert samples[f"clpcore_failover_phase_seconds_count{labels}"] == 1
    assert samples['clpcore_failover_phase_seconds_bucket{phase="decided",le="0.1"}'] == 0
    assert samples['clpcore_failover_phase_seconds_bucket{phase="decided",le="0.5"}'] == 1
    assert samples['clpcore_failover_phase_seconds_bucket{phase="decided",le="+Inf"}'] == 1
    assert samples['clpcore_failovers_total{group="failover1"}'] == 1
    assert samples['clpcore_messages_total{module="rc",severity="info"}'] == 3


def test_a_start_and_a_stop_are_no_phases_of_a_failover() -> None:
    tally = Tally()
    tally.lines(
        [
            line(1_000, "rc10", group="failover1", server="node2"),
            resource(1_000, "rc30", "START"),
            line(2_000, "rc11", group="failover1", server="node2", epoch=1),
            line(3_000, "rc20", group="failover1", server="node2"),
            resource(3_000, "rc40", "FAILOVER"),
            line(3_700, "rc21", group="failover1", server="node2"),
            line(4_000, "rc10", group="failover1", server="node2"),
            resource(4_000, "rc30", "MOVE"),
            line(5_000, "rc11", group="failover1", server="node2", epoch=2),
        ]
    )
    samples = shown(tally)
    assert 'clpcore_failover_phase_seconds_count{phase="activated"}' not in samples
    assert samples['clpcore_failover_phase_seconds_sum{phase="deactivated"}'] == 0.7


def test_a_reason_that_is_over_is_none_for_what_comes_later() -> None:
    tally = Tally()
    tally.lines(
        [
            line(10_000, "nm2", server="node1", ms=5_000, timeout=5_000),
            line(11_000, "nm13", server="node1", ms=6_000),
            line(11_000, "rm9", server="node1", monitor="pidw1", reason="x"),
            line(11_500, "rm26", server="node1", monitor="pidw1"),
            line(900_000, "rc60", group="failover1", previous="node1", server="node2"),
            line(900_100, "rc11", group="failover1", server="node2", epoch=3),
        ]
    )
    samples = shown(tally)
    assert 'clpcore_failover_phase_seconds_count{phase="decided"}' not in samples
    assert 'clpcore_failover_phase_seconds_count{phase="total"}' not in samples
    assert samples['clpcore_monitor_errors_total{monitor="pidw1"}'] == 1


def test_the_page_tells_states_and_counters_that_begin_at_zero() -> None:
    samples = shown(Tally())
    assert samples['clpcore_server_state{server="node1",state="Unknown"}'] == 1
    assert samples['clpcore_server_state{server="node1",state="Online"}'] == 0
    assert samples['clpcore_server_heard_seconds{server="node1"}'] == 93.4
    assert samples['clpcore_leader{server="node2"}'] == 1
    assert samples['clpcore_group_home{group="failover1",server="node2"}'] == 1
    assert samples['clpcore_group_can_take{group="failover1",server="node1"}'] == 0
    assert samples['clpcore_monitor_state{monitor="pidw1",type="pidw",state="Invented"}'] == 1
    assert samples['clpcore_dropped_packets_total{reason="forged"}'] == 7
    assert samples['clpcore_dropped_packets_total{reason="replayed"}'] == 0
    assert samples['clpcore_reactivations_total{monitor="pidw1"}'] == 0
    assert samples["clpcore_heartbeat_late_seconds_sum"] == 0.003
    assert samples["clpcore_store_waiting"] == 2


def test_an_agent_that_is_starting_has_a_page() -> None:
    samples = shown(Tally(), starting=True)
    assert samples['clpcore_info{cluster="Cluster1",server="node2"}'] == 1
    assert not any("state" in name for name in samples)


def test_a_line_that_cannot_be_counted_costs_nothing_else() -> None:
    tally = Tally()
    broken = Line(seq=1, wall_ms=1, now_ms=1, boot=1, kind="because", key="nm2", body="{}")
    tally.lines([broken, line(10, "rc60", group="failover1", previous="node1", server="node2")])
    assert tally.counts[of.FAILOVERS, ("failover1",)] == 1


def test_a_copy_does_not_change() -> None:
    tally = Tally()
    tally.call("exec", "probe", "ok", 0.2)
    taken = tally.taken()
    tally.call("exec", "probe", "ok", 0.2)
    assert taken.counts[of.CALLS, ("exec", "probe", "ok")] == 1
    assert sum(taken.spreads[of.CALL, ("exec", "probe")].counts) == 1


def test_a_name_cannot_break_a_line() -> None:
    made = text._line("x", ("a",), ('q"\\\nend',), 1)
    assert made == 'x{a="q\\"\\\\\\nend"} 1\n'


def test_every_family_is_told_once_and_has_help() -> None:
    names = [family.name for family in of.FAMILIES]
    assert len(names) == len(set(names))
    assert all(family.help.endswith(".") for family in of.FAMILIES)
    assert all(
        family.name.endswith("_total") == (family.kind == "counter") for family in of.FAMILIES
    )
