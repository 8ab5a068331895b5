"""A courier's way through a real journal: nothing lost, nothing flooded, nobody held up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from clpcore import messages
from clpcore.model.alerts import Alert, Language, Syslog
from clpcore.model.reasons import Because
from clpcore.runtime.alerts import choice
from clpcore.runtime.alerts import courier as courier_module
from clpcore.runtime.alerts.courier import Courier, Errand
from clpcore.runtime.alerts.cursor import Cursor
from clpcore.runtime.alerts.errors import Refused, Unsent
from clpcore.runtime.alerts.message import Message, Origin
from clpcore.runtime.store.database import Database, set_aside
from clpcore.runtime.store.journal import Scribe

HEARD = messages.because("nm1", server="node9")
ORIGIN = Origin(cluster="Cluster1", server="node1")


def wait(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold within 5 s"
        time.sleep(0.005)


@attrs.define
class Receiver:
    """A sender that keeps what it gets, or raises what it is told to."""

    got: list[int] = attrs.field(factory=list)
    fails: list[Exception] = attrs.field(factory=list)
    tries: int = 0
    at_once: int = 10
    gather: float = 0.0
    held: threading.Event | None = None

    def send(self, told: Sequence[Message]) -> None:
        self.tries += 1
        if self.held is not None:
            self.held.wait(10)
        if self.fails:
            raise self.fails[0] if len(self.fails) == 1 else self.fails.pop(0)
        self.got += [message.seq for message in told]


@attrs.define
class Told:
    words: list[tuple[str, str]] = attrs.field(factory=list)

    def begin(self, what: str, because: Because) -> None:
        self.words.append(("begin", messages.render(because)))

    def end(self, what: str, because: Because) -> None:
        self.words.append(("end", messages.render(because)))

    def tell(self, because: Because) -> None:
        self.words.append(("tell", messages.render(because)))


@attrs.define
class World:
    folder: Path
    database: Database
    scribe: Scribe = attrs.field(factory=lambda: Scribe(boot=1))
    told: Told = attrs.field(factory=Told)
    couriers: list[Courier] = attrs.field(factory=list)

    @property
    def store(self) -> Path:
        return self.folder / "store.db"

    @property
    def mark(self) -> Path:
        return self.folder / "alerts/a.json"

    def say(self, count: int = 1) -> None:
        lines = [self.scribe.sentences((HEARD,), 1)[0] for _ in range(count)]
        self.database.write((), lines)
        for courier in self.couriers:
            courier.ring()

    def start(self, receiver: Receiver, **changes: object) -> Courier:
        alert = Alert(name="a", type="syslog", settings=Syslog(), **changes)  # type: ignore[arg-type]
        courier = Courier(
            Errand(
                alert=alert,
                sender=receiver,
                store=self.store,
                cursor=Cursor.read(self.mark),
                origin=ORIGIN,
            ),
            self.told,
        )
        self.couriers.append(courier)
        courier.start()
        return courier

    def end(self) -> None:
        for courier in self.couriers:
            courier.finish()
            courier.join(10)
            assert not courier.is_alive()
        self.couriers.clear()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(courier_module, "_AGAIN_FIRST", 0.01)
    monkeypatch.setattr(courier_module, "_AGAIN_MOST", 0.02)
    made = World(tmp_path, Database(tmp_path / "store.db"))
    yield made
    made.end()
    made.database.close()


def test_a_new_alert_begins_at_the_end_and_goes_on_where_it_was(world: World) -> None:
    world.say(3)
    receiver = Receiver()
    world.start(receiver)
    wait(world.mark.exists)
    world.say(2)
    wait(lambda: receiver.got == [4, 5])
    world.end()
    world.say(2)
    world.start(receiver)
    wait(lambda: receiver.got == [4, 5, 6, 7])
    wait(lambda: json.loads(world.mark.read_text())["seq"] == 7)


def test_what_was_sent_and_not_marked_is_sent_again(world: World) -> None:
    receiver = Receiver()
    world.start(receiver)
    wait(world.mark.exists)
    before = world.mark.read_text()
    world.say(2)
    wait(lambda: receiver.got == [1, 2])
    world.end()
    world.mark.write_text(before)
    world.start(receiver)
    wait(lambda: receiver.got == [1, 2, 1, 2])


def test_nothing_is_lost_while_nobody_takes_it_and_it_is_told_once_each(world: World) -> None:
    receiver = Receiver(fails=[Unsent("the server is dead")])
    world.start(receiver)
    wait(world.mark.exists)
    world.say(3)
    wait(lambda: receiver.tries > 4)
    assert receiver.got == []
    receiver.fails.clear()
    wait(lambda: receiver.got == [1, 2, 3])
    wait(lambda: world.told.words[-1] == ("end", "Alert a sends again."))
    assert set(world.told.words[:-1]) == {
        (
            "begin",
            "Alert a cannot send: the server is dead. It tries again; nothing else waits for it.",
        )
    }


def test_one_that_hangs_holds_no_other_up(world: World) -> None:
    hung, well = Receiver(held=threading.Event()), Receiver()
    world.start(hung)
    wait(world.mark.exists)
    world.start(well)
    wait(lambda: all(each._file for each in world.couriers))
    world.say(2)
    wait(lambda: well.got == [1, 2])
    assert hung.got == []
    assert hung.held is not None
    hung.held.set()
    wait(lambda: hung.got == [1, 2])


def test_what_is_refused_three_times_is_given_up_and_the_next_is_sent(world: World) -> None:
    receiver = Receiver(fails=[*[Refused("not this one")] * 3, Refused("")], at_once=1)
    world.start(receiver)
    wait(world.mark.exists)
    world.say(1)
    wait(lambda: receiver.tries == 3)
    receiver.fails.clear()
    wait(lambda: world.told.words[-1][0] == "tell")
    assert world.told.words[-1][1] == "Alert a has given up 1 messages: not this one."
    world.say(1)
    wait(lambda: receiver.got == [2])


def test_a_line_that_is_no_message_is_given_up_alone(world: World) -> None:
    receiver = Receiver(fails=[Unsent("not yet"), Unsent("not yet")], at_once=10)
    world.start(receiver)
    wait(world.mark.exists)
    good, first, second, last = (world.scribe.sentences((HEARD,), 1)[0] for _ in range(4))
    bad = [attrs.evolve(first, body='{"sentence": {}}'), attrs.evolve(second, body="no JSON")]
    world.database.write((), [good, *bad, last])
    world.couriers[0].ring()
    wait(lambda: receiver.tries > 1)
    receiver.fails.clear()
    wait(lambda: receiver.got == [1, 4])
    told = [text for kind, text in world.told.words if kind == "tell"]
    assert [text.partition(" is no message")[0] for text in told] == [
        f"Alert a has given up 1 messages: line {seq} of the journal" for seq in (2, 3)
    ]
    wait(lambda: json.loads(world.mark.read_text())["given_up"] == 2)
    assert json.loads(world.mark.read_text())["sent"] == 2


def test_a_sender_with_a_bug_in_it_costs_the_message_that_shows_it(world: World) -> None:
    class Buggy(Receiver):
        def send(self, told: Sequence[Message]) -> None:
            if any(message.seq == 3 for message in told):
                raise ValueError("S3CRET")
            super().send(told)

    receiver = Buggy()
    world.start(receiver)
    wait(world.mark.exists)
    world.say(5)
    wait(lambda: receiver.got == [1, 2, 4, 5])
    told = [text for kind, text in world.told.words if kind == "tell"]
    assert len(told) == 1
    assert told[0].startswith("Alert a has given up 1 messages: ValueError at test_couriers.py:")
    assert "S3CRET" not in repr(world.told.words)


def test_a_backlog_has_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_module, "MOST_WAITING", 20)
    receiver = Receiver(fails=[Unsent("dead")])
    world.start(receiver)
    wait(world.mark.exists)
    world.say(50)
    wait(lambda: any(kind == "tell" for kind, _ in world.told.words))
    receiver.fails.clear()
    wait(lambda: receiver.got == list(range(31, 51)))
    assert ("tell", "Alert a has given up 30 messages: dead.") in world.told.words


def test_a_journal_that_is_another_one_is_read_from_its_beginning(world: World) -> None:
    receiver = Receiver()
    world.start(receiver)
    wait(world.mark.exists)
    world.say(5)
    wait(lambda: receiver.got == [1, 2, 3, 4, 5])
    world.database.close()
    set_aside(world.store, "1")
    world.database, world.scribe = Database(world.store), Scribe(boot=2)
    world.say(2)
    wait(lambda: receiver.got == [1, 2, 3, 4, 5, 1, 2])


def test_a_journal_whose_oldest_lines_are_gone_goes_on(world: World) -> None:
    receiver = Receiver()
    world.start(receiver)
    wait(world.mark.exists)
    world.say(5)
    wait(lambda: len(receiver.got) == 5)
    world.end()
    world.say(5)
    world.database._sql.execute("DELETE FROM journal WHERE seq < 8")
    world.start(receiver)
    wait(lambda: receiver.got == [1, 2, 3, 4, 5, 8, 9, 10])


def test_a_mark_that_is_torn_counts_as_none(world: World) -> None:
    world.say(3)
    world.mark.parent.mkdir()
    world.mark.write_text('{"seq": 2, "wal')
    receiver = Receiver()
    world.start(receiver)
    wait(lambda: '"seq": 3' in world.mark.read_text())


def test_messages_of_one_moment_are_gathered(world: World) -> None:
    receiver = Receiver(gather=0.2)
    world.start(receiver)
    wait(world.mark.exists)
    world.say(1)
    world.say(1)
    world.say(1)
    wait(lambda: receiver.got == [1, 2, 3])
    assert receiver.tries == 1


def test_it_speaks_the_language_of_its_alert(world: World) -> None:
    seen: list[str] = []

    class Reader(Receiver):
        def send(self, told: Sequence[Message]) -> None:
            seen.extend(message.text for message in told)

    world.start(Reader(), language=Language.JAPANESE)
    wait(world.mark.exists)
    world.say()
    wait(lambda: seen == ["サーバ node9 のハートビートを受信しました。"])


@pytest.mark.parametrize(
    ("type_", "changes", "takes", "leaves"),
    [
        ("syslog", {}, {"nm1", "rc30", "op1", "rm9"}, set()),
        ("file", {}, {"nm1", "rc10", "op1", "rm9"}, {"rc30", "rc31", "rc40", "rc41"}),
        ("mail", {}, {"nm2", "rc32", "rm9", "rc530", "pm500"}, {"nm1", "rc60", "rc65", "op2"}),
        ("webhook", {"severities": ("error",)}, {"op2", "rc65", "nm2"}, {"rc60", "nm1"}),
        ("mail", {"modules": ("nm",), "severities": ("error",)}, {"nm2"}, {"nm1", "rc32"}),
        ("mail", {"ids": ("rc60",)}, {"rc60"}, {"nm2", "rc32"}),
        ("mail", {"ids": ("rc60",), "modules": ("rm",)}, {"rc60", "rm26", "rm9"}, {"nm2"}),
    ],
)
def test_what_is_sent(
    type_: str, changes: dict[str, tuple[str, ...]], takes: set[str], leaves: set[str]
) -> None:
    alert = Alert(name="a", type=type_, settings=Syslog(), **changes)  # type: ignore[arg-type]
    keys = choice.wanted(alert).keys
    assert keys is not None
    assert takes <= keys
    assert not leaves & keys
