"""A machine that ends because an operator wants it counts against no limit, and answers first."""

from __future__ import annotations

import pytest

from clpcore import decide
from clpcore.model.actions import Action, Answer, StopSelf
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Asked, Input, Tick
from clpcore.model.kept import BootKept, Kept
from clpcore.model.requests import ClusterStop, Op, Request, ServerStop
from clpcore.model.state import ClusterState
from clpcore.model.states import FinalAction, Phase
from clpcore.simulate.example import example

_CONFIG = example()
_LONG = 100_000  # ms


def _ended(run: BootKept, op: Op) -> tuple[ClusterState, list[Action]]:
    """Give node1, alone, after an operator has asked it for *op*, and what it did."""
    boot = Incarnation(Boot(3, "mine"), 1)
    state = decide.start(_CONFIG, "node1", boot, Kept(), run, now=0, wall=0)
    request = Request(id="node1-1", origin="node1", by="root", op=op)
    done: list[Action] = []
    inputs: tuple[Input, ...] = (Tick(0), Asked(1, request), Tick(2), Tick(_LONG))
    for taken in inputs:
        decision = decide.step(_CONFIG, state, taken)
        state = decision.state
        done += decision.actions
    return state, done


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("how", [FinalAction.SHUTDOWN, FinalAction.REBOOT])
@pytest.mark.parametrize("op", [ClusterStop, lambda how: ServerStop("node1", how)])
def test_the_machine_ends_once_and_it_does_not_count(
    op: type[ClusterStop], how: FinalAction, *, left: bool
) -> None:
    state, done = _ended(BootKept(left=left), op(how))
    ends = [action for action in done if isinstance(action, StopSelf)]
    answers = [action for action in done if isinstance(action, Answer)]
    assert [end.how for end in ends] == [how]
    assert [answer.ok for answer in answers] == [True]
    assert state.kept.ends == ()
    assert state.phase is Phase.DYING


def test_without_a_word_about_it_the_machine_stays() -> None:
    for run in (BootKept(), BootKept(left=True)):
        state, done = _ended(run, ServerStop("node1"))
        assert not any(isinstance(action, StopSelf) for action in done)
        assert state.phase is not Phase.DYING
