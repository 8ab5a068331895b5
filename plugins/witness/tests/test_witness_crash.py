"""Killed at any moment, under load: no claim is forgotten, no epoch comes twice."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import attrs
import pytest

_KILLS = 12
_GROUPS = ("g1", "g2")
_LEASE = 60_000  # ms: nothing lapses while the test runs, so only a release frees a group


class _Talker(Protocol):
    def ask(self, url: str, method: str, target: str, value: object = None) -> Any: ...  # noqa: ANN401 - JSON


class _Process(Protocol):
    url: str

    def end(self, number: int = 15) -> int: ...


@attrs.define(kw_only=True)
class Won:
    """A claim that was won; the times say when which word was sent and which answer came."""

    group: str
    epoch: int
    server: str
    learnt: float
    release_sent: float = 0.0


@attrs.define
class History:
    """What all servers saw."""

    won: list[Won] = attrs.field(factory=list)
    seen: list[tuple[float, float, str, int]] = attrs.field(factory=list)  # sent, came, what, epoch

    def complaints(self, group: str, last: int) -> Iterator[str]:
        """Say why no order of transactions, one after the other, explains what was seen."""
        won = sorted((one for one in self.won if one.group == group), key=lambda one: one.epoch)
        epochs = [one.epoch for one in won]
        if epochs != list(range(1, last + 1)):
            yield f"{group}: the record counts to {last}, and these epochs were won: {epochs}"
        for former, later in itertools.pairwise(won):
            if not 0 < former.release_sent < later.learnt:
                yield f"{group}: {later} was granted while {former} was not released"
        its = [one for one in self.seen if one[2] == group]
        came = sorted(its, key=lambda one: one[1])
        newest, at = 0, 0
        for sent, _, _, epoch in sorted(its):
            while at < len(came) and came[at][1] < sent:
                newest, at = max(newest, came[at][3]), at + 1
            if epoch < newest:
                yield f"{group}: epoch {epoch} was seen after {newest}"


class Server(threading.Thread):
    """Claims, holds and releases; an answer that does not come is asked for again."""

    def __init__(
        self, name: str, talker: _Talker, url: Callable[[], str], history: History
    ) -> None:
        super().__init__()
        self._server, self._talker, self._url, self._history = name, talker, url, history
        self._dice = random.Random(name)  # noqa: S311 - told by its seed
        self.over = threading.Event()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self._round(self._dice.choice(_GROUPS))
        except BaseException as error:  # noqa: BLE001 - for the test
            self.failed = error

    def _round(self, group: str) -> None:
        session = {"server": self._server, "boot": [1, "b"], "lease": _LEASE, "held": {}}
        self._ask("POST", "/v1/session", session)
        record = self._record(group, "GET", "")
        if record["holder"] is None:
            me = [self._server, 1, "b", record["epoch"] + 1]
            record = self._record(group, "POST", "/claim", me)
            if record["holder"] == me:
                won = Won(group=group, epoch=me[3], server=self._server, learnt=time.monotonic())
                self._history.won.append(won)
                kept = self._ask("POST", "/v1/session", {**session, "held": {group: me[3]}})
                assert kept is True, f"{me} has lost {group} although nobody may take it"
                won.release_sent = time.monotonic()
                self._record(group, "POST", "/release", me)

    def _record(self, group: str, method: str, what: str, said: object = None) -> dict[str, Any]:
        sent = time.monotonic()
        record: dict[str, Any] = self._ask(method, f"/v1/records/{group}{what}", said)
        self._history.seen.append((sent, time.monotonic(), group, record["epoch"]))
        return record

    def _ask(self, method: str, target: str, said: object = None) -> Any:  # noqa: ANN401 - JSON
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                return self._talker.ask(self._url(), method, target, said)
            except OSError:
                self.over.wait(0.01)
        raise AssertionError("no answer for 20 s")


@pytest.mark.timeout(90)
def test_no_claim_is_forgotten_and_no_epoch_comes_twice(
    process: Callable[..., _Process], talker: Callable[..., _Talker]
) -> None:
    dice, history = random.Random(4), History()  # noqa: S311 - as above
    running = [process()]
    servers = [
        Server(name, talker(purpose=name), lambda: running[-1].url, history)
        for name in ("node1", "node2", "node3")
    ]
    for server in servers:
        server.start()
    for _ in range(_KILLS):
        time.sleep(dice.uniform(0.02, 0.3))  # any moment will do
        running[-1].end(9)
        running.append(process())
    time.sleep(0.2)
    for server in servers:
        server.over.set()
    for server in servers:
        server.join(30)
        assert server.failed is None, server.failed
    for group in _GROUPS:
        last: int = talker().ask(running[-1].url, "GET", f"/v1/records/{group}")["epoch"]
        assert last > _KILLS
        assert list(history.complaints(group, last)) == []


def test_the_checker_sees_what_is_wrong() -> None:
    def won(epoch: int, learnt: float, released: float) -> Won:
        return Won(
            group="g", epoch=epoch, server=f"node{epoch}", learnt=learnt, release_sent=released
        )

    right = History([won(1, 1, 2), won(2, 3, 4)], [(0, 1, "g", 1), (2, 3, "g", 2)])
    assert list(right.complaints("g", 2)) == []
    twice = History([won(1, 1, 2), won(1, 3, 4)])
    overlap = History([won(1, 1, 5), won(2, 3, 4)])
    regress = History([], [(0, 1, "g", 2), (2, 3, "g", 1)])
    for history, last in ((right, 3), (twice, 1), (overlap, 2), (regress, 0)):
        assert list(history.complaints("g", last))
