"""What an operator types in a scenario, as the request that the agent gets."""

from __future__ import annotations

from collections.abc import Callable

from clpcore.model import requests as ops
from clpcore.model.states import FinalAction

Options = dict[str, str]


def spoken(server: str, line: str) -> ops.Op:
    """Give the operation that the command *line*, typed on *server*, asks for.

    Raises:
        ValueError: no command of the cluster reads so.

    """
    words, options = _split(line.split())
    try:
        make = _COMMANDS[tuple(words[1:3])]
        return make(words[3:], options, server)
    except (KeyError, IndexError):
        raise ValueError(f"no such command: {line}") from None


def _split(words: list[str]) -> tuple[list[str], Options]:
    plain: list[str] = []
    options: Options = {}
    todo = iter(words)
    for word in todo:
        if word in ("--alone", "--force"):
            options[word] = word
        elif word.startswith("--"):
            options[word] = next(todo, "")
        else:
            plain.append(word)
    return plain, options


Make = Callable[[list[str], Options, str], ops.Op]
_COMMANDS: dict[tuple[str, ...], Make] = {
    ("group", "start"): lambda w, o, _: ops.GroupStart(w[0], o.get("--to", "")),
    ("group", "stop"): lambda w, _o, _: ops.GroupStop(w[0]),
    ("group", "move"): lambda w, o, _: ops.GroupMove(w[0], o.get("--to", "")),
    ("group", "failover"): lambda w, o, _: ops.GroupFailover(w[0], o.get("--to", "")),
    ("monitor", "suspend"): lambda w, o, _: ops.MonitorSuspend(w[0], o.get("--server", "")),
    ("monitor", "resume"): lambda w, o, _: ops.MonitorResume(w[0], o.get("--server", "")),
    ("monitor", "dummy-failure"): lambda w, o, s: ops.DummyFailure(
        w[1], o.get("--server", s), w[0] == "on"
    ),
    ("cluster", "start"): lambda _w, _o, _: ops.ClusterStart(),
    ("cluster", "stop"): lambda _w, o, _: ops.ClusterStop(_then(o)),
    ("cluster", "suspend"): lambda _w, _o, _: ops.ClusterSuspend(),
    ("cluster", "resume"): lambda _w, _o, _: ops.ClusterResume(),
    ("server", "drain"): lambda w, _o, s: ops.ServerDrain((*w, s)[0], on=True),
    ("server", "undrain"): lambda w, _o, s: ops.ServerDrain((*w, s)[0], on=False),
    ("server", "expect-freeze"): lambda w, o, s: ops.ServerExpectFreeze(
        (*w, s)[0], int(float(o["--for"]) * 1_000)
    ),
    ("group", "restart"): lambda w, _o, _: ops.GroupRestart(w[0]),
    ("resource", "start"): lambda w, o, _: ops.ResourceStart(o["--group"], w[0], "--force" in o),
    ("resource", "stop"): lambda w, o, _: ops.ResourceStop(o["--group"], w[0], "--force" in o),
    ("resource", "restart"): lambda w, o, _: ops.ResourceRestart(o["--group"], w[0]),
    ("cluster", "acknowledge"): lambda _w, _o, _: ops.Acknowledge(),
    ("cluster", "verification"): lambda w, _o, _: ops.Verification(w[0] == "on"),
    ("server", "start"): lambda w, o, s: ops.ServerStart((*w, s)[0], "--alone" in o),
    ("server", "confirm-down"): lambda w, _o, _: ops.ServerConfirmDown(w[0]),
    ("server", "stop"): lambda w, o, s: ops.ServerStop((*w, s)[0], _then(o)),
}


def _then(options: Options) -> FinalAction:
    return FinalAction(options.get("--then", FinalAction.STOP_SERVICE.value))
