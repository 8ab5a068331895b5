"""The page: Prometheus' text format 0.0.4, from the status document, the agent's and a tally.

Written here and not by a library: these are few lines, and the agent has no memory to give away
for what it does not use of one (docs/decisions/0025).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.states import Shown
from clpcore.runtime.metrics import families as of
from clpcore.runtime.metrics.families import FAMILIES, Family
from clpcore.runtime.metrics.tally import Spread, Tally, zeros
from clpcore.wire.rejected import Reason

Document = Mapping[str, Any]
Sample = tuple[Family, tuple[str, ...], float]

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_PENDING: Final = (Shown.ONLINE, Shown.OFFLINE, Shown.ONLINE_PENDING, Shown.OFFLINE_PENDING)
_STATES: Final[Mapping[Family, tuple[Shown, ...]]] = {
    of.SERVER: (*_PENDING, Shown.UNKNOWN),
    of.LINK: (Shown.NORMAL, Shown.CAUTION, Shown.ERROR, Shown.UNUSED, Shown.OFFLINE, Shown.UNKNOWN),
    of.GROUP: (*_PENDING, Shown.ERROR, Shown.UNKNOWN),
    of.RESOURCE: (*_PENDING, Shown.ONLINE_FAILURE, Shown.OFFLINE_FAILURE, Shown.UNKNOWN),
    of.MONITOR: (
        Shown.NORMAL,
        Shown.CAUTION,
        Shown.ERROR,
        Shown.SUSPEND,
        Shown.OFFLINE,
        Shown.UNKNOWN,
    ),
}


@attrs.frozen(kw_only=True)
class Facts:
    """All that a page is made of; *status* makes the document, None while the agent starts."""

    config: ClusterConfig
    server: str
    status: Callable[[], Document] | None
    agent: Document
    tally: Tally


def page(facts: Facts) -> bytes:
    """Give the whole page."""
    values: dict[Family, list[str]] = {}
    for family, labels, value in (
        *_samples_of_status(facts),
        *_samples_of_agent(facts.agent),
        *_samples_of_counts(facts),
    ):
        values.setdefault(family, []).append(_line(family.name, family.labels, labels, value))
    for family, labels, spread in _spreads(facts):
        values.setdefault(family, []).extend(_buckets(family, labels, spread))
    return "".join(
        f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        f"{''.join(values[family])}"
        for family in FAMILIES
        if family in values
    ).encode()


def _line(name: str, names: Iterable[str], labels: Iterable[str], value: float) -> str:
    pairs = zip(names, labels, strict=True)
    inner = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in pairs)
    return f"{name}{{{inner}}} {value:.12g}\n" if inner else f"{name} {value:.12g}\n"


def _buckets(family: Family, labels: tuple[str, ...], spread: Spread) -> Iterator[str]:
    names = (*family.labels, "le")
    edges = [*(f"{edge:g}" for edge in spread.edges), "+Inf"]
    sums = list(itertools.accumulate(spread.counts))
    for edge, count in zip(edges, sums, strict=True):
        yield _line(f"{family.name}_bucket", names, (*labels, edge), count)
    yield _line(f"{family.name}_sum", family.labels, labels, spread.total)
    yield _line(f"{family.name}_count", family.labels, labels, sums[-1])


# -- states


def _set(family: Family, labels: tuple[str, ...], state: str) -> Iterator[Sample]:
    known = [each.value for each in _STATES[family]]
    for each in known if state in known else [*known, state]:
        yield family, (*labels, each), float(each == state)


def _samples_of_status(facts: Facts) -> Iterator[Sample]:
    yield of.INFO, (facts.config.name, facts.server), 1
    if facts.status is None:
        return
    status = facts.status()
    yield of.TROUBLES, (), len(status["troubles"])
    for server in status["servers"]:
        yield from _server(server, status["leader"])
    for group in status["groups"]:
        yield from _group(group)
    for monitor in status["monitors"]:
        yield from _set(of.MONITOR, (monitor["name"], monitor["type"]), monitor["state"])


def _server(server: Document, leader: str | None) -> Iterator[Sample]:
    name = server["name"]
    yield from _set(of.SERVER, (name,), server["state"])
    yield of.LEADER, (name,), float(name == leader)
    if server["heard_ms_ago"] is not None:
        yield of.HEARD, (name,), server["heard_ms_ago"] / 1_000
    for link in server["heartbeats"]:
        yield from _set(of.LINK, (name, link["name"]), link["state"])


def _group(group: Document) -> Iterator[Sample]:
    name = group["name"]
    yield from _set(of.GROUP, (name,), group["state"])
    yield of.EPOCH, (name,), group["epoch"]
    for server, report in group["servers"].items():
        yield of.HOME, (name, server), float(server == group["server"])
        yield of.CAN_TAKE, (name, server), float(report["can_take"])
    for resource in group["resources"]:
        labels = (name, resource["name"], resource["type"])
        yield from _set(of.RESOURCE, labels, resource["state"])


# -- counters


def _samples_of_agent(agent: Document) -> Iterator[Sample]:
    dropped = agent.get("network", {}).get("dropped", {})
    for reason in Reason:
        yield of.DROPPED, (reason.value,), dropped.get(reason.value, 0)
    if "turns" in agent:
        yield of.TURNS, (), agent["turns"]
        yield of.RAISED, (), agent["turns_raised"]
        yield of.WAITING, (), agent["actions_waiting_for_store"]
        yield of.WORST, (), agent["lateness"]["worst_ms"] / 1_000


def _samples_of_counts(facts: Facts) -> Iterator[Sample]:
    counts = {**dict.fromkeys(zeros(facts.config), 0), **facts.tally.counts}
    for (family, labels), count in sorted(counts.items(), key=lambda item: item[0][1]):
        yield family, labels, count


def _spreads(facts: Facts) -> Iterator[tuple[Family, tuple[str, ...], Spread]]:
    spreads = facts.tally.spreads.items()
    for (family, labels), spread in sorted(spreads, key=lambda item: item[0][1]):
        yield family, labels, spread
    if "lateness" in facts.agent:
        yield of.LATE, (), _lateness(facts.agent["lateness"])


def _lateness(told: Document) -> Spread:
    """Read the pulse's own histogram, whose edges are ms as text."""
    *edges, _more = told["up_to_ms"]
    spread = Spread(tuple(int(edge) / 1_000 for edge in edges), told["total_ms"] / 1_000)
    spread.counts = [*told["up_to_ms"].values()]
    return spread
