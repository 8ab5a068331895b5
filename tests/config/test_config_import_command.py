"""``clp config import``: what it writes and copies, and what it never touches."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.api import DriverSpec, Kind
from clpcore.config import clpconf
from clpcore.ctl.main import main

Specs = dict[tuple[Kind, str], DriverSpec]
Clp = Callable[..., tuple[int, str, str]]

_CASES = Path(__file__).parent / "clpconf"


def _conf(name: str, *, inner: str = "", more: str = "") -> bytes:
    """Give a cluster of one group with one exec."""
    return f"""<root><cluster><name>C1</name></cluster>
    <server name="node1"><priority>0</priority>
    <device id="0"><type>lan</type><info>10.0.0.1</info></device></server>
    <group name="failover1"><resource name="exec@{name}"/></group>
    <resource><exec name="{name}">{inner}</exec></resource>{more}</root>""".encode()


@pytest.fixture(scope="module")
def installed() -> Specs:
    return dict(host.load().specs)


def test_scripts_come_along(tmp_path: Path, installed: Specs) -> None:
    theirs = tmp_path / "scripts/failover1/exec1"
    theirs.mkdir(parents=True)
    (theirs / "start.sh").write_text("#!/bin/sh\n")
    (theirs / "stop.sh").write_bytes(b"#!/bin/sh\r\n")
    (theirs / "secret").symlink_to("/etc/hostname")
    made = tmp_path / "made"
    made.mkdir()
    imported = clpconf.convert(_conf("exec1"), installed)
    found = clpconf.write(imported, made, tmp_path / "scripts")
    assert os.access(made / "scripts/failover1/exec1/start.sh", os.X_OK)
    assert sorted(path.name for path in (made / "scripts/failover1/exec1").iterdir()) == [
        "start.sh",
        "stop.sh",
    ]
    assert ["secret" in found[0].what, "CRLF" in found[1].what] == [True, True]


def test_a_monitors_scripts_come_along(tmp_path: Path, installed: Specs) -> None:
    theirs = tmp_path / "scripts/monitor.s/m1"
    theirs.mkdir(parents=True)
    (theirs / "genw.sh").write_text("#!/bin/sh\n")
    made = tmp_path / "made"
    made.mkdir()
    relation = "<relation><type>rsc</type><name>exec1</name></relation>"
    genw = f"<monitor><genw name='m1'>{relation}</genw></monitor>"
    imported = clpconf.convert(_conf("exec1", more=genw), installed)
    clpconf.write(imported, made, tmp_path / "scripts")
    assert os.access(made / "scripts/monitor/m1/genw.sh", os.X_OK)


_BEFORE = "<emergency><preaction>{}</preaction></emergency>"
_RELATION = "<relation><type>rsc</type><name>exec1</name></relation>"


def _with_preaction(inner: str) -> bytes:
    genw = f"<monitor><genw name='m1'>{_RELATION}{_BEFORE.format(inner)}</genw></monitor>"
    return _conf("exec1", more=genw)


def test_a_script_before_a_recovery_becomes_a_hook_at_each_moment(
    tmp_path: Path, installed: Specs
) -> None:
    theirs = tmp_path / "scripts/monitor.s/m1"
    theirs.mkdir(parents=True)
    (theirs / "preaction.sh").write_text("#!/bin/sh\n# mine\n")
    made = tmp_path / "made"
    made.mkdir()
    used = "<userestart>1</userestart><usefailover>0</usefailover><use>1</use>"
    imported = clpconf.convert(_with_preaction(used), installed)
    clpconf.write(imported, made, tmp_path / "scripts")
    hooks = sorted(made.glob("scripts/monitor/m1/before_*"))
    assert [hook.name for hook in hooks] == ["before_final_action.sh", "before_reactivation.sh"]
    assert all(hook.read_text().endswith("# mine\n") for hook in hooks)
    assert all(os.access(hook, os.X_OK) for hook in hooks)
    loaded = config.load(made / "conf.d", installed)
    assert loaded.config
    monitor = next(each for each in loaded.config.monitors if each.name == "m1")
    assert [point.file for point in monitor.hooks] == [
        "before_reactivation.sh",
        "before_final_action.sh",
    ]


@pytest.mark.parametrize("name", ["..", "a/b", "x" * 300, "-r", "link.sh", "gone.sh"])
def test_a_script_that_is_none_stays_behind_and_is_told(
    name: str, tmp_path: Path, installed: Specs
) -> None:
    theirs = tmp_path / "scripts/monitor.s/m1"
    theirs.mkdir(parents=True)
    (theirs / "link.sh").symlink_to("/etc/hostname")
    made = tmp_path / "made"
    made.mkdir()
    imported = clpconf.convert(_with_preaction(f"<path>{name}</path><use>1</use>"), installed)
    told = clpconf.write(imported, made, tmp_path / "scripts")
    assert any("before_final_action.sh" in one.what or "link.sh" in one.what for one in told)
    assert list(made.glob("scripts/monitor/m1/before_*")) == []


def test_a_script_around_activations_must_be_cut_by_hand(tmp_path: Path, installed: Specs) -> None:
    theirs = tmp_path / "scripts/failover1/exec1"
    theirs.mkdir(parents=True)
    for name in ("start.sh", "stop.sh", "rscextent.sh"):
        (theirs / name).write_text("#!/bin/sh\n")
    made = tmp_path / "made"
    made.mkdir()
    imported = clpconf.convert(_conf("exec1"), installed)
    (told,) = clpconf.write(imported, made, tmp_path / "scripts")
    assert told.what.startswith("scripts/failover1/exec1/rscextent.sh is not run")
    assert "before_activation.sh" in told.remedy
    assert (made / "scripts/failover1/exec1/rscextent.sh").exists()


def test_scripts_at_absolute_paths_stay_where_they_are(installed: Specs) -> None:
    paths = "<act><path>/opt/start</path></act><deact><path>/opt/stop</path></deact>"
    data = _conf("exec1", inner=f"<parameters>{paths}</parameters>")
    assert clpconf.convert(data, installed).scripts == ()


@pytest.mark.parametrize("name", ["..", "../../etc", "a/b", "/tmp", "x\u202e", "-r"])  # noqa: S108
def test_a_name_is_no_way_out_of_the_folder(name: str, tmp_path: Path, installed: Specs) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "made").mkdir()
    imported = clpconf.convert(_conf(name), installed)
    (told,) = clpconf.write(imported, tmp_path / "made", tmp_path / "theirs")
    assert "cannot be a folder's name" in told.what
    assert list((tmp_path / "made/scripts").iterdir()) == []


def test_a_group_cannot_name_a_file_elsewhere(installed: Specs) -> None:
    data = b"<root><group name='../../etc/cron.d/x'/></root>"
    files = clpconf.convert(data, installed).files
    assert sorted(files) == ["______etc_cron_d_x.toml", "cluster.toml"]


@pytest.fixture
def clp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Clp:
    """Run `clp config import FILE made ...`."""

    def command(file: Path, *words: str) -> tuple[int, str, str]:
        code = main(["config", "import", str(file), str(tmp_path / "made"), *words])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_the_command_writes_a_folder_that_passes_the_check(clp: Clp, tmp_path: Path) -> None:
    code, out, err = clp(_CASES / "azure/clp.conf")
    assert (code, err) == (0, "")
    assert out.startswith((tmp_path / "made/import.txt").read_text())
    assert "this configuration can be used" in out
    assert "exec1, then azurepp1" in out


def test_the_command_in_json(clp: Clp) -> None:
    code, out, _ = clp(_CASES / "real/clp.conf", "--json")
    found = json.loads(out)
    assert (code, found["check"]["usable"]) == (0, True)
    assert "not-loaded.toml.off" in found["files"]
    missing = next(one for one in found["findings"] if one["path"] == "/root/resource/md@md1")
    assert (missing["sort"], missing["line"]) == ("no driver", 143)


def test_the_command_overwrites_nothing(clp: Clp, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/mine").write_text("mine")
    code, out, err = clp(_CASES / "real/clp.conf")
    assert (code, out) == (1, "")
    assert "nothing is overwritten" in err
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine"]


def test_what_the_check_refuses_is_written_and_told(clp: Clp, tmp_path: Path) -> None:
    file = tmp_path / "clp.conf"
    file.write_bytes(_conf("a.b"))
    code, out, _ = clp(file)
    assert code == 78
    assert '"a.b" cannot be a name' in out
    assert (tmp_path / "made/conf.d/failover1.toml").exists()


def test_a_file_of_100_megabytes_is_refused_in_a_moment(clp: Clp, tmp_path: Path) -> None:
    file = tmp_path / "clp.conf"
    with file.open("wb") as opened:
        opened.truncate(100 * 1024 * 1024)
    code, _, err = clp(file)
    assert code == 1
    assert f"{file} is refused. It has more than 16 MiB: that is no clp.conf." in err
    assert not (tmp_path / "made").exists()


def test_a_file_that_is_not_there(clp: Clp, tmp_path: Path) -> None:
    code, _, err = clp(tmp_path / "clp.conf")
    assert (code, f"cannot read {tmp_path}/clp.conf: No such file" in err) == (1, True)
