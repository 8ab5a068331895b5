"""Reads the firewall's rules, as far as single rules tell: does one drop our ports, or none let in?

What a rule means behind jumps, marks and sets of others, only a packet can tell: what is found here
is a hint, and the check of the way to the other servers has the last word.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from clpcore.ctl.doctor.case import Case
from clpcore.ctl.doctor.findings import Blind, Finding, error, ok, warning
from clpcore.ctl.words import said
from clpcore.model.ports import HEARTBEAT_UDP, ORDERS_TCP

_PORTS: Final = {"tcp": ORDERS_TCP, "udp": HEARTBEAT_UDP}
_VERDICTS: Final = ("accept", "drop", "reject")
_SHUT: Final = frozenset({"drop", "reject"})


class Rule(NamedTuple):
    """One rule for what comes in. *ports* by protocol; None: for every port.

    *plain*: nothing else limits it, such as an address, an interface or the state.
    """

    verdict: str
    ports: dict[str, list[range]] | None
    plain: bool
    text: str

    def names(self, kind: str, port: int) -> bool:
        """Tell whether it is about this port by its number."""
        return self.ports is not None and any(port in each for each in self.ports.get(kind, ()))


def firewall(case: Case) -> Iterator[Finding]:
    """Look whether this machine's firewall shuts our ports."""
    blind: list[Blind] = []
    rules: list[Rule] = []
    for read in (_nft, _iptables):
        try:
            rules += read(case)
        except Blind as why:
            blind.append(why)
    if len(blind) == 2:  # noqa: PLR2004 - neither could be read; each shows most of the other's
        raise blind[0]
    yield from (_judged(kind, port, rules) for kind, port in _PORTS.items())


def _judged(kind: str, port: int, rules: list[Rule]) -> Finding:
    place = f"{kind.upper()} {port}"
    remedy = said("let {place} in from the interconnects of the other servers", place=place)
    named = [rule for rule in rules if rule.names(kind, port)]
    dropped = next((rule for rule in named if rule.verdict in _SHUT and rule.plain), None)
    opened = next((rule for rule in named if rule.verdict == "accept"), None)
    if dropped and (opened is None or rules.index(dropped) < rules.index(opened)):
        return error(said("the firewall drops {place}", place=place), dropped.text, remedy)
    shut = next((r for r in rules if r.verdict in _SHUT and r.plain and r.ports is None), None)
    if shut and opened is None:
        what = said("the firewall drops what no rule lets in, and none names {place}", place=place)
        return warning(what, shut.text, remedy)
    rule = opened or dropped
    return ok(said("firewall, {place}", place=place), rule.text if rule else said("not shut"))


# -- nftables


def _nft(case: Case) -> list[Rule]:
    ran = case.machine.run("nft", "-j", "list", "ruleset")
    if ran.code:
        raise Blind(
            said("nft tells nothing: {why}", why=ran.err.strip()), said("look again as root")
        )
    try:
        items = json.loads(ran.out)["nftables"]
    except (ValueError, KeyError, TypeError):
        raise Blind(said("nft tells nothing: {why}", why=ran.out[:80])) from None
    return [*_of_chains(items), *_of_policies(items)]


def _chains(items: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Give the chains by family, table and name."""
    chains = (item["chain"] for item in items if "chain" in item)
    return {(each["family"], each["table"], each["name"]): each for each in chains}


def _incoming(items: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Give the chains that what comes in goes through, by jumps too."""
    found = {key for key, chain in _chains(items).items() if chain.get("hook") == "input"}
    jumps = [
        (_chain_of(item["rule"]), (*_chain_of(item["rule"])[:2], to))
        for item in items
        if "rule" in item
        for to in _targets(item["rule"])
    ]
    while more := {to for start, to in jumps if start in found} - found:
        found |= more
    return found


def _chain_of(rule: dict[str, Any]) -> tuple[str, str, str]:
    return rule["family"], rule["table"], rule["chain"]


def _targets(rule: dict[str, Any]) -> Iterator[str]:
    for part in rule["expr"]:
        for word in ("jump", "goto"):
            if word in part:
                yield part[word]["target"]


def _of_chains(items: list[dict[str, Any]]) -> Iterator[Rule]:
    incoming = _incoming(items)
    for item in items:
        rule = item.get("rule")
        if rule is None or _chain_of(rule) not in incoming:
            continue
        verdict = next((word for part in rule["expr"] for word in _VERDICTS if word in part), "")
        if verdict:
            matches = [part["match"] for part in rule["expr"] if "match" in part]
            yield _nft_rule(verdict, matches, " ".join(_chain_of(rule)))


def _nft_rule(verdict: str, matches: list[dict[str, Any]], chain: str) -> Rule:
    ports: dict[str, list[range]] = {}
    plain = True
    for match in matches:
        payload = match["left"].get("payload", {}) if isinstance(match["left"], dict) else {}
        if payload.get("field") == "dport" and match.get("op") == "==":
            ranges = list(_ranges(match["right"]))
            kind = payload.get("protocol", "th")
            ports |= dict.fromkeys(("tcp", "udp") if kind == "th" else (kind,), ranges)
        else:
            plain = False
    numbers = ",".join(f"{r.start}-{r.stop - 1}" for each in ports.values() for r in each)
    return Rule(verdict, ports or None, plain, " ".join(filter(None, [chain, numbers, verdict])))


def _ranges(right: Any) -> Iterator[range]:  # noqa: ANN401 - nft's JSON
    if isinstance(right, int):
        yield range(right, right + 1)
    elif isinstance(right, dict) and "range" in right:
        low, high = right["range"]
        if isinstance(low, int) and isinstance(high, int):
            yield range(low, high + 1)
    elif isinstance(right, dict):
        for each in right.get("set", ()):
            yield from _ranges(each)


def _of_policies(items: list[dict[str, Any]]) -> Iterator[Rule]:
    for key, chain in _chains(items).items():
        if chain.get("hook") == "input" and chain.get("policy") == "drop":
            yield Rule("drop", None, plain=True, text=f"{' '.join(key)} policy drop")


# -- iptables


def _iptables(case: Case) -> list[Rule]:
    ran = case.machine.run("iptables", "-S", "INPUT")
    if ran.code:
        text = said("iptables tells nothing: {why}", why=ran.err.strip())
        raise Blind(text, said("look again as root"))
    lines = [line.split() for line in ran.out.splitlines()]
    rules = [_iptables_rule(words) for words in lines if words[:1] == ["-A"] and "-j" in words]
    policies = [words for words in lines if words == ["-P", "INPUT", "DROP"]]
    return [*rules, *(Rule("drop", None, plain=True, text=" ".join(each)) for each in policies)]


def _iptables_rule(words: list[str]) -> Rule:
    text, verdict = " ".join(words), words[words.index("-j") + 1].lower()
    options = dict(itertools.pairwise(words))
    numbers = options.get("--dport") or options.get("--dports") or ""
    ranges = [range(low, high + 1) for low, high in map(_bounds, filter(None, numbers.split(",")))]
    known = {"-A", "-j", "-p", "-m", "--dport", "--dports", "--reject-with"}
    plain = {word for word in words if word.startswith("-")} <= known
    if ranges:
        return Rule(verdict, {options.get("-p", "tcp"): ranges}, plain, text)
    return Rule(verdict, None, plain and "-p" not in options and "-m" not in options, text)


def _bounds(word: str) -> tuple[int, int]:
    low, _, high = word.partition(":")
    return int(low or 0), int(high or low)
