"""Decides again on what was recorded, with the rules of this version."""

from __future__ import annotations

import json
from typing import Any, Final

from clpcore import decide
from clpcore.model.config import ClusterConfig
from clpcore.model.state import ClusterState
from clpcore.runtime.recording.lines import Turned, raised
from clpcore.wire import values

_NOTHING: Final = object()


def again(
    config: ClusterConfig, state: ClusterState, turned: Turned
) -> tuple[ClusterState, Turned]:
    """Give the next state, and what is decided now on the input of *turned*."""
    try:
        decision = decide.step(config, state, turned.taken)
    except Exception as error:  # noqa: BLE001 - as the agent does, which goes on with its state
        return state, Turned(taken=turned.taken, raised=raised(error))
    now = Turned(taken=turned.taken, because=decision.because, actions=decision.actions)
    return decision.state, now


def difference(recorded: object, now: object) -> str:
    """Give the first place in which two values of the model differ, and both; empty: in none."""
    return _difference(json.loads(values.to_json(recorded)), json.loads(values.to_json(now)), "")


def _difference(old: Any, new: Any, path: str) -> str:  # noqa: ANN401 - JSON
    if type(old) is type(new) and isinstance(old, dict | list):
        olds, news = _parts(old), _parts(new)
        found = (
            _difference(olds.get(key, _NOTHING), news.get(key, _NOTHING), f"{path}.{key}")
            for key in {**olds, **news}
        )
        return next(filter(None, found), "")
    if old == new:
        return ""
    return f"{path.removeprefix('.')}: {_shown(old)}, now {_shown(new)}"


def _parts(value: Any) -> dict[Any, Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, dict) else dict(enumerate(value))


def _shown(value: object) -> str:
    return "nothing" if value is _NOTHING else json.dumps(value, ensure_ascii=False)[:120]
