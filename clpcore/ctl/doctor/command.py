"""The command: runs every check side by side, and prints what they found, the worst first."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.screen import Paint, paint_for, size, wrap
from clpcore.ctl.words import plain, said

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.doctor.case import Case
    from clpcore.ctl.doctor.findings import Finding

    Check = Callable[[Case], Iterator[Finding]]
    Found = dict[str, list[Finding]]  # by check

_SECONDS: Final = 10.0  # for all of it
_LEAST: Final = 2.0  # seconds for the checks, whatever was slow before them
_TO_END: Final = 0.5  # of these, for a check that is late to be ended, and what it found to be read
_SEVERITY: Final = 9  # cells for its word
_TEXT: Final = 23  # cells before a text: the severity, and the names of checks, come first


def parser() -> Parser:
    """Give the arguments."""
    return command(
        "doctor",
        "Look at this server and its cluster for what makes clusters fail when they are needed: "
        "files, ports, firewall, keys, clocks, watchdog, forced stop, the way to the witness, file "
        "systems, the unit. It changes nothing, needs no agent, and takes 10 s at most. Run it as "
        "root on every server: what it may not look at it calls unknown. It fails when something "
        "found is an error.",
        service="nothing happens to it. The other agents count one connection that ends at once.",
        example="""
            clp doctor
            clp doctor --json
        """,
        after="do what it says under each finding, then run it again.",
    )


def run(args: Namespace) -> Exit:
    """Look, and tell."""
    from clpcore.ctl.doctor.case import gather
    from clpcore.ctl.doctor.findings import Severity
    from clpcore.runtime.places import whereabouts

    deadline = time.monotonic() + _SECONDS
    case = gather(whereabouts(os.environ))
    seconds = max(_LEAST, deadline - time.monotonic())
    found = examine(case, checks(seconds - _TO_END), seconds)
    if args.json:
        print(json.dumps(_as_json(case, found), ensure_ascii=False))
    else:
        there = size(sys.stdout)
        print("\n".join(_page(case, found, paint_for(sys.stdout), there and there.columns)))
    severities = {each.severity for findings in found.values() for each in findings}
    return Exit.REFUSED if Severity.ERROR in severities else Exit.DONE


def checks(seconds: float = _SECONDS) -> Mapping[str, Check]:
    """Give every check by its name; those of plugins come last, and take no name of ours.

    *seconds*: how long one of a plugin may take at most.
    """
    from clpcore.ctl.doctor import (
        azure,
        beyond,
        clocks,
        cluster,
        files,
        firewall,
        network,
        protection,
        system,
    )

    own: dict[str, Check] = {
        "agent": cluster.agent,
        "configuration": cluster.configuration,
        "timing": cluster.timing,
        "paths": files.paths,
        "space": files.space,
        "file systems": files.file_systems,
        "fstab": files.fstab,
        "ports": network.ports,
        "servers": network.reach,
        "firewall": firewall.firewall,
        "confinement": system.confinement,
        "keys": cluster.key_ring,
        "clock": clocks.clock,
        "watchdog": protection.watchdog,
        "guards": protection.guards,
        "witness": network.witness,
        "unit": system.unit,
        "boot": system.boot,
        "shield": system.shield,
        "versions": cluster.versions,
        "azure": azure.azure,
    }
    return own | {name: check for name, check in beyond.checks(seconds).items() if name not in own}


def examine(case: Case, each: Mapping[str, Check], seconds: float) -> Found:
    """Run the checks side by side; one that is late or that fails gives an unknown."""
    from clpcore.ctl.doctor.case import side_by_side
    from clpcore.ctl.doctor.findings import unknown

    found: Found = {name: [] for name in each}
    jobs = {
        name: functools.partial(_look, check, case, found[name]) for name, check in each.items()
    }
    done = side_by_side(jobs, seconds)
    late = said("not done within {seconds} s", seconds=f"{seconds:.0f}")
    again = said("look again; if it stays, see what hangs on this machine")
    what = said("cannot be looked at")
    return {
        name: [*found[name], *([] if name in done else [unknown(what, late, again)])]
        for name in each
    }


def _look(check: Check, case: Case, found: list[Finding]) -> None:
    """Add to *found* what the check finds, as far as it can look."""
    from clpcore.ctl.doctor.findings import Blind, needs_remedy, unknown

    blind = said("cannot be looked at")
    try:
        for each in check(case):
            found.append(needs_remedy(each))  # noqa: PERF401 - kept, also if the next one fails
    except Blind as why:
        found.append(needs_remedy(unknown(blind, str(why), why.remedy)))
    except FileNotFoundError as why:
        missing = said("{path} is missing", path=why.filename or why)
        found.append(needs_remedy(unknown(blind, missing, "")))
    except Exception as why:  # noqa: BLE001 - one check must not end the others
        bug = said("a bug of clp doctor: report it")
        found.append(unknown(blind, f"{type(why).__name__}: {why}", bug))


# -- telling


def _as_json(case: Case, found: Found) -> dict[str, object]:
    import attrs

    rows = [
        {"check": name, **attrs.asdict(finding), "severity": finding.severity.value}
        for name, findings in found.items()
        for finding in findings
    ]
    return {"schema": 1, "server": case.where.server, "findings": rows}


def _page(case: Case, found: Found, paint: Paint, columns: int | None = None) -> Iterator[str]:
    from clpcore.ctl.doctor.findings import Severity

    counts = Counter(each.severity for findings in found.values() for each in findings)
    yield said(
        "Server {server}: {errors} errors, {warnings} warnings, {unknown} unknown, {ok} ok.",
        server=paint.loud(plain(case.where.server)),
        errors=counts[Severity.ERROR],
        warnings=counts[Severity.WARNING],
        unknown=counts[Severity.UNKNOWN],
        ok=counts[Severity.OK],
    )
    for severity in Severity:
        if counts[severity]:
            yield ""
        for each, names in _by_finding(found).items():
            if each.severity is severity:
                yield from _lines(", ".join(names), each, paint, columns)


def _by_finding(found: Found) -> dict[Finding, list[str]]:
    """Give the checks by what they found: several may be blind for one reason."""
    names: dict[Finding, list[str]] = {}
    for name, findings in found.items():
        for each in findings:
            names.setdefault(each, []).append(name)
    return names


def _lines(names: str, finding: Finding, paint: Paint, columns: int | None) -> Iterator[str]:
    """Give a finding, its remedy below; *columns* of the terminal, None where there is none."""
    severity = paint.state(finding.severity.value, _SEVERITY)
    what = plain(finding.what)
    what = f"{what} ({plain(finding.value)})" if finding.value else what
    first, *rest = wrap(what, " " * _TEXT, columns)
    head, *more = wrap(plain(names), " " * _SEVERITY, columns)
    room = _TEXT - _SEVERITY - 1
    if columns is not None and len(names) > room:
        yield from (f"{severity}{head.strip()}", *more, first)
    else:
        yield f"{severity}{plain(names):<{room}} {first.strip()}"
    yield from rest
    if finding.remedy:
        yield from map(paint.quiet, wrap(plain(finding.remedy), " " * _TEXT, columns))
