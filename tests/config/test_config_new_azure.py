"""``clp config new`` on Azure: who asks it, the forced stop, and a witness."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore import config, host
from clpcore.config import new
from clpcore.config.wanted import Account, Shape, Wanted
from clpcore.ctl.main import main
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import Policy

_ID = "22222222-2222-2222-2222-222222222222"
_APPLICATION = "33333333-3333-3333-3333-333333333333"
_FLAGS = ["--name", "C1", "--server", "node1=10.5.0.110", "--server", "node2=10.5.0.111"]
_ACCOUNT = ["--subscription", _ID, "--resource-group", "TestGroup1"]
_DNS = ["--kind", "dns", "--zone", "cluster1.zone", "--record-set", "www", *_ACCOUNT]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `clp config new made ...`."""

    def clp(*words: str) -> tuple[int, str, str]:
        code = main(["config", "new", str(tmp_path / "made"), *words])
        out, err = capsys.readouterr()
        return code, out, err

    return clp


def _loaded(folder: Path) -> ClusterConfig:
    registry = host.load()
    loaded = config.load(folder / "made/conf.d", registry.specs, registry.refused)
    assert loaded.config, config.render(loaded.problems, None)
    assert [each.key for each in loaded.problems if each.severity.value != "info"] == []
    return loaded.config


def test_the_name_is_complete_and_a_takeover_rests_on_proof(run: Run, tmp_path: Path) -> None:
    code, out, err = run(*_DNS, *_FLAGS)
    assert (code, err) == (0, "")
    cluster = _loaded(tmp_path)
    record = cluster.group_by_name["failover1"].by_name["azuredns1"]
    account = {
        "subscription_id": _ID,
        "resource_group": "TestGroup1",
        "managed_identity": True,
    }
    assert account.items() <= record.settings.items()
    assert record.settings["zone"] == "cluster1.zone"
    assert record.settings_for("node2")["ip"] == "10.5.0.111"
    assert cluster.policy is Policy.COHORT
    (stop,) = cluster.fencings
    assert account.items() <= stop.settings.items()
    assert stop.settings_for("node2")["vm_name"] == "node2"
    assert cluster.fence_delay >= stop.timeout
    assert "Give the identity of each server's machine the role" in out


def test_a_service_principal_signs_in_for_both(run: Run, tmp_path: Path) -> None:
    principal = ["--application", _APPLICATION, "--tenant", "example.com"]
    code, out, err = run(*_DNS, *_FLAGS, *principal)
    assert (code, err) == (0, "")
    cluster = _loaded(tmp_path)
    record = cluster.group_by_name["failover1"].by_name["azuredns1"]
    for settings in (record.settings, cluster.fencings[0].settings):
        assert settings["application_id"] == _APPLICATION
        assert settings["tenant_id"] == "example.com"
        assert settings["certificate_file"] == "/etc/clpcore/azure.pem"
        assert "managed_identity" not in settings
    assert "Put its certificate into /etc/clpcore/azure.pem on each server" in out


def test_the_forced_stop_can_be_left_out(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(*_DNS, *_FLAGS, "--no-forced-stop")
    assert code == 0
    assert not (tmp_path / "made/conf.d/forced_stop.toml").exists()
    assert "For one, see docs/howto/azure-forced-stop.md" in out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--kind", "public-lb"], "waits for an operator's word (clp server confirm-down NAME)"),
        (["--kind", "public-lb", "--witness", "https://w.example:443"], "which proves nothing"),
        (["--kind", "public-lb"], "begin anew with --subscription"),
        (["--kind", "on-premises", "--address", "10.5.0.100"], "see docs/howto/never-twice.md"),
    ],
)
def test_what_a_takeover_rests_on_without_a_forced_stop_is_told(
    flags: list[str], said: str, run: Run
) -> None:
    out = run(*flags, *_FLAGS)[1]
    (step,) = [line for line in out.splitlines() if "There is no forced stop" in line]
    assert said in step


@pytest.mark.parametrize(
    ("flags", "servers"), [(_ACCOUNT, _FLAGS), ([], _FLAGS[:4])], ids=["it is there", "one server"]
)
def test_nothing_is_said_where_nothing_is_lacking(
    flags: list[str], servers: list[str], run: Run
) -> None:
    assert "There is no forced stop" not in run("--kind", "public-lb", *servers, *flags)[1]


def test_the_longest_value_has_a_blank_before_its_comment(run: Run, tmp_path: Path) -> None:
    principal = ["--application", _APPLICATION, "--tenant", "example.com"]
    long = ["--certificate", "/etc/clpcore/certificates/azure.pem"]
    assert run("--kind", "public-lb", *_FLAGS, *_ACCOUNT, *principal, *long)[0] == 0
    text = (tmp_path / "made/conf.d/forced_stop.toml").read_text()
    assert 'certificate_file = "/etc/clpcore/certificates/azure.pem" # on each server' in text


