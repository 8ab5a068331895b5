"""The command line: explore the policies, print numbers and the first broken rule."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from clpcore.simulate.exhaustive import starts
from clpcore.simulate.exhaustive.clusters import POLICIES, cluster
from clpcore.simulate.exhaustive.explore import Bounds, Explorer
from clpcore.simulate.exhaustive.tell import summary, tell


def main(arguments: Sequence[str]) -> int:
    """Explore; give the exit status: 1 if a rule is broken."""
    options = _parser().parse_args(arguments)
    bounds = Bounds(
        events=options.events,
        states=options.states,
        seconds=options.seconds,
        every=options.every,
    )
    status = 0
    for policy in options.policy or POLICIES:
        config = cluster(policy, servers=options.servers, groups=options.groups)
        roots = {
            "served": starts.served(config),
            "new": starts.new(config),
            "known": starts.known(config),
        }
        chosen = [(name, roots[name]) for name in options.start or roots]
        explored = Explorer(config, bounds).run(chosen)
        _say(summary(policy, explored))
        if explored.finding is not None:
            status = 1
            _say(f"from {explored.finding.start}:")
            for line in tell(config, roots[explored.finding.start], explored.finding):
                _say(line)
    return status


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clpcore.simulate.exhaustive", description=__doc__)
    parser.add_argument("policy", nargs="*", choices=[*POLICIES, []], help="none: all of them")
    parser.add_argument("--events", type=int, default=2, metavar="N", help="per history")
    parser.add_argument("--states", type=int, default=200_000, metavar="N", help="per policy")
    parser.add_argument("--seconds", type=float, default=1e9, metavar="S", help="per policy")
    parser.add_argument("--servers", type=int, default=2, metavar="N")
    parser.add_argument("--groups", type=int, default=1, metavar="N")
    parser.add_argument("--every", type=int, default=100, metavar="N", help="try to recover; 0: no")
    parser.add_argument("--start", action="append", choices=["served", "new", "known"])
    return parser
