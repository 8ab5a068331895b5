"""How long a silent server's groups wait for another one, as the check tells it: pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from clpcore.config import timing
from clpcore.config.wording import duration, listed
from clpcore.model.config import ClusterConfig

_DELAY: Final = "fence_delay"


def steps(config: ClusterConfig) -> tuple[tuple[str, int], ...]:
    """Give the steps from a server's silence to the first activation elsewhere, in ms at most.

    A forced stop is taken to work at its first try, and the other server to be the first to stop.
    """
    lease = config.arbiter.lease if config.arbiter else 0
    silence = max(config.heartbeat_timeout, lease)
    found = [("silence" if silence > lease else "silence and the lapse of the lease", silence)]
    if config.np_only:
        found.append(("the other side's NP action", config.np_wait))
    if config.fencings:
        found.append(("one try of the forced stop, all of its timeout", timing.one_try(config)))
    if config.fencings and config.policy in timing.DELAYS and config.fence_delay:
        found.append((_DELAY, config.fence_delay))
    return tuple(found)


def told(config: ClusterConfig) -> str:
    """Give the sentence: the most, when it is less or more, and what clients wait for behind it."""
    return "; ".join((_most(config), *_less(config), *_more(config), _clients(config)))


def _most(config: ClusterConfig) -> str:
    found = steps(config)
    terms = " + ".join(f"{timing.seconds(ms)} s ({what})" for what, ms in found)
    whole = f" = {_sum(found)} s" if len(found) > 1 else ""
    return f"takeover of a silent server begins at the latest after {terms}{whole}"


def _less(config: ClusterConfig) -> Iterator[str]:
    """Tell the usual case: only a contest waits (docs/decisions/0033)."""
    if not config.fencings:
        return
    ends = "a try ends as soon as the power is read as off"
    found = steps(config)
    if found[-1][0] == _DELAY:
        ends = (
            f"without {_DELAY} {_sum(found[:-1])} s (the one of less rank waits for it, and only "
            f"where each server has a group that the other one needs), and {ends}"
        )
    yield f"usually sooner: {ends}"


def _more(config: ClusterConfig) -> Iterator[str]:
    several = [f"{each.name}: {each.tries} tries" for each in config.fencings if each.tries > 1]
    if several:
        every = duration(timing.all_tries(config))
        yield f"a try that fails is followed by another one ({listed(several)}, {every} in all)"


def _clients(config: ClusterConfig) -> str:
    return (
        "clients find it when it is active, and the load balancer has probed it (interval x count) "
        f"or the TTL of its DNS record is over{_lingering(config)}"
    )


def _lingering(config: ClusterConfig) -> str:
    """Say for how long clients may go on with a former server, where a resource tells."""
    resources = (resource for group in config.groups for resource in group.resources)
    found = [
        f"{each.name}: up to {timing.seconds(each.lingers)} s more"
        for each in resources
        if each.lingers
    ]
    return f" ({', '.join(found)})" if found else ""


def _sum(found: tuple[tuple[str, int], ...]) -> str:
    return timing.seconds(sum(ms for _, ms in found))
