"""A server that is heard on one of two paths: that is told, and nothing else comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from clpcore import decide
from clpcore.model.inputs import HeardBeat
from clpcore.model.members import Heartbeat
from clpcore.simulate.example import example
from clpcore.simulate.scenario import Scenario

_PATHS = ("lanhb1", "lanhb2")


class _Listener:
    """node1, which hears node2 on the paths that it is told."""

    def __init__(self) -> None:
        scenario = Scenario()
        paths = tuple(Heartbeat(name=name, type="lanhb") for name in _PATHS)
        self.config = attrs.evolve(example(2), heartbeats=paths)
        scenario.config = self.config
        for line in ("begin node1 node2", "run 1 s"):
            scenario.do(line)
        one, two = (scenario.cluster.machines[name].agent for name in ("node1", "node2"))
        assert one
        assert two
        self.state, self.other = one.state, two.state

    def hear(self, seconds: int, *paths: str) -> Iterator[tuple[str, str]]:
        """Give what node1 says meanwhile, each with the path that it is about."""
        end = self.state.now + seconds * 1_000
        while self.state.now < end:
            now = self.state.now + 500
            self.other = attrs.evolve(self.other, now=self.other.now + 500)
            for path in paths:
                heard = HeardBeat(
                    now=now,
                    sender="node2",
                    incarnation=self.other.incarnation,
                    link=path,
                    beat=decide.beat(self.config, self.other),
                )
                decision = decide.step(self.config, self.state, heard)
                self.state = decision.state
                for because in decision.because:
                    yield because.key, str(dict(because.args).get("heartbeat", ""))

    def shown(self) -> list[str]:
        me, _ = decide.snapshot(self.config, self.state)["servers"]
        return [path["state"] for path in me["heartbeats"]]


def test_a_path_that_is_lost_and_back_is_told_once() -> None:
    listener = _Listener()
    assert list(listener.hear(20, *_PATHS)) == []
    assert listener.shown() == ["Normal", "Normal"]
    assert list(listener.hear(20, "lanhb1")) == [("nm4", "lanhb2")]
    assert listener.shown() == ["Normal", "Caution"]
    assert list(listener.hear(1, *_PATHS)) == [("nm3", "lanhb2")]
    assert listener.shown() == ["Normal", "Normal"]


@pytest.mark.parametrize("path", _PATHS)
def test_a_path_on_which_a_server_was_never_heard_is_told(path: str) -> None:
    listener = _Listener()
    links = {path: listener.state.peers["node2"].links[path]}
    peer = attrs.evolve(listener.state.peers["node2"], links=links, since=listener.state.now)
    listener.state = attrs.evolve(listener.state, peers={"node2": peer})
    (other,) = {*_PATHS} - {path}
    assert list(listener.hear(20, path)) == [("nm4", other)]
