"""The words of `clp lab fault`: what a person says, to the request that the keeper takes."""

import argparse
from collections.abc import Mapping

from clp_lab.errors import LabError
from clp_lab.file import milliseconds
from clpcore.ctl.parsing import Parser

_NS_PER_MS = 1_000_000
_DONE = {
    "kill": "{server} is off: its power was cut",
    "start": "{server} is on: a new life with a new boot id",
    "stop": "{server} shuts down in order",
    "pause": "{server} is frozen",
    "resume": "{server} goes on where it was",
    "agent-kill": "the agent of {server} was killed; PID 1 starts it again",
    "agent-stop": "the agent of {server} was told to stop (SIGTERM), and stays so",
    "agent-start": "the agent of {server} starts",
    "unplug": "the cable of {server} is out",
    "plug": "the cable of {server} is in",
    "power": "the power service {works}",
    "burn": "{processes} processes burn in {server} for {seconds:g} s",
    "cut": "nothing passes {way}",
    "delay": "frames {way} come later by {time}, jitter {jitter}",
    "loss": "{percent:g}% of the frames {way} are lost",
    "duplicate": "{percent:g}% of the frames {way} come twice",
    "reorder": "{percent:g}% of the frames {way} are overtaken",
    "heal": "good wires again {way}",
}
_SERVER_VERBS = {
    "kill": "cut the power: PID 1 killed, port closed in the same moment",
    "start": "switch on: a new life with a new boot id",
    "stop": "shut down in order: the agent stops first",
    "pause": "freeze, as a host can freeze a virtual machine",
    "resume": "let a paused server go on",
    "agent-kill": "SIGKILL the agent; PID 1 starts it again",
    "agent-stop": "SIGTERM the agent; it stays stopped",
    "agent-start": "start a stopped agent",
    "unplug": "pull the network cable",
    "plug": "put the network cable back",
}
_MOODS = {
    "good": "works: off at once, and read as it is",
    "late": "accepts, and switches off {delay} later, whoever lives there by then",
    "refuses": "refuses every request",
    "lies": "accepts and does nothing, and says that it is off",
}
_SHARES = {
    "loss": "lose a share of the frames",
    "duplicate": "let a share of the frames arrive twice",
    "reorder": "hold a share of the frames for 5 ms, so that others overtake them",
}


def add_verbs(parser: Parser) -> None:
    """Give `fault` its verbs."""
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    _add_server_verbs(verbs)
    _add_way_verbs(verbs)
    parser.verbs = tuple(verbs.choices)
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", help="print what was done as JSON")


def _add_server_verbs(verbs: "argparse._SubParsersAction[Parser]") -> None:
    for verb, text in _SERVER_VERBS.items():
        verbs.add_parser(verb, help=text).add_argument("server", metavar="SERVER")
    power = verbs.add_parser("power", help="let the power service work badly, or well again")
    power.add_argument("mood", choices=tuple(_MOODS), metavar="MOOD", help=", ".join(_MOODS))
    power.add_argument("--delay", default="5", metavar="TIME", help="how late, if late (5 s)")
    burn = verbs.add_parser("burn", help="keep cores busy inside a server")
    burn.add_argument("server", metavar="SERVER")
    burn.add_argument("seconds", type=float, metavar="SECONDS", help="up to 600")
    burn.add_argument("--processes", type=int, default=2, metavar="N", help="so many cores (2)")


def _add_way_verbs(verbs: "argparse._SubParsersAction[Parser]") -> None:
    _add_pair(verbs.add_parser("cut", help="let nothing pass between two places"), "?")
    delay = verbs.add_parser("delay", help="let every frame arrive later")
    _add_pair(delay, None)
    delay.add_argument("time", metavar="TIME", help='such as "20ms"; "0": no delay')
    delay.add_argument("--jitter", default="0", metavar="TIME", help="up to so much more")
    for verb, text in _SHARES.items():
        share = verbs.add_parser(verb, help=text)
        _add_pair(share, None)
        share.add_argument("percent", type=float, metavar="PERCENT")
    heal = verbs.add_parser("heal", help="make the way between two places good again, or all ways")
    heal.add_argument("a", nargs="?", metavar="A")
    heal.add_argument("b", nargs="?", metavar="B", default="all")
    heal.add_argument("--one-way", action="store_true", help="only from A to B")


def _add_pair(parser: argparse.ArgumentParser, second: str | None) -> None:
    parser.add_argument(
        "a", metavar="A", help="a server, 'client', 'lb', 'witness', 'power' or 'all'"
    )
    if second is None:
        parser.add_argument("b", metavar="B")
    else:
        parser.add_argument("b", metavar="B", nargs="?", default="all", help="default: all")
    parser.add_argument("--one-way", action="store_true", help="only from A to B")


def done(given: argparse.Namespace) -> str:
    """Say what a verb has done."""
    words = vars(given)
    if given.verb == "power":
        words = {**words, "works": _MOODS[given.mood].format(**words)}
    return _DONE[given.verb].format(**words, way=_way(words) if "a" in words else "")


def _way(words: Mapping[str, object]) -> str:
    a, b = words["a"], words["b"]
    if a is None:
        return "everywhere"
    return f"from {a} to {b}" if words["one_way"] else f"between {a} and {b}"


def request_of(given: argparse.Namespace) -> tuple[str, dict[str, object]]:
    """Give the keeper's verb and its details."""
    if given.verb in _SERVER_VERBS:
        return given.verb, {"server": given.server}
    if given.verb == "power":
        return "power", {"mood": given.mood, "delay_ms": _span(given.delay)}
    if given.verb == "burn":
        details = {"server": given.server, "seconds": given.seconds, "processes": given.processes}
        return "burn", details
    pair = {"a": given.a, "b": given.b, "one_way": given.one_way}
    return ("heal", pair) if given.verb == "heal" else ("shape", {**pair, "faults": _faults(given)})


def _faults(given: argparse.Namespace) -> dict[str, float]:
    """Give the values of `clp_lab.ways.Way` that a verb sets."""
    if given.verb == "cut":
        return {"cut": True}
    if given.verb == "delay":
        delay, jitter = _span(given.time), _span(given.jitter)
        return {"delay_ns": delay * _NS_PER_MS, "jitter_ns": jitter * _NS_PER_MS}
    if not 0 <= given.percent <= 100:  # noqa: PLR2004
        raise LabError(f"{given.verb} {given.percent:g}: 0 to 100 percent")
    return {given.verb: given.percent / 100}


def _span(text: str) -> int:
    try:
        return milliseconds(text)
    except ValueError as error:
        raise LabError(f"{text!r}: {error}") from error
