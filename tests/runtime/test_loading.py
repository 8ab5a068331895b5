"""The configuration is read in a process of its own; whatever it does, the agent gets an answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore.api import Kind
from clpcore.runtime import loading
from clpcore.runtime.loading import Loaded, Loading, LoadingError
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


def test_a_reader_that_dies_over_the_configuration_is_told(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_load", lambda *_: os.kill(os.getpid(), 9))
    with pytest.raises(LoadingError, match=r"it died of SIGKILL before it answered: see the log"):
        Loading.begin(root).result()


def test_a_reader_that_raises_is_told(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_load", lambda *_: int("no number"))
    with pytest.raises(LoadingError, match="it ended with code 1"):
        Loading.begin(root).result()


def test_a_reader_that_hangs_is_given_up(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_PATIENCE", 0.2)
    monkeypatch.setattr(loading, "_load", lambda *_: os.read(os.pipe()[0], 1))
    with pytest.raises(LoadingError, match=r"it had said nothing for 0\.2 s"):
        Loading.begin(root).result()


# -- plugins that harm whoever loads them


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install a plugin as pip would, for the processes forked from this one."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(name: str, source: str) -> None:
        info = site / f"bad_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bad-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[clpcore.plugins]\n{name} = bad_{name}\n")
        (site / f"bad_{name}.py").write_text(source)

    return install


Install = Callable[[str, str], None]


def refusals(loaded: Loaded, *plugins: str) -> list[dict[str, str]]:
    """Give what is said of these plugins, by name."""
    return [each for each in loaded.plugins["refused"] if each["plugin"] in plugins]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os; os._exit(0)", "the process that loads it ended with code 0 before"),
        ("import os; os._exit(7)", "the process that loads it ended with code 7 before"),
        (
            "import ctypes, faulthandler; faulthandler.disable(); ctypes.string_at(0)",
            "the process that loads it died of SIGSEGV before",
        ),
        ("import os; os.kill(os.getpid(), 15)", "the process that loads it died of SIGTERM before"),
        ("raise SystemExit(3)", "it raises SystemExit: 3"),
        ("raise KeyboardInterrupt", "it raises KeyboardInterrupt: "),
        # Its child has the pipe, too, and outlives it for a while.
        (
            "import os, time\nif os.fork(): os._exit(1)\ntime.sleep(3); os._exit(0)",
            "the process that loads it ended with code 1 before",
        ),
    ],
)
def test_a_plugin_that_ends_who_loads_it_is_refused_alone(
    root: Root, install: Install, source: str, reason: str
) -> None:
    install("bad", source)
    loaded = Loading.begin(root).result()
    assert loaded.config is not None
    assert loaded.owners[Kind.RESOURCE, "exec"] == "exec"
    (refused,) = refusals(loaded, "bad")
    assert refused["reason"].startswith(reason)
    assert "Mend or uninstall bad-bad" in refused["remedy"]


def test_plugins_that_hang_and_die_are_refused_each_for_its_own_reason(
    root: Root, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_PATIENCE", 2.0)
    install("hangs", "import time; time.sleep(600)")
    install("dies", "import os; os._exit(1)")
    loaded = Loading.begin(root).result()
    assert loaded.config is not None
    assert [each["reason"] for each in refusals(loaded, "dies", "hangs")] == [
        "the process that loads it ended with code 1 before it answered",
        "the process that loads it had said nothing for 2 s",
    ]


def test_a_configuration_that_needs_a_deadly_plugin_says_why_it_is_refused(
    root: Root, install: Install
) -> None:
    install("exec2", "import os; os._exit(1)")
    (root.conf / "more.toml").write_text('[group.failover1.resource.exec2]\ntype = "exec2"\n')
    loaded = Loading.begin(root).result()
    assert loaded.config is None
    assert "exec2" in loaded.report
    assert refusals(loaded, "exec2")


def test_what_a_plugin_prints_and_starts_disturbs_nothing(
    root: Root, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    install(
        "loud",
        """
import os, sys, threading, time
print("to stdout", flush=True)
os.write(1, b"to the descriptor\\n")
sys.stderr.write("to stderr\\n")
threading.Thread(target=time.sleep, args=(600,)).start()
""",
    )
    loaded = Loading.begin(root).result()
    assert loaded.config is not None
    assert refusals(loaded, "loud")  # it has no hook
    out, err = capfd.readouterr()
    assert out == ""
    assert "to stdout" in err
    assert "to the descriptor" in err
