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
from clpcore.ctl.screen import Paint, paint_for
from clpcore.ctl.words import plain, said

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.doctor.case import Case
    from clpcore.ctl.doctor.findings import Finding

    Check = Callable[[Case], Iterator[Finding]]
    Found = dict[str, list[Finding]]  # by check

_SECONDS: Final = 10.0  # for all of it
_LEAST: Final = 2.0  # seconds for the checks, whatever was slow before them


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
    found = examine(case, checks(), max(_LEAST, deadline - time.monotonic()))
    if args.json:
        print(json.dumps(_as_json(case, found), ensure_ascii=False))
    else:
        print("\n".join(_page(case, found, paint_for(sys.stdout))))
    severities = {each.severity for findings in found.values() for each in findings}
    return Exit.REFUSED if Severity.ERROR in severities else Exit.DONE


def checks() -> Mapping[str, Check]:
    """Give every check by its name; those of plugins come last, and take no name of ours."""
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
    return own | {name: check for name, check in beyond.checks().items() if name not in own}


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
    import attrs

    from clpcore.ctl.doctor.findings import Blind, Severity, unknown

    by_hand = said("look at it by hand")
    try:
        for each in check(case):
            bare = each.severity is Severity.UNKNOWN and not each.remedy
            found.append(attrs.evolve(each, remedy=by_hand) if bare else each)
    except Blind as why:
        found.append(unknown(said("cannot be looked at"), str(why), why.remedy or by_hand))
    except FileNotFoundError as why:
        missing = said("{path} is missing", path=why.filename or why)
        found.append(unknown(said("cannot be looked at"), missing, by_hand))
    except Exception as why:  # noqa: BLE001 - one check must not end the others
        bug = said("a bug of clp doctor: report it")
        found.append(unknown(said("cannot be looked at"), f"{type(why).__name__}: {why}", bug))


# -- telling


def _as_json(case: Case, found: Found) -> dict[str, object]:
    import attrs

    rows = [
        {"check": name, **attrs.asdict(finding), "severity": finding.severity.value}
        for name, findings in found.items()
        for finding in findings
    ]
    return {"schema": 1, "server": case.where.server, "findings": rows}


def _page(case: Case, found: Found, paint: Paint) -> Iterator[str]:
    from clpcore.ctl.doctor.findings import Severity

    counts = Counter(each.severity for findings in found.values() for each in findings)
    yield said(
        "Server {server}: {errors} errors, {warnings} warnings, {unknown} unknown, {ok} ok.",
        server=paint.loud(case.where.server),
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
                yield from _lines(", ".join(names), each, paint)


def _by_finding(found: Found) -> dict[Finding, list[str]]:
    """Give the checks by what they found: several may be blind for one reason."""
    names: dict[Finding, list[str]] = {}
    for name, findings in found.items():
        for each in findings:
            names.setdefault(each, []).append(name)
    return names


def _lines(checks_: str, finding: Finding, paint: Paint) -> Iterator[str]:
    what = plain(finding.what)
    what = f"{what} ({plain(finding.value)})" if finding.value else what
    yield f"{paint.state(finding.severity.value, 9)}{checks_:<13} {what}"
    if finding.remedy:
        yield f"{'':<23}{paint.quiet(plain(finding.remedy))}"
