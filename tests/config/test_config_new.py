"""``clp config new``: every kind of cluster passes the check as it is written."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.api import DriverSpec, Kind
from clpcore.config import new
from clpcore.config.wanted import Account, Shape, Wanted
from clpcore.ctl.main import main
from clpcore.model.reasons import Severity

_SERVERS = (("node1", "10.5.0.110"), ("node2", "10.5.0.111"))
_ID = "22222222-2222-2222-2222-222222222222"
_ACCOUNT = ["--subscription", _ID, "--resource-group", "TestGroup1"]
_MORE = {  # what a kind must be told
    "dns": ["--zone", "cluster1.zone", "--record-set", "test-record1", *_ACCOUNT],
    "internal-lb-dsr": ["--address", "10.5.0.200"],
    "on-premises": ["--address", "10.5.0.100"],
}
_DNS = " ".join(["--kind dns", *_MORE["dns"]])
_FLAGS = ["--name", "C1", "--server", "node1=10.5.0.110", "--server", "node2=10.5.0.111"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `clp config new made ...`."""

    def clp(*words: str) -> tuple[int, str, str]:
        code = main(["config", "new", str(tmp_path / "made"), *words])
        out, err = capsys.readouterr()
        return code, out, err

    return clp


def _check(folder: Path) -> config.Loaded:
    registry = host.load()
    loaded = config.load(folder / "conf.d", registry.specs, registry.refused)
    assert loaded.config, config.render(loaded.problems, None)
    return loaded


@pytest.mark.parametrize("kind", [shape.value for shape in Shape])
def test_every_kind_passes_the_check(kind: str, run: Run, tmp_path: Path) -> None:
    code, out, err = run("--kind", kind, *_MORE.get(kind, []), *_FLAGS)
    assert (code, err) == (0, "")
    loaded = _check(tmp_path / "made")
    risk = [] if kind == "dns" else ["cluster.unproven_takeover"]
    assert [problem.key for problem in loaded.problems] == risk
    assert loaded.config
    assert loaded.config.server_names == ("node1", "node2")
    assert "clp keygen" in out
    scripts = sorted((tmp_path / "made/scripts/failover1/exec1").iterdir())
    for script in scripts:
        assert os.access(script, os.X_OK)
        assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    assert [script.name for script in scripts] == ["start.sh", "stop.sh"]


def test_a_script_that_nobody_has_filled_in_succeeds_and_is_warned_of(
    run: Run, tmp_path: Path
) -> None:
    """A rehearsal shows a cluster that works; nobody takes it for the application."""
    run("--kind", "public-lb", *_FLAGS)
    scripts = tmp_path / "made/scripts"

    def warned() -> list[str]:
        found = config.check_here(
            _check(tmp_path / "made"), host.load().specs, scripts=scripts, server="node1"
        )
        assert all(problem.severity is Severity.WARNING for problem in found.problems)
        return [each.key for each in found.problems if "as clp config new has" in each.what]

    keys = [f"group.failover1.resource.exec1.{verb}" for verb in ("start", "stop")]
    assert warned() == keys
    for verb in ("start", "stop"):
        script = scripts / f"failover1/exec1/{verb}.sh"
        done = subprocess.run([script], capture_output=True, text=True, check=True)
        assert done.stderr == f"{script} is not edited yet: it {verb}s nothing\n"
        lines = script.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("# NOT EDITED YET")]
        assert len(kept) == len(lines) - 1
        script.write_text("".join(kept))
    assert warned() == []


@pytest.mark.parametrize(
    ("shape", "resources"),
    [
        (Shape.PUBLIC_LB, ["exec1", "lbpp1"]),
        (Shape.INTERNAL_LB, ["exec1", "lbpp1"]),
        (Shape.INTERNAL_LB_DSR, ["exec1", "loopback1", "lbpp1"]),
        (Shape.DNS, ["exec1", "azuredns1"]),
        (Shape.ON_PREMISES, ["exec1", "fip1"]),
    ],
)
def test_the_group_of_each_kind(shape: Shape, resources: list[str], tmp_path: Path) -> None:
    loaded = _written(new.make(_wanted(shape), host.load().specs, "made"), tmp_path)
    assert loaded.config
    group = loaded.config.group_by_name["failover1"]
    assert list(group.by_name) == resources
    if "lbpp1" in resources:
        assert group.by_name["lbpp1"].settings == {"port": 26002}


def _wanted(shape: Shape) -> Wanted:
    """Give one cluster of each shape; every answer is there, whether it is needed or not."""
    return Wanted(
        name="C1",
        servers=_SERVERS,
        shape=shape,
        port=26002,
        address="10.5.0.100",
        zone="cluster1.zone",
        record_set="www",
        account=Account(subscription=_ID, resource_group="TestGroup1"),
    )


def _written(made: new.New, folder: Path) -> config.Loaded:
    for name, text in made.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return _check(folder)


@pytest.mark.parametrize("shape", list(Shape))
def test_without_its_driver_the_address_waits_in_a_file(shape: Shape, tmp_path: Path) -> None:
    base = {"exec", "pidw", "lanhb"}
    specs: dict[tuple[Kind, str], DriverSpec] = {
        key: spec for key, spec in host.load().specs.items() if key[1] in base
    }
    made = new.make(_wanted(shape), specs, "made")
    loaded = _written(made, tmp_path)
    assert loaded.config
    assert list(loaded.config.group_by_name["failover1"].by_name) == ["exec1"]
    (off,) = tmp_path.glob("conf.d/*.off")
    assert f"clpcore-{off.name.removesuffix('1.toml.off')} on every server" in made.steps[0]
    assert "Not yet" in (tmp_path / "conf.d/failover1.toml").read_text()


