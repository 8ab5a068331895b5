"""Commands that need the plugins' code live on when a plugin ends or blocks whoever loads it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import host
from clpcore.api import Kind
from clpcore.ctl import plugged
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.plugged import with_plugins
from clpcore.host import Registry

Clp = Callable[[str], tuple[str, str, int]]
Install = Callable[[str, str], None]

_GOOD = """
[cluster]
name = "Cluster1"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
[group.failover1.resource.lbpp1]
type = "lbpp"
port = 26001
"""
_DEADLY = {
    "import os; os._exit(0)": "ended with code 0",
    "import ctypes, faulthandler; faulthandler.disable(); ctypes.string_at(0)": "died of SIGSEGV",
    "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()": "had said nothing",
}


@pytest.fixture(autouse=True)
def conf(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that is well, on the server that it is for."""
    monkeypatch.setenv("CLP_SERVER", "node1")
    folder = root / "etc/clpcore/conf.d"
    folder.mkdir(parents=True)
    (folder / "cluster.toml").write_text(_GOOD)
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a plugin as pip would, for the processes forked from this one."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(plugged, "_PATIENCE", 2.0)

    def install(name: str, source: str) -> None:
        info = site / f"bad_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bad-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[clpcore.plugins]\n{name} = bad_{name}\n")
        (site / f"bad_{name}.py").write_text(source)

    return install


@pytest.mark.parametrize(("source", "how"), _DEADLY.items())
def test_the_check_tells_which_distribution_is_to_blame(
    clp: Clp, install: Install, source: str, how: str
) -> None:
    install("bad", source)
    out, _, code = clp("config check")
    said = " ".join(out.split())
    assert code == Exit.BAD_CONFIG
    assert f"Plugin bad of bad-bad cannot be loaded: the process that loads it {how}" in said
    assert "Mend or uninstall bad-bad" in said
    assert "1 error and 1 warning: this configuration cannot be used." in said
    (problem,) = [
        each
        for each in json.loads(clp("config check --json")[0])["problems"]
        if each["severity"] == "error"
    ]
    assert "bad-bad" in problem["what"]


def test_the_list_of_plugins_has_the_others_and_a_code(clp: Clp, install: Install) -> None:
    install("bad", "import os; os._exit(0)")
    out, err, code = clp("plugins")
    assert code == Exit.REFUSED
    assert "lbppw" in out
    assert "Error: plugin bad of bad-bad is refused:" in out
    assert "bad-bad cannot be loaded" in err
    out, _, code = clp("plugins --json")
    (refused,) = json.loads(out)["refused"]
    assert (code, refused["plugin"], refused["deadly"]) == (Exit.REFUSED, "bad", True)


def test_a_plugin_that_is_only_unfit_is_no_error_of_its_own(clp: Clp, install: Install) -> None:
    install("bad", "")
    assert clp("config check")[2] == Exit.DONE
    out, _, code = clp("plugins --json")
    assert (code, json.loads(out)["refused"][0]["deadly"]) == (Exit.DONE, False)


@pytest.mark.parametrize(
    "line",
    [
        "config schema",
        "config diff",
        "config new {folder} --name C --kind public-lb --server a=10.5.0.1 --server b=10.5.0.2",
        "new resource beacon --folder {folder}",
    ],
)
def test_other_commands_go_on_without_it(
    clp: Clp, install: Install, tmp_path: Path, line: str
) -> None:
    install("bad", "import os; os._exit(0)")
    _, err, code = clp(line.format(folder=tmp_path / "made"))
    assert code == (Exit.REFUSED if "diff" in line else Exit.DONE)  # nothing to compare with
    assert "Traceback" not in err


def test_a_driver_that_ends_the_check_itself_is_refused_by_name(
    clp: Clp, install: Install, conf: Path
) -> None:
    install(
        "bad",
        """
import os, attrs
from clpcore import api

@attrs.frozen
class Config:
    size: int = api.setting("How much.", default=1)

@api.hookimpl
def clp_register(register):
    register.add(api.DriverSpec(kind=api.Kind.RESOURCE, name="bad", api=api.API, summary="One.",
                                config=Config, make=print, validate=lambda _: os._exit(5)))
""",
    )
    assert clp("config check")[2] == Exit.DONE
    (conf / "bad.toml").write_text("[group.failover1.resource.bad1]\ntype = 'bad'\n")
    out, _, code = clp("config check")
    assert code == Exit.BAD_CONFIG
    said = " ".join(out.split())
    assert "Plugin bad of bad-bad cannot be loaded: the process that loads it ended with" in said


def test_no_plugin_is_loaded_into_the_command(clp: Clp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "clpcore_lbpp", raising=False)
    assert clp("config check")[2] == Exit.DONE
    assert "clpcore_lbpp" not in sys.modules


def test_the_work_hands_back_its_result_or_its_failure() -> None:
    def fail(_: Registry) -> None:
        raise Failure(Exit.USAGE, "no", "yes")

    assert with_plugins(lambda registry: (Kind.HEARTBEAT, "lanhb") in registry.specs) is True
    with pytest.raises(Failure, match="no") as caught:
        with_plugins(fail)
    assert (caught.value.code, caught.value.remedy) == (Exit.USAGE, "yes")


def test_work_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugged, "_PATIENCE", 0.3)
    monkeypatch.setattr(host, "load", lambda **_: Registry())
    with pytest.raises(Failure, match=r"gave no result: it had said nothing for 0\.3 s"):
        with_plugins(lambda _: time.sleep(600))
