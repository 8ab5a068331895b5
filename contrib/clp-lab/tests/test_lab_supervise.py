from __future__ import annotations

from clp_lab.supervise import Agent, AgentState


def _running(now: int = 0) -> Agent:
    agent = Agent()
    agent.want(now)
    agent.started(7, now)
    return agent


def test_a_crash_after_a_while_is_answered_at_once() -> None:
    agent = _running()
    agent.ended(-9, 60_000)
    assert (agent.state, agent.start_at, agent.restarts) == (AgentState.WAITING, 60_000, 1)


def test_an_agent_that_fails_at_once_waits_longer_each_time_and_never_too_long() -> None:
    agent, now, waits = _running(), 0, []
    for _ in range(10):
        agent.ended(3, now)
        assert agent.start_at is not None
        waits.append(agent.start_at - now)
        now = agent.start_at
        agent.started(8, now)
    assert waits == [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]


def test_the_waits_begin_anew_after_a_life_that_settled() -> None:
    agent, now = _running(), 0
    for _ in range(4):
        agent.ended(3, now)
        agent.started(8, now)
    agent.ended(3, now + 2_000)
    assert agent.start_at == now + 2_000


def test_a_clean_end_is_no_crash() -> None:
    agent = _running()
    agent.ended(0, 5)
    assert (agent.state, agent.wake_at(), agent.restarts) == (AgentState.STOPPED, None, 0)


def test_a_stopped_agent_stays_stopped_however_it_ends() -> None:
    agent = _running()
    agent.stopping(500)
    assert agent.wake_at() == 500
    agent.ended(-9, 600)
    assert (agent.state, agent.wake_at()) == (AgentState.STOPPED, None)


def test_a_stop_while_waiting_for_the_next_start_takes_that_start_back() -> None:
    agent = _running()
    agent.ended(3, 0)
    agent.stopping(500)
    assert (agent.state, agent.start_at) == (AgentState.STOPPED, None)
