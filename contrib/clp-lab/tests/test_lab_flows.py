from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.process import Process
from clp_lab.visits import first_answer, outage

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
Probed = Callable[[str], Process]

_URL = "http://203.0.113.10/"


@pytest.fixture
def probed(pair: Lab, stand_in: Path, eventually: Wait) -> Iterator[Probed]:
    """Open the probe port of a server; its process can be ended to close it."""
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(Path(os.devnull).open("r+b"))

        def listen(name: str) -> Process:
            argv = [sys.executable, str(stand_in), "listen", "26001"]
            started = pair.server(name).start(argv, stdio=(null.fileno(),) * 3)
            process = stack.enter_context(started)
            eventually(lambda: name in pair.status().balancer.healthy)
            return process

        yield listen
    eventually(lambda: pair.status().balancer.healthy == ())


def _healthy(lab: Lab, *names: str) -> Callable[[], bool]:
    return lambda: lab.status().balancer.healthy == names


class _Conversation:
    """A flow through the frontend that stays open."""

    def __init__(self, lab: Lab, stand_in: Path, stack: contextlib.ExitStack) -> None:
        reading, self._writing = os.pipe()
        answers, writing = os.pipe()
        self._answers: IO[str] = stack.enter_context(os.fdopen(answers))
        argv = [sys.executable, str(stand_in), "ask", "80"]
        stack.enter_context(lab.client.start(argv, stdio=(reading, writing, writing)))
        stack.callback(os.close, self._writing)
        os.close(reading)
        os.close(writing)
        assert self._answers.readline() == "connected\n"

    def say(self, word: str) -> str:
        os.write(self._writing, f"{word}\n".encode())
        return self._answers.readline().strip()


@pytest.fixture
def talk(pair: Lab, stand_in: Path) -> Iterator[Callable[[], _Conversation]]:
    with contextlib.ExitStack() as stack:
        yield lambda: _Conversation(pair, stand_in, stack)


def test_new_flows_go_only_to_healthy_servers(pair: Lab, probed: Probed) -> None:
    probed("node2")
    with pair.visit(_URL, every=2) as visits:
        visits.wait_for(lambda _: len(visits.so_far()) > 50)
        assert {visit.who for visit in visits.so_far()} == {"node2"}
        probed("node1")
        visits.wait_for(lambda visit: visit.who == "node1")


def test_the_server_sees_the_client_and_the_client_the_frontend(
    probed: Probed, talk: Callable[[], _Conversation]
) -> None:
    probed("node1")
    assert talk().say("hello") == "node1 203.0.113.50 hello"


def test_established_flows_stay_when_the_probe_fails_and_new_ones_do_not_come(
    pair: Lab, probed: Probed, talk: Callable[[], _Conversation], eventually: Wait
) -> None:
    listener = probed("node1")
    flow = talk()
    assert flow.say("before").startswith("node1")
    probed("node2")
    listener.kill()
    eventually(_healthy(pair, "node2"))
    assert flow.say("after").startswith("node1")
    assert talk().say("new").startswith("node2")
    assert pair.status().balancer.flows >= 2


def test_with_nobody_healthy_a_new_flow_gets_no_answer_and_an_old_one_stays(
    pair: Lab, probed: Probed, talk: Callable[[], _Conversation], eventually: Wait
) -> None:
    listener = probed("node1")
    flow = talk()
    listener.kill()
    eventually(_healthy(pair))
    with pair.visit(_URL, every=5, timeout=100) as visits:
        visits.wait_for(lambda _: len(visits.so_far()) > 20)
    assert {visit.outcome for visit in visits.so_far()} == {"timeout"}
    assert flow.say("still").startswith("node1")


def test_the_probe_needs_its_threshold_and_its_interval(
    pair: Lab, probed: Probed, eventually: Wait
) -> None:
    listener = probed("node1")
    at = pair.kill("node1")
    eventually(_healthy(pair))
    backend = next(one for one in pair.status().balancer.backends if one.server == "node1")
    assert 50_000_000 < backend.since - at < 400_000_000  # two silent probes of 50 ms
    pair.start("node1")
    del listener


def test_a_probe_can_be_cut_apart_from_the_clients_way(
    pair: Lab, probed: Probed, eventually: Wait
) -> None:
    probed("node1")
    pair.cut("lb", "node1")
    eventually(_healthy(pair))
    assert pair.client.run(["true"]).returncode == 0
    pair.heal()
    eventually(_healthy(pair, "node1"))


def test_a_failover_is_seen_by_the_client(pair: Lab, probed: Probed) -> None:
    probed("node1")
    with pair.visit(_URL) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        killed = pair.kill("node1")
        probed("node2")
        answer = visits.wait_for(lambda visit: visit.who == "node2", after=killed)
        found = visits.so_far()
    assert first_answer(found, "node2", after=killed) == answer
    assert 0 < answer.end - killed - 20_000_000 < outage(found, after=killed) + 20_000_000
    pair.start("node1")


def test_the_frontend_answers_on_its_port_only(pair: Lab, probed: Probed) -> None:
    probed("node1")
    with pair.visit("tcp://203.0.113.10:8080", timeout=100) as visits:
        visit = visits.wait_for(lambda visit: visit.outcome == "timeout")
    assert not visit.answered


@pytest.mark.parametrize(
    ("url", "outcome"),
    [("http://10.5.0.110:81/", "refused"), ("http://10.5.0.9/", "timeout")],
)
def test_the_visitor_tells_why_there_is_no_answer(pair: Lab, url: str, outcome: str) -> None:
    with pair.visit(url, timeout=100) as visits:
        visit = visits.wait_for(lambda visit: visit.outcome == outcome)
    assert (visit.answered, visit.outcome) == (False, outcome)


def test_a_visit_that_never_comes_is_told(pair: Lab) -> None:
    told = pytest.raises(LabError, match=r"no such visit within .* seen since")
    with pair.visit("http://10.5.0.110:81/") as visits, told:
        visits.wait_for(lambda visit: visit.answered, timeout=0.2)


def test_the_visitor_is_a_command_of_its_own(pair: Lab) -> None:
    argv = [sys.executable, "-m", "clp_lab.visitor", "http://10.5.0.110:8080/", "--until", "0"]
    done: subprocess.CompletedProcess[str] = pair.client.run(argv)
    assert (done.returncode, done.stderr) == (0, "")