def test_a_folder_that_holds_anything_is_not_touched(run: Run, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/mine").write_text("mine")
    code, out, err = run("--kind", "public-lb", *_FLAGS)
    assert (code, out) == (1, "")
    assert "is there already, and nothing is overwritten" in err
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "mine"]


def test_an_empty_folder_is_filled(run: Run, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    assert run("--kind", "public-lb", *_FLAGS)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            "--kind public-lb --server node1=10.5.0.9",
            "--server node1=10.5.0.9: node1 is given twice",
        ),
        ("--kind public-lb --server node3=10.5.0.110", "10.5.0.110 is the address of node1"),
        ("--kind public-lb --server node3=10.5.0", "'10.5.0' is no IP address"),
        ("--kind public-lb --server node,3=10.5.0.3", "'node,3' is no name"),
        ("--kind public-lb --name C,1", "--name: 'C,1' is no name"),
        (f"{_DNS} --port 26001", "--port: with --kind dns no load balancer probes a port"),
        ("--kind public-lb --port 99999", "'99999' is no port"),
        ("--kind public-lb --port 0", "'0' is no port"),
        ("--kind internal-lb --address 10.5.0.9", "--address: with --kind internal-lb no server"),
        (f"{_DNS} --address 10.5.0.9", "--address: with --kind dns no server"),
        ("--kind on-premises --address here", "--address: 'here' is no IP address"),
        ("--kind on-premises --address 10.5.0.111/24", "10.5.0.111 is the address of node2"),
    ],
)
def test_a_wrong_answer_is_told_in_a_sentence_and_writes_nothing(
    flags: str, said: str, run: Run, tmp_path: Path
) -> None:
    code, out, err = run(*_FLAGS, *flags.split())
    assert (code, out) == (2, "")
    assert said in err
    assert "nothing was written" in err
    assert str(tmp_path) not in err
    assert list(tmp_path.iterdir()) == []


def test_what_only_a_driver_can_refuse_is_told_as_the_check_does(run: Run, tmp_path: Path) -> None:
    code, _, err = run("--kind", "on-premises", "--address", "10.5.0.0/24", *_FLAGS)
    assert code == 78
    assert "fip1.ip: 10.5.0.0 is the network itself" in err
    assert list(tmp_path.iterdir()) == []


def test_a_server_alone_is_told_what_it_lacks(run: Run) -> None:
    code, out, _ = run("--kind", "public-lb", "--name", "C1", "--server", "node1=10.5.0.110")
    assert code == 0
    assert "1. node1 is alone, and nobody can take over from it" in out
    assert "On node1, make the key of the cluster: clp keygen.\n" in out


def test_the_steps_name_every_server(run: Run, tmp_path: Path) -> None:
    out = run("--kind", "public-lb", *_FLAGS, "--server", "node3=10.5.0.112")[1]
    assert f"from {tmp_path}/made to /etc/clpcore on node1, node2 and node3." in out
    assert "copy /etc/clpcore/cluster.key to node2 and node3, for root alone." in out


def test_nobody_to_ask_is_told_what_is_missing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Cluster1\n"))
    code, _, err = run("--kind", "on-premises")
    assert code == 2
    assert "nobody is at a terminal to answer for --name, --server, --address" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("server", ["node1", "=10.0.0.1", "node1="])
def test_a_server_without_an_address_is_refused(server: str, run: Run) -> None:
    code, _, err = run("--kind", "public-lb", "--name", "C1", "--server", server)
    assert code == 2
    assert f"--server {server}: write a name and an address" in err


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_it_asks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["", "nonsense", "on-premises", "node1=10.5.0.110", "no", "node2=10.5.0.110"]
    answers += ["node2=10.5.0.111", "", "", "10.5.0.100", "", ""]
    monkeypatch.setattr("sys.stdin", _Terminal("\n".join(answers)))
    code, out, err = run("--json")
    assert code == 0, err
    assert json.loads(out)["ok"] is True  # the questions are on stderr
    assert err.count("Kind [") == 2
    assert "'nonsense' is none of public-lb, internal-lb, internal-lb-dsr, dns, on-premises" in err
    assert err.count("First server") == 1
    assert err.count("Next server") == 4
    assert "10.5.0.110 is the address of node1" in err
    assert err.count("Floating address") == 2
    assert err.count("URL of a witness") == 1
    loaded = _check(tmp_path / "made")
    assert loaded.config
    assert loaded.config.name == "Cluster1"
    assert loaded.config.group_by_name["failover1"].by_name["fip1"].settings["ip"] == "10.5.0.100"


def test_behind_a_load_balancer_it_asks_for_the_port(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal("public-lb\n0\n26005\nno\n\n"))
    code, _, err = run(*_FLAGS)
    assert code == 0, err
    assert "'0' is no port" in err
    loaded = _check(tmp_path / "made")
    assert loaded.config
    assert loaded.config.group_by_name["failover1"].by_name["lbpp1"].settings == {"port": 26005}


def test_a_folder_that_is_taken_is_told_before_any_question(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made/mine").write_text("mine")
    monkeypatch.setattr("sys.stdin", _Terminal(""))
    code, _, err = run()
    assert (code, "is there already" in err, "Name of" in err) == (1, True, False)


def test_answers_that_end_early_write_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal("C1\n"))
    code, _, err = run()
    assert code == 2
    assert "the answers ended early" in err
    assert list(tmp_path.iterdir()) == []
