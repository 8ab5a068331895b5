"""`clp simulate` as dialogues: forecasts/*.txt; CLP_RECORD=1 writes them anew."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from clpcore import config as configuration
from clpcore import host
from clpcore.config import revision, working
from clpcore.config.working import Folders
from clpcore.ctl import plugged, words
from clpcore.ctl.ends import Exit
from clpcore.decide.picture import picture
from clpcore.model.config import ClusterConfig
from clpcore.model.picture import Picture
from clpcore.model.revisions import About, Revision
from clpcore.model.states import Phase
from clpcore.runtime.places import Root
from clpcore.runtime.revisions.archive import Archive
from clpcore.simulate.scenario import Scenario
from clpcore.wire import values

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]

_DIALOGUES = Path(__file__).with_name("forecasts")
_EXAMPLES = Path(__file__).parents[2] / "conf.d"
_catalogue = words._catalogue

_SETUPS = {
    "nothing": (),
    "np": ("np np1",),
    "both": ("fencing power1", "arbiter witness1 10000"),
    "many_groups": ("cluster 3 6", "fencing power1"),
}


@pytest.fixture(autouse=True)
def _real_words(clp: Clp, monkeypatch: pytest.MonkeyPatch) -> None:
    del clp  # which puts other words in their place
    monkeypatch.setattr(words, "_catalogue", _catalogue)


def _answer(live: Picture) -> list[Document]:
    return [{"ok": True, "state": json.loads(values.to_json(live))}]


def _live(*setup: str) -> Picture:
    play = Scenario()
    for line in setup:
        play.do(line)
    servers = " ".join(play.config.server_names)
    for line in (f"begin {servers}", "run 30 s"):
        play.do(line)
    agent = play.cluster.machines["node1"].agent
    assert agent is not None
    took = {"exec/activate": 300, "exec/deactivate": 120, "lbpp/deactivate": 10}
    return attrs.evolve(picture(play.config, agent.state), took=took)


def _steady(told: str) -> str:
    return re.sub(r'"computed_in_ms": \d+', '"computed_in_ms": N', told)


@pytest.mark.parametrize("setup", _SETUPS)
def test_forecast(setup: str, clp: Clp, answers: Document, hold: Callable[..., None]) -> None:
    answers["state"] = _answer(_live(*_SETUPS[setup]))
    path = _DIALOGUES / f"{setup}.txt"
    hold(path, lambda line: clp(line.removeprefix("clp")), _steady)


def test_every_forecast_is_held() -> None:
    assert {path.stem for path in _DIALOGUES.iterdir()} == {*_SETUPS}


# -- another configuration


@pytest.fixture
def conf(root: Path) -> Path:
    """A folder that is what the cluster has committed, and another that a test may change."""
    text = (_EXAMPLES / "two-servers" / "cluster.toml").read_text()
    archive = Archive(Root(root).revisions)
    files = {"conf.d/cluster.toml": revision.File(0o644, text.encode())}
    bundle = revision.pack(files)
    first = Revision(1, hashlib.sha256(bundle).hexdigest())
    about = About(by="me", server="node1", at=1_000, comment="")
    working.write(files, Folders.below(archive.stage(first, about, bundle)))
    archive.commit(first)
    edited = root / "edited"
    edited.mkdir()
    (edited / "cluster.toml").write_text(text)
    return edited


def _running(conf: Path) -> Picture:
    """Give the picture of a cluster that runs what *conf* says."""
    play = Scenario()
    loaded = plugged.with_plugins(functools.partial(_load, conf))
    assert loaded is not None
    play.config = loaded
    for line in ("boot node1 node2", "run 2 min"):
        play.do(line)
    agent = play.cluster.machines["node2"].agent
    assert agent is not None
    took = {"exec/activate": 300, "exec/deactivate": 120}
    return attrs.evolve(picture(play.config, agent.state), took=took)


def _load(conf: Path, registry: host.Registry) -> ClusterConfig | None:
    return configuration.load(conf, registry.specs, registry.refused).config


def test_a_changed_resource_restarts_its_group(clp: Clp, answers: Document, conf: Path) -> None:
    answers["state"] = _answer(_running(conf))
    with (conf / "cluster.toml").open("a") as file:
        file.write('\n[group.failover1.resource.exec2]\ntype = "exec"\n')
    out, err, code = clp(f"simulate apply {conf}")
    assert (code, err) == (Exit.DONE, "")
    assert "resource exec2 of failover1 is new" in out
    assert "restarts group failover1, if it is online" in out
    assert re.search(r"^failover1: down for \d\.\d s, then online on node1$", out, re.MULTILINE)


def test_clients_that_go_on_with_the_former_server_are_told(
    clp: Clp, answers: Document, conf: Path
) -> None:
    live = _running(conf)
    (group,) = live.config.groups
    slow = tuple(attrs.evolve(each, lingers=3_600_000) for each in group.resources[:1])
    groups = (attrs.evolve(group, resources=(*slow, *group.resources[1:])),)
    config = attrs.evolve(live.config, groups=groups, unproven_takeover=True)
    answers["state"] = _answer(attrs.evolve(live, config=config))
    out, _, _ = clp("simulate kill node1")
    later = f"then online on node2; clients of {slow[0].name} find it up to 3600 s later"
    assert later in out


def test_a_new_group_is_started(clp: Clp, answers: Document, conf: Path) -> None:
    answers["state"] = _answer(_running(conf))
    with (conf / "cluster.toml").open("a") as file:
        file.write('\n[group.failover2.resource.exec2]\ntype = "exec"\n')
    (told,) = (json.loads(clp(f"simulate apply {conf} --json")[0]),)
    groups = {each["name"]: each for each in told["groups"]}
    assert groups["failover2"]["before"] is None
    assert groups["failover2"]["after"] == "node1"
    assert "failover1" not in groups


def test_what_cannot_be_read_is_not_applied(clp: Clp, answers: Document, conf: Path) -> None:
    answers["state"] = _answer(_running(conf))
    (conf / "cluster.toml").write_text("[cluster\n")
    _, err, code = clp(f"simulate apply {conf}")
    assert (code, f"the configuration in {conf} has errors" in err) == (Exit.BAD_CONFIG, True)


def test_a_server_that_is_not_online_knows_too_little(clp: Clp, answers: Document) -> None:
    live = _live()
    here = attrs.evolve(live.servers["node1"], phase=Phase.OFFLINE)
    answers["state"] = _answer(attrs.evolve(live, servers={**live.servers, "node1": here}))
    _, err, code = clp("simulate kill node2")
    assert (code, "node1 is not online" in err) == (Exit.REFUSED, True)
