"""Azure throttles, refuses and hangs just when it is needed: every wait ends, and says why."""

import functools
import time

from clp_azuresim.rehearsals import azure_dns, client, server_dies
from clp_azuresim.rehearsals.azure_dns import NAME, NODE2, PORT
from clp_azuresim.rehearsals.scene import Scene
from clp_azuresim.rehearsals.stage import Stage
from clp_lab import visits
from clp_lab.spots import Visits
from clp_lab.timeline import Happened
from clp_lab.trial import FRONTEND

_ACTIVATION_S = 4
_RECORD = "/dnszones/.*/A/"
_THROTTLED = {"status": 429, "headers": {"Retry-After": "1"}}
_BROKEN = {"status": 503, "code": "ServiceUnavailable"}
_PUT = {"method": "PUT"}
_LIMIT = f"""
[group.failover1.resource.azuredns1]
activate_timeout = {_ACTIVATION_S}
"""

WITH_A_NAME = Scene(
    conf="azure-dns",
    extra=azure_dns.AS_THE_GUIDE.extra.replace(
        "[group.failover1.resource.azuredns1]\n", _LIMIT.lstrip(), 1
    ),
    azure=True,
)
WITH_FORCED_STOP = server_dies.SCENE


# -- a name in Azure DNS


def of_a_name(stage: Stage) -> None:
    """The record is deleted while Azure throttles, and the group moves while it is broken."""
    with client.following(stage.trial.lab, NAME, PORT) as found:
        azure_dns.begins(stage, found)
        stage.step("The A record is deleted by hand, and Azure throttles whoever writes another")
        stage.azure.fault("status", _RECORD, count=2, **_THROTTLED, **_PUT)
        deleted = azure_dns.delete(stage)
        there = found.wait(lambda each: (each.address, each.who) == (NODE2, "node2"), after=deleted)
        stage.seen(f"{NAME} is {NODE2}, {(there.at - deleted) / 1e9:.1f} s after it was deleted")
        stage.explain("what node2 had heard until then:\n" + _log(stage, "node2", "429"))
        stage.trial.wait_group("node2")
        stage.trial.home()
        _breaks(stage)
        found.wait(lambda each: each.address and each.who, after=time.monotonic_ns())


def _breaks(stage: Stage) -> None:
    stage.step("The group is moved to node1, and Azure refuses every write")
    stage.azure.fault("status", _RECORD, count=None, **_BROKEN, **_PUT)
    moved = time.monotonic_ns()
    stage.trial.clp("node2", "group", "move", "failover1", "--to", "node1")
    begun = stage.told("rc30", after=moved, by="node1", resource="azuredns1")
    failed = stage.told("rc32", after=moved, by="node1", resource="azuredns1")
    stage.must("Azure answers 503" in failed.args["reason"], f"it is not told: {failed.text}")
    stage.must(_seconds(begun, failed) < _ACTIVATION_S + 1, "the activation did not end in time")
    stage.told("rc241", after=moved, resource="azuredns1")
    stage.explain(
        f"both servers have tried, each until its deadline of {_ACTIVATION_S} s; now the group\n"
        "waits and says what Azure answered. Azure works again, and an operator starts it:"
    )
    stage.azure.clear_faults()
    stage.trial.do("node1", "group", "start", "failover1")
    stage.seen(f"the group is on {stage.trial.home()}")


def _seconds(begun: Happened, ended: Happened) -> float:
    return (ended.at - begun.at) / 1e9


def _log(stage: Stage, server: str, word: str) -> str:
    lines = [line for line in stage.trial.log(server).splitlines() if word in line]
    stage.must(lines, f"{server} does not say that Azure answered {word}")
    return lines[0].rpartition(".ports: ")[2]


# -- a forced stop


def of_a_forced_stop(stage: Stage) -> None:
    """A server hangs while Azure is shaky, the other one while it throttles without end."""
    stage.wait_stoppable()
    with stage.trial.lab.visit(FRONTEND, every=10) as seen:
        stage.answer(seen, "node1", 0)
        _is_shaky(stage, seen)
        server_dies.returns(stage)
        _throttles(stage, seen)


def _is_shaky(stage: Stage, seen: Visits) -> None:
    stage.step("node1 hangs; Azure answers powerOff with 503, then not at all, then late")
    azure = stage.azure
    azure.fault("status", server_dies.POWER_OFF, count=1, **_BROKEN)
    azure.fault("reset", server_dies.POWER_OFF, count=1)
    azure.fault("latency", server_dies.POWER_OFF, seconds=0.5, count=1)
    hung = stage.trial.lab.pause("node1")
    stage.answer(seen, "node2", hung)
    stopped = stage.told("rc431", after=hung, by="node2")
    asked = stage.told("rc430", after=hung, by="node2")
    server_dies.show_requests(stage, asked.at, stopped.at)
    stage.seen(f"off {_seconds(asked, stopped):.1f} s after it was decided")
    azure.clear_faults()


def _throttles(stage: Stage, seen: Visits) -> None:
    stage.step("node2 hangs; Azure answers every powerOff with 429, Retry-After 30")
    headers = {"Retry-After": "30"}
    stage.azure.fault("status", server_dies.POWER_OFF, count=None, status=429, headers=headers)
    hung = stage.trial.lab.pause("node2")
    blocked = stage.told("rc433", after=hung, by="node1")
    stage.must("Azure answers 429" in blocked.args["reason"], f"not why: {blocked.text}")
    stage.must(not stage.trial.kept("node1"), "the group runs although node2 may run it")
    stage.must(
        visits.first_answer(seen.so_far(), "node1", after=hung) is None, "node1 has answered"
    )
    stage.explain("nobody takes over what may still run; as soon as Azure does it:")
    stage.azure.clear_faults()
    told = functools.partial(stage.told, after=hung, by="node1")
    told("rc431")
    stage.answer(seen, "node1", hung)