@pytest.mark.parametrize("kind", ["public-lb", "internal-lb", "internal-lb-dsr"])
def test_behind_a_load_balancer_a_subscription_brings_it(
    kind: str, run: Run, tmp_path: Path
) -> None:
    more = ["--address", "10.5.0.200"] if kind == "internal-lb-dsr" else []
    assert run("--kind", kind, *more, *_FLAGS, *_ACCOUNT)[0] == 0
    cluster = _loaded(tmp_path)
    assert cluster.policy is Policy.COHORT
    resources = cluster.group_by_name["failover1"].by_name
    assert ("loopback1" in resources["exec1"].depends_on) is bool(more)


def test_a_witness_brings_heartbeats_and_who_is_cut_off(run: Run, tmp_path: Path) -> None:
    assert run(*_DNS, *_FLAGS, "--witness", "https://witness.example:443")[0] == 0
    cluster = _loaded(tmp_path)
    assert [each.name for each in cluster.heartbeats] == ["lanhb1", "witnesshb1"]
    assert [each.name for each in cluster.nps] == ["httpnp1"]
    assert cluster.arbiter is None


def test_what_has_no_driver_here_waits_in_files_that_are_not_loaded(tmp_path: Path) -> None:
    base = {"exec", "pidw", "lanhb"}
    specs = {key: spec for key, spec in host.load().specs.items() if key[1] in base}
    wanted = Wanted(
        name="C1",
        servers=(("node1", "10.5.0.120"), ("node2", "10.5.0.121")),
        shape=Shape.INTERNAL_LB_DSR,
        address="10.5.0.200",
        account=Account(subscription=_ID, resource_group="TestGroup1"),
        forced_stop=True,
        witness="https://witness.example:443",
    )
    made = new.make(wanted, specs, "made")
    for name, text in made.files.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).write_text(text)
    off = sorted(tmp_path.glob("made/conf.d/*.off"))
    names = ["forced_stop.toml.off", "lbpp1.toml.off", "witness.toml.off"]
    assert [file.name for file in off] == names
    said = " ".join(made.steps)
    for distribution in ("clpcore-loopback clpcore-lbpp", "clpcore-azurefence", "clpcore-witness"):
        assert f"pip install {distribution} on every server" in said
    for file in off:  # once they are installed
        file.rename(file.with_suffix(""))
    cluster = _loaded(tmp_path)
    resources = cluster.group_by_name["failover1"].by_name
    assert resources["exec1"].depends_on == ("loopback1",)
    assert cluster.fencings


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            "--kind public-lb --subscription mine --resource-group g",
            "'mine' is no id, such as 2222",
        ),
        ("--kind public-lb --zone z.example", "--zone: with --kind public-lb no name in a zone"),
        ("--kind public-lb --resource-group g", "--resource-group: this cluster asks Azure for no"),
        ("--kind on-premises --address 10.5.0.9 --subscription " + _ID, "--subscription: this cl"),
        (" ".join([*_DNS, "--tenant", "example.com"]), "--tenant: it belongs to a service princ"),
        (" ".join([*_DNS, "--certificate", "/c.pem"]), "--certificate: it belongs to a service"),
        (" ".join([*_DNS, "--application", "mine", "--tenant", "example.com"]), "'mine' is no id"),
    ],
)
def test_a_flag_that_is_wrong_or_would_be_ignored_is_refused(
    flags: str, said: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, out, err = run(*_FLAGS, *flags.split())
    assert (code, out) == (2, "")
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_nobody_to_ask_is_told_every_flag_that_a_name_needs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = run("--kind", "dns", *_FLAGS)
    assert code == 2
    assert "answer for --zone, --record-set, --subscription, --resource-group" in err


def test_what_only_the_driver_can_refuse_is_told_as_the_check_does(
    run: Run, tmp_path: Path
) -> None:
    principal = ["--application", _APPLICATION, "--tenant", "consumers"]
    code, _, err = run(*_DNS, *_FLAGS, *principal)
    assert code == 78
    assert "consumers is the tenant of personal accounts" in err
    assert list(tmp_path.iterdir()) == []


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_it_asks_for_all_of_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["dns", "maybe", "yes", "", "cluster1.zone", "www", "mine", _ID, "TestGroup1"]
    answers += [_APPLICATION, "example.com", "azure.pem", "", "https://witness.example:443"]
    monkeypatch.setattr("sys.stdin", _Terminal("\n".join([*answers, ""])))
    code, _, err = run(*_FLAGS)
    assert code == 0, err
    assert "'maybe' is neither yes nor no" in err
    assert "it is needed" in err
    assert "'mine' is no id" in err
    assert "'azure.pem' is no absolute path" in err
    cluster = _loaded(tmp_path)
    record = cluster.group_by_name["failover1"].by_name["azuredns1"]
    assert record.settings["application_id"] == _APPLICATION
    assert record.settings["certificate_file"] == "/etc/clpcore/azure.pem"
    assert cluster.fencings
    assert len(cluster.heartbeats) == 2
