"""What ``clp config check`` prints: each problem with its line, then what the cluster will be."""

from __future__ import annotations

import graphlib
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from clpcore.config import safety, takeover, timing
from clpcore.config.problems import Place, Problem
from clpcore.config.wording import duration, listed
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Monitor
from clpcore.model.reasons import Severity
from clpcore.model.relations import ExclusionRule
from clpcore.model.states import Exclusion, Timing

_WIDTH: Final = 100
_TOGETHER: Final = "\N{NO-BREAK SPACE}"  # where a line is not broken
_LINE: Final = 90  # of a line in a file, the part that is shown


def render(problems: Iterable[Problem], config: ClusterConfig | None, note: str = "") -> str:
    """Give the report: problems as the files have them, then the cluster, then the count.

    *note* is a sentence about what was checked, or not.
    """
    found = tuple(problems)
    parts = ["\n".join(_problem(problem)) for problem in found]
    if config:
        parts.append("\n".join(_cluster(config)))
    parts += ["\n".join(_wrapped(note, ""))] if note else []
    parts.append(_count(found, config))
    return "\n\n".join(parts) + "\n"


def as_json(problems: Iterable[Problem], config: ClusterConfig | None) -> dict[str, Any]:
    """Give the same in plain JSON types (schema 1)."""
    return {
        "schema": 1,
        "usable": config is not None,
        "cluster": config.name if config else None,
        "problems": [problem.as_json() for problem in problems],
        "exclusive": config.exclusive if config else None,
        "policy": safety.policy(config) if config else None,
        "times": [rule.as_json() for rule in timing.rules(config)] if config else [],
    }


def _problem(problem: Problem) -> Iterator[str]:
    place = f"{problem.place.file}:{problem.place.line}: " if problem.place else ""
    key = f": {problem.key}" if problem.key else ""
    yield f"{place}{problem.severity.value}{key}"
    if problem.place:
        yield from _quote(problem.place)
    yield from _sentences(problem.what)
    yield from _sentences(problem.remedy)


def _quote(place: Place) -> Iterator[str]:
    """Show the line with the wrong part underlined; leading blanks tell nothing."""
    line = "".join(char if char.isprintable() else " " for char in place.text)
    start = len(line) - len(line.lstrip())
    if place.column > _LINE:
        start = place.column - _LINE // 2
    if line.strip():
        width = min(place.width, start + _LINE - place.column + 1)
        yield f"      {line[start : start + _LINE]}"
        yield f"      {' ' * (place.column - 1 - start)}{'^' * width}"


def _sentences(text: str) -> list[str]:
    return _wrapped(text, "  ")


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    """Give lines of whole words: a path stays one that can be copied."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _cluster(config: ClusterConfig) -> Iterator[str]:
    interval, timeout = config.heartbeat_interval, config.heartbeat_timeout
    paths = listed(heartbeat.name for heartbeat in config.heartbeats)
    yield f"{config.name} ({config.platform.value}) on {listed(config.server_names)}"
    yield f"  {paths}: a heartbeat every {duration(interval)}, silent after {duration(timeout)}"
    if config.freeze_timeout > timeout:
        longer = duration(config.freeze_timeout)
        yield f"    (or after {longer}, when a freeze of the server was announced)"
    yield from _wrapped(_exclusive(config), "  ") if len(config.servers) > 1 else ()
    for group in config.groups:
        homes = ", then ".join(group.startup_servers or group.server_groups) or "any server"
        yield f"  {group.name} on {homes}: {_order(group)}"
        yield from (f"    {line}" for line in _relations(group))
        for monitor in config.monitors:
            if monitor.group == group.name:
                yield f"    {_monitor(monitor)}"
    for rule in config.exclusions:
        apart = "on one server" + (" while there is another" if _is_normal(rule) else "")
        yield f"  {rule.name}: never {listed(rule.groups)} {apart}"
    for monitor in config.server_monitors:
        yield f"  {_monitor(monitor)}"
    if config.alerts:
        yield f"  messages also go to {listed(alert.name for alert in config.alerts)}"
    yield from _times(config)


def _exclusive(config: ClusterConfig) -> str:
    """Say in one sentence why a group runs once, or that it may run twice."""
    said = safety.policy(config)
    if not config.exclusive:
        how = said if said in {"unproven", "np only"} else 'on_fence_failure = "failover"'
        return f"EXCLUSIVE: NOT GUARANTEED ({how})"
    stops = ", then ".join(each.name for each in config.fencings)
    arbiter = config.arbiter.name if config.arbiter else ""
    proofs = {
        "operator": "an operator's word, a clean leave or a new boot, nothing else",
        "cohort": f"a forced stop that was confirmed ({stops})",
        "fence": f"the claim at {arbiter}, and a forced stop that was confirmed ({stops})",
        "lease": f"the claim at {arbiter}, once the lease of the former holder has lapsed",
        "both": f"the claim at {arbiter}, a lapsed lease, and a confirmed forced stop ({stops})",
    }
    return f"exclusive (policy {said}): another server takes over on {proofs[said]}"


def _times(config: ClusterConfig) -> Iterator[str]:
    """Give every rule between times with its numbers."""
    yield "  times in seconds, and how they fit together (docs/howto/never-twice.md):"
    whole = (letter.replace(" ", _TOGETHER) for letter in timing.letters(config))
    legend = _wrapped("; ".join(whole), "    ")
    yield from (line.replace(_TOGETHER, " ") for line in legend)
    for rule in timing.rules(config):
        fits = "" if rule.holds else "NOT "
        yield from _wrapped(f"{rule.formula}: {fits}{rule.numbers} ({rule.why})", "    ", "      ")
    if len(config.servers) > 1 and safety.policy(config) != "operator":
        yield from _wrapped(takeover.told(config), "    ", "      ")


def _relations(group: Group) -> Iterator[str]:
    if group.start_after:
        wait = duration(group.start_wait)
        yield f"starts after {listed(group.start_after)}, for which it waits up to {wait}"
    if group.stop_after:
        wait = duration(group.stop_wait)
        yield f"stops after {listed(group.stop_after)}, for which it waits up to {wait}"


def _is_normal(rule: ExclusionRule) -> bool:
    return rule.rule is Exclusion.NORMAL


def _order(group: Group) -> str:
    depends = {resource.name: resource.depends_on for resource in group.resources}
    return ", then ".join(graphlib.TopologicalSorter(depends).static_order()) or "nothing"


def _monitor(monitor: Monitor) -> str:
    where = f"on {listed(monitor.servers) or 'every server'}"
    if monitor.timing is Timing.ACTIVE:
        where = "where it is active"
    what = monitor.target or "the server"
    return f"{monitor.name} watches {what} every {duration(monitor.interval)}, {where}"


def _count(found: tuple[Problem, ...], config: ClusterConfig | None) -> str:
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    warnings = sum(problem.severity is Severity.WARNING for problem in found)
    counts = [_number(errors, "error"), _number(warnings, "warning")]
    said = listed(filter(None, counts)) or "No problem found"
    return f"{said}: this configuration {'can' if config else 'cannot'} be used."


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count > 1 else ''}" if count else ""
