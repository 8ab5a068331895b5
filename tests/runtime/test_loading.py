"""The configuration is read in a process of its own; whatever it does, the agent gets an answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore.api import Kind
from clpcore.runtime import loading
from clpcore.runtime.loading import Loaded, Loading, LoadingError
from clpcore.runtime.places import Root, Whereabouts

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
    for name in ("start.sh", "stop.sh"):
        script(found, name)
    return found


def script(root: Root, name: str) -> Path:
    """Give a script of the resource."""
    path = root.scripts / "failover1/exec1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def load(root: Root, server: str = "node1") -> Loaded:
    return Loading.begin(Whereabouts(root=root, server=server, lab=True)).result()


def test_it_gives_configuration_owners_and_facts(root: Root) -> None:
    loaded = load(root)
    assert loaded.config is not None
    assert loaded.config.server_names == ("node1", "node2")
    assert loaded.owners[Kind.RESOURCE, "exec"] == "exec"
    names = {(each["kind"], each["name"]) for each in loaded.plugins["drivers"]}
    assert ("heartbeat", "lanhb") in names
    assert loaded.facts["files"] == ["cluster.toml"]
    assert len(loaded.facts["sha256"]) == 64


def test_it_loads_no_driver_into_this_process(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "clpcore_exec", raising=False)
    load(root)
    assert "clpcore_exec" not in sys.modules


def test_the_digest_tells_configurations_apart(root: Root) -> None:
    before = load(root).facts["sha256"]
    (root.conf / "cluster.toml").write_text(CONFIG + "# another\n")
    assert load(root).facts["sha256"] != before


def test_a_wrong_configuration_comes_as_a_report(root: Root) -> None:
    (root.conf / "cluster.toml").write_text("[cluster]\nnaem = 1")
    loaded = load(root)
    assert loaded.config is None
    assert "naem" in loaded.report


def test_without_its_scripts_a_server_begins_no_revision(root: Root) -> None:
    missing = script(root, "stop.sh")
    missing.unlink()
    script(root, "start.sh").chmod(0o644)
    loaded = load(root)
    assert (loaded.config, loaded.revision, loaded.first) == (None, None, False)
    said = " ".join(loaded.report.split())
    assert f"There is no file {missing}." in said
    assert f"{missing.with_name('start.sh')} is not executable." in said
    assert not root.revisions.exists()
    script(root, "stop.sh")
    script(root, "start.sh")
    assert load(root).first


def test_a_server_needs_the_scripts_that_it_may_run(root: Root) -> None:
    with (root.conf / "cluster.toml").open("a") as more:
        more.write('[group.failover1]\nstartup_servers = ["node2"]\n')
    script(root, "stop.sh").unlink()
    assert load(root, "node1").config is not None
    assert load(root, "node2").config is None
    stranger = load(root, "node3").config  # that it is none of the servers, it is told later
    assert stranger is not None


def test_a_first_revision_with_a_link_in_it_is_refused_by_name(root: Root) -> None:
    link = root.scripts / "failover1/exec1/key"
    link.symlink_to(root.key)
    loaded = load(root)
    assert (loaded.config, loaded.revision) == (None, None)
    assert loaded.report.startswith(f"{link} is a symbolic link")


def test_a_reader_that_dies_over_the_configuration_is_told(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_load", lambda *_: os.kill(os.getpid(), 9))
    with pytest.raises(LoadingError, match=r"it died of SIGKILL before it answered: see the log"):
        load(root)


def test_a_reader_that_raises_is_told(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_load", lambda *_: int("no number"))
    with pytest.raises(LoadingError, match="it ended with code 1"):
        load(root)


def test_a_reader_that_hangs_is_given_up(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_PATIENCE", 0.2)
    monkeypatch.setattr(loading, "_load", lambda *_: os.read(os.pipe()[0], 1))
    with pytest.raises(LoadingError, match=r"it had said nothing for 0\.2 s"):
        load(root)


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
    loaded = load(root)
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
    loaded = load(root)
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
    loaded = load(root)
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
    loaded = load(root)
    assert loaded.config is not None
    assert refusals(loaded, "loud")  # it has no hook
    out, err = capfd.readouterr()
    assert out == ""
    assert "to stdout" in err
    assert "to the descriptor" in err


def test_what_a_plugin_forks_ends_with_the_reading(
    root: Root, install: Install, tmp_path: Path
) -> None:
    """Left alone, it would hold the pipes of whoever started us."""
    pid = tmp_path / "pid"
    source = f"""
import os, pathlib, time
if (pid := os.fork()) == 0:
    time.sleep(600)
pathlib.Path({str(pid)!r}).write_text(str(pid))
"""
    install("forks", source)
    began = time.monotonic()
    assert load(root).config is not None
    deadline = began + 10
    while Path(f"/proc/{pid.read_text()}").exists():
        assert time.monotonic() < deadline, "what it has forked lives on"
        time.sleep(0.01)


def test_a_copy_of_the_reader_that_a_plugin_forks_says_nothing(
    root: Root, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    install("doubles", "import os; os.fork()")
    assert load(root).config is not None
    assert "Traceback" not in capfd.readouterr().err


_SPEC = """
import attrs, os, time
from clpcore import api

@attrs.frozen
class Config:
    ...

def validate(config):
    {check}

@api.hookimpl
def clp_register(register):
    register.add(api.DriverSpec(
        kind=api.Kind.RESOURCE, name="bad", api=api.API, summary="Bad.", config=Config,
        make=Config, validate=validate,
    ))
"""


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("time.sleep(600)", "the process that loads it had said nothing for 3 s"),
        ("os._exit(3)", "the process that loads it ended with code 3 before it answered"),
    ],
)
def test_a_check_of_settings_that_ends_or_hangs_names_its_plugin(
    root: Root, install: Install, monkeypatch: pytest.MonkeyPatch, check: str, reason: str
) -> None:
    monkeypatch.setattr(loading, "_PATIENCE", 3.0)
    install("bad", _SPEC.format(check=check))
    (root.conf / "more.toml").write_text('[group.failover1.resource.bad1]\ntype = "bad"\n')
    loaded = load(root)
    assert loaded.config is None
    assert [each["reason"] for each in refusals(loaded, "bad")] == [reason]
    assert reason in " ".join(loaded.report.split())
