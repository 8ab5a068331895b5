"""Checks of the cluster as its agents know it: configuration, keys, versions, troubles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from clpcore.ctl import words
from clpcore.ctl.doctor.case import Case, Silent, Told, version
from clpcore.ctl.doctor.findings import Blind, Finding, error, ok, unknown, warning
from clpcore.ctl.words import said
from clpcore.model.reasons import Severity
from clpcore.wire import keys as rings
from clpcore.wire.rejected import Reason

_FOREIGN: Final = (Reason.UNKNOWN_KEY, Reason.FORGED)  # of another key, or another cluster name


def agent(case: Case) -> Iterator[Finding]:
    """Look whether the agent answers, and what it complains of."""
    if isinstance(case.agent, Silent):
        make = warning if case.agent.gone else unknown
        yield make(said("the agent does not answer"), case.agent.why, case.agent.remedy)
        return
    yield ok(said("the agent answers"), f"pid {case.agent['pid']}")
    if isinstance(case.status, Silent):
        yield unknown(said("the agent knows no cluster yet"), case.status.why, case.status.remedy)
    for trouble in case.agent.get("troubles", ()):
        yield error(words.sentence(trouble), trouble["key"], words.remedy(trouble))


def configuration(case: Case) -> Iterator[Finding]:
    """Repeat what the check of the configuration says, with its scripts."""
    configured = case.configured
    yield from _committed(case)
    for each in configured.problems:
        if each.severity != "info":
            make = error if each.severity == "error" else warning
            yield make(each.what, each.place, each.remedy)
    if configured.config is not None:
        yield ok(said("{server} is one of its servers", server=case.me.name), configured.folder)


def _committed(case: Case) -> Iterator[Finding]:
    """Say so if what was read is the working copy because the agent's copy may not be seen."""
    try:
        case.machine.stat(case.where.root.committed)
    except FileNotFoundError:
        pass  # nothing was committed yet: the working copy will be
    except Blind as why:
        yield unknown(said("the committed revision"), str(why), why.remedy)


def timing(case: Case) -> Iterator[Finding]:
    """Show the numbers of the rules between times that hold; the others are told above."""
    from clpcore.config import timing as times

    for rule in times.rules(case.config):
        if rule.holds and rule.severity is not Severity.INFO:
            yield ok(f"{rule.formula}: {rule.why}", rule.numbers)


def key_ring(case: Case) -> Iterator[Finding]:
    """Look at the key file, and whether other servers speak with keys that are not in it."""
    path = case.where.root.key
    try:
        ring = rings.parse(case.machine.read(path).encode(), str(path))
    except FileNotFoundError:
        return  # the check of paths tells
    except rings.KeyFileError as why:
        yield error(
            said("the key file cannot be used"), str(why), said("copy that of a server that works")
        )
        return
    ids = ", ".join(key.id for key in ring.keys)
    if len(ring.keys) > 1:
        remedy = said(
            "when every server has them, go on: the head of clpcore/wire/keys.py tells the steps"
        )
        yield warning(said("keys are being changed"), ids, remedy)
    else:
        yield ok(said("cluster key"), ids)
    yield from _foreign(case)


def _foreign(case: Case) -> Iterator[Finding]:
    """Tell what the agent dropped because no key of ours opens it."""
    what = said("every server speaks with our key")
    try:
        dropped = case.asked().get("network", {}).get("dropped", {})
        servers = case.seen()["servers"]
    except Blind as why:
        yield unknown(what, str(why), why.remedy)
        return
    silent = [each["name"] for each in servers if each["state"] == "Unknown"]
    counts = {each.value: dropped[each.value] for each in _FOREIGN if dropped.get(each.value)}
    value = ", ".join(f"{reason}: {count}" for reason, count in counts.items())
    if counts:
        remedy = said(
            "compare with the other servers: sha256sum {path}, and [cluster] name; then restart "
            "their agents",
            path=case.where.root.key,
        )
        make = error if silent else warning
        yield make(said("frames were dropped that no key of ours opens"), value, remedy)
    elif silent:
        yield unknown(what, said("not heard: {names}", names=", ".join(silent)), "")
    elif len(servers) > 1:
        yield ok(what, "")


def versions(case: Case) -> Iterator[Finding]:
    """Compare the versions of clpcore."""
    here = version()
    yield from _running(case, here)
    for server, answer in sorted(case.elsewhere().items()):
        what = said("the version of {server}", server=server)
        if not isinstance(answer, Told):
            yield unknown(what, answer.why, answer.remedy)
        elif answer.version != here:
            remedy = said("upgrade the older one; between two versions, nothing new can be used")
            yield warning(
                said("{server} has another version", server=server), answer.version, remedy
            )
        else:
            yield ok(what, answer.version)


def _running(case: Case, here: str) -> Iterator[Finding]:
    """Compare what is installed here with what runs."""
    if isinstance(case.agent, Silent) or "version" not in case.agent:
        return
    runs = case.agent["version"]
    if runs != here:
        restart = said("restart the agent: systemctl restart clpcore")
        yield warning(said("the agent runs another version than is installed"), runs, restart)
