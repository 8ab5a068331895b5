"""The recording in a support bundle: what was decided is played again, without the secret in it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from clpcore import decide
from clpcore.ctl.product import recorded
from clpcore.model import inputs as given
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Done, Outcome
from clpcore.model.kept import BootKept, Kept
from clpcore.model.states import Verdict
from clpcore.runtime.recording import ring
from clpcore.runtime.recording.lines import Heading, Turned
from clpcore.runtime.recording.reading import Segment
from clpcore.runtime.recording.ring import Ring
from clpcore.simulate.example import example
from clpcore.wire import values

_SECRET = "S3cr3t-kingfisher"


def _write(made: Ring, *, end: bool = True) -> None:
    config, me = example(), Incarnation(Boot(1, "b"), 1)
    state = decide.start(config, "node1", me, Kept(), BootKept(), now=0, wall=0)
    number, file = made.begin()
    heading = Heading(number=number, version="0", server="node1", now=0, wall=0, follows=False)
    outcome = Outcome(verdict=Verdict.FAILED, detail=f"psql: {_SECRET} was refused")
    done = Done(now=1, action=7, outcome=outcome)
    for value in (heading, config, state, Turned(taken=given.Tick(0)), Turned(taken=done)):
        file.add(values.to_json(value))
    if end:
        file.finish()
    else:
        file.flush()
        file.abandon()


def _scrub(text: str) -> str:
    return text.replace(_SECRET, "********")


@pytest.mark.parametrize("end", [True, False])
def test_it_is_whole_but_for_the_secrets(tmp_path: Path, *, end: bool) -> None:
    _write(Ring(tmp_path), end=end)
    missing: dict[str, str] = {}
    ((name, data),) = recorded.segments(tmp_path, _scrub, missing)
    assert (name, missing) == ("recording/00000001.clprec", {})
    segment = Segment(io.BytesIO(data))
    _, turned = segment.turned()
    assert segment.same
    assert segment.complete is end
    assert isinstance(turned.taken, Done)
    assert turned.taken.outcome.detail == "psql: ******** was refused"
    with ring.segments(tmp_path)[0].open("rb") as file:
        assert segment.state == Segment(file).state


def test_only_the_newest_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Ring(tmp_path)
    for _ in range(4):
        _write(made)
    size = ring.segments(tmp_path)[0].stat().st_size
    monkeypatch.setattr(recorded, "MOST", 2 * size + 10)
    missing: dict[str, str] = {}
    names = [name for name, _ in recorded.segments(tmp_path, _scrub, missing)]
    assert names == ["recording/00000004.clprec", "recording/00000003.clprec"]
    assert missing == {
        "recording": f"only the newest {2 * size + 10} bytes: nothing up to 00000002.clprec"
    }


def test_a_damaged_one_is_named_and_the_others_come(tmp_path: Path) -> None:
    made = Ring(tmp_path)
    _write(made)
    _write(made)
    ring.segments(tmp_path)[1].write_bytes(b"?")
    missing: dict[str, str] = {}
    names = [name for name, _ in recorded.segments(tmp_path, _scrub, missing)]
    assert names == ["recording/00000001.clprec"]
    assert missing == {"recording/00000002.clprec": "it does not begin as a recording does"}
