"""The configuration is read in a process of its own; whatever it does, the agent gets an answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clpcore.api import Kind
from clpcore.runtime import loading
from clpcore.runtime.loading import Loading, LoadingError
from clpcore.runtime.places import Root

CONFIG = """
[cluster]
name = "test"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[group.failover1.resource.exec1]
type = "exec"
"""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    found = Root(tmp_path)
    found.conf.mkdir(parents=True)
    (found.conf / "cluster.toml").write_text(CONFIG)
    return found


def test_it_gives_configuration_owners_and_facts(root: Root) -> None:
    loaded = Loading.begin(root).result()
    assert loaded.config is not None
    assert loaded.config.server_names == ("node1", "node2")
    assert loaded.owners[Kind.RESOURCE, "exec"] == "exec"
    names = {(each["kind"], each["name"]) for each in loaded.plugins["drivers"]}
    assert ("heartbeat", "lanhb") in names
    assert loaded.facts["files"] == ["cluster.toml"]
    assert len(loaded.facts["sha256"]) == 64


def test_it_loads_no_driver_into_this_process(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "clpcore_exec", raising=False)
    Loading.begin(root).result()
    assert "clpcore_exec" not in sys.modules


def test_the_digest_tells_configurations_apart(root: Root) -> None:
    before = Loading.begin(root).result().facts["sha256"]
    (root.conf / "cluster.toml").write_text(CONFIG + "# another\n")
    assert Loading.begin(root).result().facts["sha256"] != before


def test_a_wrong_configuration_comes_as_a_report(root: Root) -> None:
    (root.conf / "cluster.toml").write_text("[cluster]\nnaem = 1")
    loaded = Loading.begin(root).result()
    assert loaded.config is None
    assert "naem" in loaded.report


def test_a_process_that_dies_is_told(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_load", lambda _root: os.kill(os.getpid(), 9))
    with pytest.raises(LoadingError, match="ended with code -9"):
        Loading.begin(root).result()


def test_a_plugin_that_raises_what_it_should_not_is_told(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_load", lambda _root: int("no number"))
    with pytest.raises(LoadingError, match="ended with code 1"):
        Loading.begin(root).result()


def test_a_plugin_that_hangs_is_given_up(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_SECONDS", 0.2)
    monkeypatch.setattr(loading, "_load", lambda _root: os.read(os.pipe()[0], 1))
    with pytest.raises(LoadingError, match="does a plugin hang"):
        Loading.begin(root).result()
